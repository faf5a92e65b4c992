// A whole application from a seed: log, offsets, transactions, RocksDB and a topology on one simulated machine that is
// killed, cut off from power, and whose disk fails, in several lives. What comes out is compared with what the input
// topic holds at the end, by code that shares nothing with the runtime.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace millrace::test {

struct ApplicationRun {
  std::uint64_t seed = 1;
  // Syncs at this site report success and do nothing; "*": at every site. Each life then ends with a power cut.
  std::string lie = {};
  bool keeps_trace = false;
};

struct ApplicationOutcome {
  // What was lost, repeated or torn, a sentence each; empty: all is well.
  std::vector<std::string> problems;
  // What two runs of a seed must agree on, line by line: the trace's hash, the disk's files, outputs, offsets, rows.
  std::vector<std::string> facts;
  std::vector<std::string> trace;                            // every call, if it was kept
  std::set<std::string, std::less<>> sync_sites;             // that were passed
  std::map<std::string, std::uint64_t, std::less<>> passes;  // of each named place
  std::map<std::string, std::int64_t> met;                   // how often the rare was met
  int lives = 0;
  int power_cuts = 0;
  std::size_t orders = 0;
};

ApplicationOutcome run_application(const ApplicationRun& run);

}  // namespace millrace::test
