// TableOperator: an operator whose table is kept in a store and whose updates go on, at once or when the record cache
// lets them go.
#pragma once
#include <string>

#include "millrace/dsl/operator.h"
#include "millrace/dsl/windows.h"
#include "millrace/statestore/state_store.h"

namespace millrace {

// One windowed key, made again and again in the same memory. One thread.
class WindowedKey {
 public:
  explicit WindowedKey(const WindowedKeyType* type) : type_(type) {}
  ~WindowedKey();
  WindowedKey(const WindowedKey&) = delete;
  WindowedKey& operator=(const WindowedKey&) = delete;
  // Valid until the next call.
  const void* make(const void* key, Window window);

 private:
  const WindowedKeyType* type_;
  void* memory_ = nullptr;
};

// How a table is kept.
struct TableStore {
  std::string name;
  AnySerde key;                               // the inner key of a windowed table
  const WindowedKeyType* windowed = nullptr;  // null: keys are plain
  Duration window_size{0};
  bool sends_old_values = false;  // someone downstream consumes the values that updates replace
};

// Source: Kafka's TimestampedTupleForwarder and TimestampedCacheFlushListener.
class TableOperator : public Operator {
 protected:
  explicit TableOperator(TableStore store);
  // In init: from now on updates that leave the cache of `store` go on from here.
  void listen(StateStore& store);
  // Sends an update on unless the store's cache will do so later. `update.other` is the value it replaces.
  void forward_update(RecordRef update);
  const TableStore& kept() const { return kept_; }

 private:
  void flushed(const FlushedUpdate& update);
  TableStore kept_;
  bool caches_ = false;
  AnyValue key_;  // of the update that is being flushed
  WindowedKey windowed_key_;
};

}  // namespace millrace
