// TaskWindowStore: a task's timestamped window store, persistent (rows in a checkpoint, by segment) or in memory.
#pragma once
#include "millrace/statestore/task_store.h"

namespace millrace {

class TaskWindowStore final : public WindowStore {
 public:
  TaskWindowStore(const StoreSpec& spec, const StoreEnvironment& environment) : store_(spec, environment) {}
  TaskStore& task_store() { return store_; }

  const std::string& name() const override { return store_.spec().name; }
  bool caches() const override { return store_.caches(); }
  void set_flush_listener(FlushListener listener) override { store_.set_flush_listener(listener); }
  void send_old_values() override { store_.send_old_values(); }
  Duration retention() const override { return store_.spec().retention; }
  Duration window_size() const override { return store_.spec().window_size; }
  ValueAndTimestamp fetch(BytesView key, Timestamp window_start) override;
  ValueAndTimestamp put(BytesView key, const void* value, Timestamp window_start, Timestamp timestamp,
                        const RecordContext& context) override;
  std::unique_ptr<WindowStoreIterator> fetch(BytesView key, Timestamp from, Timestamp to, ScanOrder order) override;
  std::unique_ptr<WindowStoreIterator> fetch_range(std::optional<BytesView> from_key, std::optional<BytesView> to_key,
                                                   Timestamp from, Timestamp to, ScanOrder order) override;

 private:
  BytesView table_key(BytesView key, Timestamp window_start);
  std::unique_ptr<WindowStoreIterator> windows_of(BytesView key, Timestamp from, Timestamp to, ScanOrder order);
  TaskStore store_;
  Bytes scratch_;
};

}  // namespace millrace
