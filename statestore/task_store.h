// TaskStore: what a task's key-value and window stores have in common: the entry table, both caches over it, the
// changelog and the rows of the last checkpoint.
//
// The store is never written to the checkpoint from here: updates go to the changelog, and a checkpoint job later takes
// them from there (runtime/checkpointer.h). Until then the entry is pinned in memory.
//
// With the record cache on, a put is held back: the last value of each key is logged and forwarded on flush (commit) or
// eviction, in the order of the last updates, an evicted key first. Off, a put is logged at once. This is Kafka's
// CachingKeyValueStore, CachingWindowStore, NamedCache and ThreadCache, byte for byte in what comes out.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "millrace/statestore/changelog.h"
#include "millrace/statestore/entry_table.h"
#include "millrace/statestore/record_cache.h"
#include "millrace/statestore/state_store.h"
#include "millrace/statestore/store_counters.h"
#include "millrace/statestore/use_order.h"

namespace millrace {

// What a task gives its stores. All of it outlives them.
struct StoreEnvironment {
  RecordCache* record_cache = nullptr;      // null: no caching at all (statestore.cache.max.bytes=0)
  ChangelogWriter* changelog = nullptr;     // null: logging is off
  Checkpoint* checkpoint = nullptr;         // null: all of the store is in memory
  std::string changelog_topic;              // for serdes that ask, and for messages
  std::size_t max_message_bytes = 1 << 20;  // a larger record cannot be logged
  Clock* clock = nullptr;                   // null: no call is timed
};

// Thrown by a store that cannot go on: an aggregate that outgrew the message limit, bytes that no longer deserialise, a
// failing disk. The message names store and key. It reaches the task's handler as an exception of the operator that
// asked would.
class StoreError;

class TaskStore {
 public:
  TaskStore(const StoreSpec& spec, const StoreEnvironment& environment);
  TaskStore(const TaskStore&) = delete;
  ~TaskStore();

  const StoreSpec& spec() const { return spec_; }
  bool caches() const { return environment_.record_cache && spec_.caching; }
  void set_flush_listener(FlushListener listener) { listener_ = listener; }
  void send_old_values();

  ValueAndTimestamp get(BytesView table_key);
  // As get(), but leaves no trace in the record cache: for queries from outside the task.
  ValueAndTimestamp peek(BytesView table_key);
  ValueAndTimestamp put(BytesView table_key, const void* value, Timestamp timestamp, const RecordContext& context);
  // Logs and forwards all that the record cache holds back. At commit.
  void flush();

  // Applies one changelog record, on restore: clean, pinned until the next checkpoint.
  Result<> restore(BytesView changelog_key, BytesView value, bool has_value, Timestamp timestamp);
  // How many changelog records were written or restored; the sequence of the last.
  std::int64_t logged_sequence() const { return logged_; }
  // A checkpoint now holds all records up to `sequence`: entries that were not updated since may be evicted.
  void checkpointed(std::int64_t sequence);
  // Evicts clean entries until the table is at most `bytes` large, and dead ones in any case. Between two slices, never
  // within one.
  void trim(std::size_t bytes);
  std::size_t memory_bytes() const;
  // Entries in memory, those that stand for deleted keys included.
  std::size_t entry_count() const { return table_->size(); }
  StoreCounters& counters() { return counters_; }

  // Live rows of a key range in order of `Kafka's` store keys, both caches and the checkpoint merged; see the stores.
  struct Row {
    Bytes table_key;
    std::shared_ptr<AnyValue> value;
    Timestamp timestamp;
  };
  // `wanted` looks at table keys only.
  template <class Wanted>
  std::vector<Row> overlay(Wanted wanted) {
    std::vector<Row> rows;
    table_->for_each([&](Entry* e) {
      if (wanted(table_->key(e)) && is_visible(e)) rows.push_back(copy(e));
    });
    return rows;
  }
  // Whether the table knows the key better than the checkpoint does (also: that it is gone).
  bool shadows(BytesView table_key) const;
  Result<> read_row(BytesView bytes, Row& row) const;
  Checkpoint* checkpoint() const { return environment_.checkpoint; }
  // Window stores: whether Kafka would still give the window.
  bool is_live(Timestamp window_start) const { return window_start.ms > observed_.ms - spec_.retention.count(); }

 private:
  bool windowed() const { return spec_.kind == StoreSpec::Kind::window; }
  bool is_visible(const Entry* e) const;
  Row copy(const Entry* e) const;
  Entry* find_or_load(BytesView table_key);
  Entry* load(BytesView table_key, std::uint64_t hash);
  std::size_t cache_bytes(const Entry* e) const;
  void keep_in_cache(Entry* e);
  void drop_from_cache(Entry* e);
  void evict_over_budget();
  void flush_with(Entry* evicted);
  void flush_entry(Entry* e);
  void log(Entry* e, Timestamp when_deleted);
  [[noreturn]] void fail(BytesView table_key, const std::string& why) const;

  const StoreSpec spec_;
  const StoreEnvironment environment_;
  FlushListener listener_;
  StoreCounters counters_;
  bool send_old_ = false;
  std::unique_ptr<EntryTable> table_;
  Entry* last_ = nullptr;      // what get() found: put() of the same key needs no look-up
  AnyValue old_;               // what an uncached put replaced
  std::vector<Entry*> dirty_;  // in no order; sorted by tick when flushed
  std::size_t in_cache_ = 0;
  struct Used {
    std::int64_t tick;
    Entry* entry;
  };
  UseOrder by_use_;
  std::int64_t logged_ = 0;
  std::int64_t checkpointed_ = 0;
  std::size_t dead_ = 0;    // about how many entries hold nothing
  Timestamp observed_{-1};  // window stores: the largest window start that was logged
  Bytes key_scratch_, value_scratch_;
  std::string row_scratch_;
};

}  // namespace millrace
