// State stores as operators and queries see them: keys as bytes, values as objects of a type known at run time.
//
// Kafka Streams' KeyValueStore and WindowStore (timestamped, as its DSL makes them). All engines and caches stand
// behind these two interfaces; tests/statestore/store_contract.h holds the laws that each must obey. Every store
// belongs to one task and is used by one thread at a time.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/bytes.h"
#include "millrace/base/types.h"
#include "millrace/statestore/value_type.h"

namespace millrace {

// Where a record came from. Views: valid while the record is processed.
struct RecordContext {
  std::string_view topic;
  PartitionId partition = 0;
  Offset offset = 0;
  Timestamp timestamp;
  const Headers* headers = nullptr;  // null: none
};

// A value in a store; `value` is null if there is none.
struct ValueAndTimestamp {
  const void* value = nullptr;
  Timestamp timestamp{-1};
  explicit operator bool() const { return value != nullptr; }
};

// One update that leaves the record cache: it is forwarded downstream by the operator that owns the store.
struct FlushedUpdate {
  BytesView key;                    // serialised; of a window store without the window
  Timestamp window_start;           // window stores only
  const void* value = nullptr;      // null: deleted
  const void* old_value = nullptr;  // the last flushed one, where old values were asked for
  Timestamp timestamp;
  const RecordContext* context = nullptr;  // of the record that made the last update
};
struct FlushListener {
  void* self = nullptr;
  void (*on_flush)(void* self, const FlushedUpdate& update) = nullptr;
  explicit operator bool() const { return on_flush != nullptr; }
};

class StateStore {
 public:
  virtual ~StateStore() = default;
  virtual const std::string& name() const = 0;
  // Whether updates are held back by the record cache and come out through the listener. If not, each put is logged at
  // once and the operator forwards the update itself.
  virtual bool caches() const = 0;
  // Who hears of updates that leave the record cache. Set in init, once.
  virtual void set_flush_listener(FlushListener listener) = 0;
  // From now on put() returns the previous value and FlushedUpdate carries the old one: someone downstream consumes
  // them. Set in init.
  virtual void send_old_values() = 0;
};

// (Not `Order`: programs that say `using namespace millrace` have one of their own.)
enum class ScanOrder { ascending, descending };

// Pull iterator over store rows; sees the store as of its creation. Views and pointers are valid until the next call of
// next().
class KeyValueIterator {
 public:
  virtual ~KeyValueIterator() = default;
  // Moves to the next row (the first, at first). False at the end.
  virtual bool next() = 0;
  virtual BytesView key() const = 0;
  virtual ValueAndTimestamp value() const = 0;
};

class KeyValueStore : public StateStore {
 public:
  // The current value. The pointer is valid until the next call on this store.
  virtual ValueAndTimestamp get(BytesView key) = 0;
  // Puts a copy of *value; null deletes. `value` may point to what get() returned for the same key. `context` is that
  // of the record that caused it (kept in the record cache; headers are copied). Returns the previous value after
  // send_old_values() (else nothing): valid until the next put on this store.
  virtual ValueAndTimestamp put(BytesView key, const void* value, Timestamp timestamp,
                                const RecordContext& context) = 0;
  // Keys in byte order, both ends inclusive; nullopt: open.
  virtual std::unique_ptr<KeyValueIterator> range(std::optional<BytesView> from, std::optional<BytesView> to,
                                                  ScanOrder order) = 0;
  std::unique_ptr<KeyValueIterator> all(ScanOrder order) { return range(std::nullopt, std::nullopt, order); }
  virtual std::unique_ptr<KeyValueIterator> prefix_scan(BytesView prefix) = 0;
};

class WindowStoreIterator {
 public:
  virtual ~WindowStoreIterator() = default;
  virtual bool next() = 0;
  virtual BytesView key() const = 0;
  virtual Timestamp window_start() const = 0;
  virtual ValueAndTimestamp value() const = 0;
};

// One value per key and window start. Rows older than observed stream time − retention are gone, whatever asks for
// them.
class WindowStore : public StateStore {
 public:
  virtual Duration retention() const = 0;
  virtual Duration window_size() const = 0;
  virtual ValueAndTimestamp fetch(BytesView key, Timestamp window_start) = 0;
  // As KeyValueStore::put. The caller puts no window that has expired.
  virtual ValueAndTimestamp put(BytesView key, const void* value, Timestamp window_start, Timestamp timestamp,
                                const RecordContext& context) = 0;
  // One key's windows by start, times inclusive.
  virtual std::unique_ptr<WindowStoreIterator> fetch(BytesView key, Timestamp from, Timestamp to, ScanOrder order) = 0;
  // Keys of a range (nullopt: open) and windows of a range, in Kafka's order of store keys.
  virtual std::unique_ptr<WindowStoreIterator> fetch_range(std::optional<BytesView> from_key,
                                                           std::optional<BytesView> to_key, Timestamp from,
                                                           Timestamp to, ScanOrder order) = 0;
  std::unique_ptr<WindowStoreIterator> fetch_all(Timestamp from, Timestamp to, ScanOrder order) {
    return fetch_range(std::nullopt, std::nullopt, from, to, order);
  }
};

// What a topology says of a store: enough to make it, its changelog and its queries.
struct StoreSpec {
  enum class Kind { key_value, window };
  std::string name;
  Kind kind = Kind::key_value;
  AnySerde key;  // the inner key of a window store
  AnySerde value;
  bool in_memory = false;
  bool caching = true;
  bool logging = true;
  Duration retention{0};    // window stores
  Duration window_size{0};  // window stores
  // An input topic that serves as changelog (tables' topics under topology.optimization); empty:
  // <application.id>-<name>-changelog.
  std::string source_changelog = {};
  // Whether its updates are written to a changelog of its own.
  bool has_own_changelog() const { return logging && source_changelog.empty(); }
  std::vector<std::pair<std::string, std::string>> changelog_config =
      {};                  // what the user set, over the defaults of the kind
  bool is_global = false;  // belongs to a global table: one for all tasks, filled from its topic
  bool queryable = false;  // the user gave the name (.as)
};

}  // namespace millrace
