// What a simulated run must have produced, from what its input topics hold.
#pragma once
#include <array>
#include <map>
#include <string>
#include <vector>

#include "millrace/connectors/log_client.h"
#include "tests/simulation/feed.h"
#include "tests/simulation/topology.h"

namespace millrace::test {

constexpr std::size_t partition_count = 2;  // of "orders", and so of all but "prices"

// Records of one topic, by partition, in order.
using TopicRecords = std::vector<std::vector<ConsumedRecord>>;
Result<TopicRecords> read_topic(LogClient& log, const std::string& topic, int partitions,
                                Isolation isolation = Isolation::read_committed);

// Offsets of "orders" by partition.
using OrderOffsets = std::array<Offset, partition_count>;
Result<OrderOffsets> committed_orders(LogClient& log);

// One start of the application and what it counted until it ended.
struct Stay {
  OrderOffsets from{}, to{};  // committed before, and, if it ended well, after it
  bool ended_well = false;    // closed in good order
  int redone = 0;             // times that what was not committed was done again
  int emptied = 0;            // stores without a changelog, when it started
  int outdated = 0;           // checkpoints that were older than tombstones are kept
  std::int64_t dropped = 0;   // records
};

// A store's rows on disk, by partition.
using StoreRows = std::array<std::map<std::string, std::string>, partition_count>;

struct OracleInput {
  LogClient& log;
  const Shape& shape;
  bool exactly_once = true;
  bool updates_held_back = false;  // the record cache is on: not every update comes out
  const Fed& fed;
  const std::vector<Stay>& stays;
  const std::map<std::string, StoreRows>& rows;
};

struct Verdict {
  std::vector<std::string> problems;        // sentences about what is wrong
  std::map<std::string, std::int64_t> met;  // how often the rare was met
};
Verdict verdict_of(const OracleInput& input);

// What is wrong before the application starts: the outputs of the orders below the committed offsets must be there
// and, exactly once, no others. Errors: the log's.
Result<std::vector<std::string>> problems_at_start(LogClient& log, bool exactly_once);

}  // namespace millrace::test
