// What a simulated run must have produced, from what its input topics hold.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "millrace/connectors/log_client.h"

namespace millrace::test {

// Committed records of one topic, by partition, in order.
using TopicRecords = std::vector<std::vector<ConsumedRecord>>;
Result<TopicRecords> read_committed(LogClient& log, const std::string& topic, int partitions);

struct OracleInput {
  LogClient& log;
  bool updates_held_back = false;       // the record cache is on: not every update comes out
  std::set<std::int64_t> acknowledged;  // ids of orders that must be there
  std::set<std::int64_t> aborted;       // ids that must not
};

// Sentences about what is wrong.
std::vector<std::string> problems_of(const OracleInput& input);

}  // namespace millrace::test
