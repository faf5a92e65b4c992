// GlobalInput: what a global table makes of one partition of its topic: each record goes into the store of all tasks.
// The global task (global_task.h) and the test driver read the topic; both give the records to this.
#pragma once
#include "millrace/dsl/operators/key_bytes.h"
#include "millrace/runtime/record_deserializer.h"
#include "millrace/statestore/global_key_value_store.h"

namespace millrace {

class GlobalInput {
 public:
  // `source`, `store` and `counters` outlive it.
  GlobalInput(const TopologyNode& source, TopicPartition partition, GlobalKeyValueStore& store, OnError on_error,
              TaskCounters& counters)
      : records_(source, std::move(partition), on_error, counters),
        store_(store),
        keys_(store.spec().key, store.spec().name) {}
  // A record without a key, or one that the handler skips, is dropped and counted. Throws StreamsError where the
  // handler says fail, and what a serde throws. Under the lock of the store.
  void apply(const RecordView& record) {
    if (!records_.read(record)) return;
    if (!records_.key()) return records_.drop("null key");
    store_.apply(keys_.of(records_.key()), records_.value(), record.timestamp);
  }
  const TopicPartition& partition() const { return records_.partition(); }

 private:
  RecordDeserializer records_;
  GlobalKeyValueStore& store_;
  KeyBytes keys_;
};

}  // namespace millrace
