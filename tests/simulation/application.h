// A whole application from a seed: log, offsets, transactions, RocksDB and a topology on one simulated machine that is
// killed, cut off from power, and whose disk fails, in several lives. What comes out is compared with what the input
// topic holds at the end, by code that shares nothing with the runtime.
//
//   topology.h     what the application does; parts of it are drawn from the seed, as is its guarantee
//   feed.h         what comes in: late orders, updates and deletions of tables, in transactions or not
//   oracle.h       what must have come out, before each start and at the end: outputs, offsets, changelogs, rows on
//                  disk; evidence.h is what its checks share, updates.h says which updates an input can have made
//
// At least once, an output may go back to an earlier order, once for each start or redo; an aggregate may count too
// much, never too little, and exactly where nothing was done twice. What was read before it was on disk, and then lost,
// may have left traces. A store without a changelog has all, or all since a start that emptied and counted it.
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
