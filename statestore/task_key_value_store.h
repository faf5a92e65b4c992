// TaskKeyValueStore: a task's timestamped key-value store, persistent (rows in a checkpoint) or in memory.
#pragma once
#include "millrace/statestore/task_store.h"

namespace millrace {

class TaskKeyValueStore final : public KeyValueStore {
 public:
  TaskKeyValueStore(const StoreSpec& spec, const StoreEnvironment& environment) : store_(spec, environment) {}
  TaskStore& task_store() { return store_; }

  const std::string& name() const override { return store_.spec().name; }
  bool caches() const override { return store_.caches(); }
  void set_flush_listener(FlushListener listener) override { store_.set_flush_listener(listener); }
  void send_old_values() override { store_.send_old_values(); }
  ValueAndTimestamp get(BytesView key) override {
    StoreCounters& c = store_.counters();
    return c.count<calls_between_timed>(c.gets, [&] { return store_.get(key); });
  }
  ValueAndTimestamp put(BytesView key, const void* value, Timestamp timestamp, const RecordContext& context) override {
    StoreCounters& c = store_.counters();
    return c.count<calls_between_timed>(c.puts, [&] { return store_.put(key, value, timestamp, context); });
  }
  std::unique_ptr<KeyValueIterator> range(std::optional<BytesView> from, std::optional<BytesView> to,
                                          ScanOrder order) override;
  std::unique_ptr<KeyValueIterator> prefix_scan(BytesView prefix) override;

 private:
  TaskStore store_;
};

}  // namespace millrace
