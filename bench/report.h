// What a benchmark says of the machine and of itself.
#pragma once
#include <cstdint>
#include <string>

namespace millrace::bench {

// VmHWM, in MB: the largest resident size of this process so far.
std::int64_t peak_memory_mb();
// CPU time that this process has taken so far, all threads, in the kernel too.
double cpu_seconds();
// MB/s that 4 files give when they are written and synced as a commit does, in `directory`.
double disk_mb_per_s(const std::string& directory);

}  // namespace millrace::bench
