// RecordQueue: one input partition of a task: batches in, deserialised records out, one at a time.
//
// Kafka Streams' RecordQueue: the head record is deserialised and has its timestamp as soon as it is the head. Aborted
// transactions and markers are skipped here. What cannot be deserialised, or has a negative timestamp, goes to its
// handler or is dropped and counted.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/record_batch.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/committed_batches.h"
#include "millrace/statestore/value_type.h"

namespace millrace {

enum class OnError { fail, skip };  // Kafka's LogAndFail and LogAndContinue

// Counters of one task, under Kafka Streams' names.
struct TaskCounters {
  std::int64_t processed = 0;  // process-total
  std::int64_t dropped = 0;    // dropped-records-total
  // Counts a dropped record; whether the log is to be told: of the first five, then of one in 10,000.
  bool drop() { return ++dropped <= 5 || dropped % 10'000 == 0; }
  // How far records were behind stream time, in all, and at most since somebody took it.
  std::int64_t lateness_ms = 0, largest_lateness_ms = 0;
};

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
    partition_time_ = std::max(partition_time_, head_.timestamp);
    ++input_counters_.processed;
    live_ = false;
  }
  // Processing the head failed, and so does the task. (What has_head() throws is taken note of here.)
  void note_failure() { has_failed_ = true; }
  // The head. Valid until pop() and the next has_head().
  const void* key() const { return head_key_; }
  const void* value() const { return head_value_; }
  const RecordContext& context() const { return head_; }

  const InputCounters& input_counters() const { return input_counters_; }
  const CommittedBatches& batches() const { return batches_; }
  const TopologyNode& source() const { return source_; }
  const TopicPartition& partition() const { return partition_; }
  // The next offset to fetch.
  Offset fetch_offset() const { return batches_.end(); }
  // Where to go on after a restart: everything before it was taken or skipped.
  Offset next_offset() const { return live_ ? head_.offset : next_offset_; }
  // The task failed at the record at next_offset().
  bool has_failed() const { return has_failed_; }
  LeaderEpoch leader_epoch() const { return leader_epoch_; }
  Timestamp partition_time() const { return partition_time_; }
  // Starts at `offset`, with what an earlier run knew of time.
  void seek(Offset offset, Timestamp partition_time);

 private:
  bool advance();
  bool find_head();
  bool take(const RecordView& record);
  void refuse(const RecordView& record, const std::string& why);
  void drop(const RecordView& record, const std::string& why);
  Result<const void*> object(AnyValue& into, const AnySerde& serde, BytesView bytes, bool is_key, bool nullable);

  const TopologyNode& source_;
  const TopicPartition partition_;
  const OnError on_error_;
  TaskCounters& counters_;
  InputCounters input_counters_;
  CommittedBatches batches_;
  std::optional<RecordReader> reader_;
  Bytes decompressed_;
  Offset next_offset_ = 0;
  LeaderEpoch leader_epoch_ = -1;
  Timestamp partition_time_{-1};
  AnyValue key_, value_;
  const void* head_key_ = nullptr;
  const void* head_value_ = nullptr;
  RecordContext head_;
  Headers headers_;
  bool live_ = false, has_failed_ = false;
};

}  // namespace millrace
