// TaskOutput: where a task's records go. The real one (runtime/record_collector.h) fills batches and appends them; the
// test driver keeps them.
#pragma once
#include <string>

#include "millrace/base/types.h"

namespace millrace {

// One thread: the one that runs the task.
class TaskOutput {
 public:
  virtual ~TaskOutput() = default;
  // A number for `topic` (with the application id if internal), for send(). Throws StreamsError if there is no such
  // topic.
  virtual int topic(const std::string& topic) = 0;
  virtual int partition_count(int topic) = 0;
  // A number for what `store`, which has no changelog of its own, would log: it goes to the store's checkpoint and
  // nowhere else.
  virtual int unlogged(const std::string& store) = 0;
  // A record at the end of `partition`. Views are copied before the call returns; null data() is null. Throws
  // StreamsError where the log fails.
  virtual void send(int topic, PartitionId partition, Timestamp timestamp, BytesView key, BytesView value,
                    const Headers* headers) = 0;
};

}  // namespace millrace
