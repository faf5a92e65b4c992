// The three families of workloads: topologies over the log, a restore, and the log alone.
#pragma once
#include <cstdint>
#include <string>

namespace millrace::bench {

struct StreamsWorkload {
  std::string workload = "count";  // map | count | window | wordcount | join
  std::uint64_t records = 4'000'000;
  std::uint64_t keys = 100'000;
  int partitions = 4;
  int threads = 2;
  std::string guarantee = "at_least_once";
  std::string dir;
  std::string flush = "group";
  bool restore = false;
};
// Loads the input if it is not there. The exit code.
int load_input(const StreamsWorkload& w);
// Runs and prints one JSON line, two with restore. The exit code.
int run_streams(const StreamsWorkload& w);

struct RestoreWorkload {
  std::uint64_t keys = 4'000'000;
  std::size_t value_bytes = 100;
  int partitions = 4;
  int threads = 2;
  std::string dir;
  std::string flush = "group";
};
// Writes the changelog if it is not there. The exit code.
int load_changelog(const RestoreWorkload& w);
// Measures from nothing to a table of all keys, looks some of them up, and prints one JSON line. The exit code.
int run_restore(const RestoreWorkload& w);

struct LogWorkload {
  std::uint64_t records = 5'000'000;
  std::size_t size = 100;
  int producers = 4;
  std::string flush = "group";
  std::string dir;
};
int run_log(const LogWorkload& w);

}  // namespace millrace::bench
