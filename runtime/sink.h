// Sink: the end of a path: a record is serialised, gets its partition and goes to the task's output.
#pragma once
#include <string>

#include "millrace/dsl/operator.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/task_output.h"

namespace millrace {

class Sink final : public Operator {
 public:
  // `topic`: its name in the log. `node` and `output` outlive the sink.
  Sink(const TopologyNode& node, std::string topic, TaskOutput& output);
  // Throws StreamsError if the serde refuses.
  void process(const RecordRef& record) override;

 private:
  const TopologyNode& node_;
  const std::string topic_;
  TaskOutput& output_;
  const int topic_number_;
  const int partition_count_;
  Bytes key_, value_;
};

}  // namespace millrace
