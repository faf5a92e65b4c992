// RecordQueue: one input partition of a task: batches in, deserialised records out, one at a time.
//
// Kafka Streams' RecordQueue: the head record is deserialised (record_deserializer.h) and has its timestamp as soon as
// it is the head. Aborted transactions and markers are skipped here.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/record_batch.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/committed_batches.h"
#include "millrace/runtime/record_deserializer.h"

namespace millrace {

// Counters of one input.
struct InputCounters {
  std::int64_t records = 0, bytes = 0;  // read: those of a batch when it is begun
  std::int64_t processed = 0;
};

class RecordQueue {
 public:
  // `source` outlives the queue. `topic` is the name in the log.
  RecordQueue(const TopologyNode& source, std::string topic, PartitionId partition, OnError on_deserialization_error,
              TaskCounters& counters);

  // Adds whole batches, fetched from fetch_offset() on.
  void add(FetchedBatches batches) { batches_.add(std::move(batches)); }
  // Whether there is a head record; looks for one if there is none yet. Throws StreamsError where the handler says
  // fail.
  bool has_head() { return live_ || advance(); }
  // Takes the head away.
  void pop() {
    partition_time_ = std::max(partition_time_, context().timestamp);
    ++input_counters_.processed;
    live_ = false;
  }
  // Processing the head failed, and so does the task. (What has_head() throws is taken note of here.)
  void note_failure() { has_failed_ = true; }
  // The head. Valid until pop() and the next has_head().
  const void* key() const { return head_.key(); }
  const void* value() const { return head_.value(); }
  const RecordContext& context() const { return head_.context(); }

  const InputCounters& input_counters() const { return input_counters_; }
  const CommittedBatches& batches() const { return batches_; }
  const TopologyNode& source() const { return head_.source(); }
  const TopicPartition& partition() const { return head_.partition(); }
  // The next offset to fetch.
  Offset fetch_offset() const { return batches_.end(); }
  // Where to go on after a restart: everything before it was taken or skipped.
  Offset next_offset() const { return live_ ? context().offset : next_offset_; }
  // Whether next_offset() is another than at the last call, or at seek().
  bool take_moved() { return std::exchange(offset_taken_, next_offset()) != next_offset(); }
  // The task failed at the record at next_offset().
  bool has_failed() const { return has_failed_; }
  // Of the batch before next_offset(), markers and what is left out included; -1: none was read yet.
  LeaderEpoch leader_epoch() const { return batches_.leader_epoch(); }
  Timestamp partition_time() const { return partition_time_; }
  // Starts at `offset`, with what an earlier run knew of time.
  void seek(Offset offset, Timestamp partition_time);

 private:
  bool advance();
  bool find_head();

  RecordDeserializer head_;
  InputCounters input_counters_;
  CommittedBatches batches_;
  std::optional<RecordReader> reader_;
  Bytes decompressed_;
  Offset next_offset_ = 0, offset_taken_ = 0;
  Timestamp partition_time_{-1};
  bool live_ = false, has_failed_ = false;
};

}  // namespace millrace
