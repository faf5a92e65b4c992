// TaskId and StreamsError: who runs, and why it stopped.
#pragma once
#include <compare>
#include <optional>
#include <stdexcept>
#include <string>

#include "millrace/base/error_code.h"
#include "millrace/base/types.h"

namespace millrace {

// A task: one sub-topology over one partition of each of its inputs. Kafka Streams prints it as "0_3".
struct TaskId {
  int sub_topology = 0;
  PartitionId partition = 0;
  friend auto operator<=>(const TaskId&, const TaskId&) = default;
  std::string text() const { return std::to_string(sub_topology) + "_" + std::to_string(partition); }
};

// Where a record stands, for messages.
inline std::string place_of(const TopicPartition& partition, Offset offset) {
  return "topic " + partition.topic + ", partition " + std::to_string(partition.partition) + ", offset " +
         std::to_string(offset);
}

// A program that cannot go on: a handler said fail, or the log or a store did. The message names topic, partition and
// offset where there are.
class StreamsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  // The log refused something.
  StreamsError(const std::string& what, ErrorCode code) : runtime_error(what), code_(code) {}
  std::optional<ErrorCode> code() const { return code_; }

 private:
  std::optional<ErrorCode> code_;
};

}  // namespace millrace
