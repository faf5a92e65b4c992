// RecordDeserializer: what a source node makes of the bytes of a record. For whoever reads a topic: a task's queues,
// the global task, and the restore of a table from its own topic.
//
// Kafka Streams' RecordDeserializer and RecordQueue: what cannot be deserialised goes to its handler, what has a
// negative timestamp is dropped and counted.
#pragma once
#include <cstdint>
#include <string>

#include "millrace/base/record_batch.h"
#include "millrace/dsl/topology.h"
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

// One thread. Of one partition.
class RecordDeserializer {
 public:
  // `source` and `counters` outlive it. `partition` has the topic's name in the log.
  RecordDeserializer(const TopologyNode& source, TopicPartition partition, OnError on_error, TaskCounters& counters);
  RecordDeserializer(const RecordDeserializer&) = delete;

  // Headers, key and value. False: they do not deserialise, and the record was dropped and counted. Throws StreamsError
  // where the handler says fail.
  bool read(const RecordView& record);
  // The timestamp that the source's extractor, if there is one, gives the record just read. False: it is negative, and
  // the record was dropped and counted. Throws StreamsError with what the extractor throws.
  bool stamp(const Timestamp& partition_time);
  // Drops and counts the record just read.
  void drop(const std::string& why);

  // Of the record just read. Valid until the next read().
  const void* key() const { return head_key_; }
  const void* value() const { return head_value_; }
  const RecordContext& context() const { return head_; }

  const TopologyNode& source() const { return source_; }
  const TopicPartition& partition() const { return partition_; }

 private:
  void refuse(const std::string& why);
  Result<const void*> object(AnyValue& into, const AnySerde& serde, BytesView bytes, bool is_key, bool nullable);

  const TopologyNode& source_;
  const TopicPartition partition_;
  const OnError on_error_;
  TaskCounters& counters_;
  AnyValue key_, value_;
  const void* head_key_ = nullptr;
  const void* head_value_ = nullptr;
  RecordContext head_;
  Headers headers_;
};

}  // namespace millrace
