#include "bench/report.h"

#include <sys/resource.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "millrace/base/env_real.h"

namespace millrace::bench {

std::int64_t peak_memory_mb() {
  std::FILE* status = std::fopen("/proc/self/status", "r");
  if (!status) return -1;
  char line[256];
  long kb = -1;
  while (std::fgets(line, sizeof line, status))
    if (std::sscanf(line, "VmHWM: %ld kB", &kb) == 1) break;
  std::fclose(status);
  return kb / 1024;
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double disk_mb_per_s(const std::string& directory) {
  constexpr int files = 4, rounds = 20;
  constexpr std::size_t piece = 2 << 20;
  FileSystem& fs = real_env().files();
  const std::string chunk(piece, 'x');
  std::vector<std::unique_ptr<File>> open;
  for (int i = 0; i < files; ++i) {
    auto file = fs.open(directory + "/disk-probe-" + std::to_string(i), OpenMode::replace);
    if (!file) return -1;
    open.push_back(std::move(file).value());
  }
  const std::int64_t start = real_env().clock().monotonic_ns();
  for (int r = 0; r < rounds; ++r) {
    for (auto& file : open)
      if (!file->append(chunk, "bench.probe")) return -1;
    for (auto& file : open)
      if (!file->sync("bench.probe")) return -1;
  }
  const double seconds = static_cast<double>(real_env().clock().monotonic_ns() - start) / 1e9;
  for (int i = 0; i < files; ++i)
    if (!fs.remove(directory + "/disk-probe-" + std::to_string(i), "bench.probe")) return -1;
  return static_cast<double>(files * rounds * piece) / 1e6 / seconds;
}

}  // namespace millrace::bench
