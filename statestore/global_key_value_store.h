// GlobalKeyValueStore: the store of a global table: one for all tasks, filled from its topic, which is its changelog.
//
// Threads: put by the global task alone, under the lock that other tasks hold shared; get by any task.
#pragma once
#include <string>

#include "millrace/statestore/entry_table.h"
#include "millrace/statestore/state_store.h"

namespace millrace {

class GlobalKeyValueStore final : public KeyValueStore {
 public:
  explicit GlobalKeyValueStore(const StoreSpec& spec) : spec_(spec), table_(spec.value, false) {}

  // One record of the topic. Puts a copy of *value; null deletes.
  void apply(BytesView key, const void* value, Timestamp timestamp);

  const std::string& name() const override { return spec_.name; }
  bool caches() const override { return false; }
  void set_flush_listener(FlushListener) override {}
  void send_old_values() override {}
  ValueAndTimestamp get(BytesView key) override;
  // Never called: a global store is filled from its topic only.
  ValueAndTimestamp put(BytesView key, const void* value, Timestamp timestamp, const RecordContext& context) override;
  std::unique_ptr<KeyValueIterator> range(std::optional<BytesView> from, std::optional<BytesView> to,
                                          ScanOrder order) override;
  std::unique_ptr<KeyValueIterator> prefix_scan(BytesView prefix) override;
  const StoreSpec& spec() const { return spec_; }

 private:
  template <class Wanted>
  std::unique_ptr<KeyValueIterator> rows(Wanted wanted, ScanOrder order);
  const StoreSpec spec_;
  EntryTable table_;
};

}  // namespace millrace
