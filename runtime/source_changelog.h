// SourceChangelog: the topic that a table reads, taken for the changelog of the table's store
// (topology.optimization=reuse.ktable.source.topics).
//
// What comes back must be what was there: records are deserialised, skipped where the deserialization handler says so,
// and serialised as the store would have, which is what KTableSource did with them the first time. (Kafka Streams puts
// the topic's bytes into the store as they are, KAFKA-8037: a record that was skipped is then in the store, a key whose
// serde writes other bytes than it reads is not found, and a store with a serde of its own cannot read its values.)
#pragma once
#include "millrace/dsl/operators/key_bytes.h"
#include "millrace/runtime/record_deserializer.h"
#include "millrace/statestore/state_store.h"

namespace millrace {

// One thread. Of one partition.
class SourceChangelog {
 public:
  // `source`, which reads the partition, and `store` outlive it.
  SourceChangelog(const TopologyNode& source, TopicPartition partition, const StoreSpec& store, OnError on_error);
  // One changelog batch with what the store logged for the records of `batch` at from <= offset < end; no others are
  // looked at. Empty: none. Its leader epoch is that of `batch`, its offsets are not. Errors: CORRUPT_MESSAGE; the
  // serde's, also thrown, where a record does not serialise. Throws StreamsError for one that does not deserialise
  // where the handler says fail.
  Result<Bytes> logged_for(const RecordBatchView& batch, Offset from, Offset end);

 private:
  Result<> add();
  TaskCounters counters_;  // nobody's: what is skipped here was counted when it was processed
  RecordDeserializer records_;
  const StoreSpec& store_;
  KeyBytes keys_;
  RecordBatchBuilder builder_;
  Bytes value_, decompressed_;
};

}  // namespace millrace
