// TaskStore: what a task's key-value and window stores have in common: the table of entries, both caches over it, the
// changelog and the rows of the last checkpoint.
//
// A table key is the key itself or, in a window store, key and window start (window_key.h).
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
#include "millrace/statestore/window_key.h"
#include "millrace/statestore/window_table.h"

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
  // Evicts clean entries if the table is larger than `bytes`, and dead ones in any case. Between two slices, never
  // within one. Gives what it could not evict for want of a checkpoint; 0 if the table was not too large.
  std::size_t trim(std::size_t bytes);
  // Bytes on the heap, those that values hold included.
  std::size_t memory_bytes() const;
  // Whether it keeps in memory what a checkpoint has as well: else all of the store is there, and none of it can go.
  bool is_cache() const { return environment_.checkpoint; }
  // Entries in memory, those that stand for deleted keys included.
  std::size_t entry_count() const { return size(); }
  StoreCounters& counters() { return counters_; }

  // One key's windows, loaded whole first unless there are too many; null: it has none. What it has not, if it is not
  // complete, is asked of the checkpoint. Valid until the next call on this store. Window stores only.
  const KeyWindows* windows_of(BytesView key);
  // Whether the store gives this entry; in a window store one that has expired is given as long as the record cache
  // holds it.
  bool is_visible(const Entry* e) const;
  const void* value(const Entry* e) const { return entries_->value(e); }

  // A row as a scan takes it, copied. No value: it is gone, whatever the checkpoint has.
  struct Row {
    Bytes table_key;
    AnyValue value;
    Timestamp timestamp;
  };
  Row copy(const Entry* e) const;
  // What the table knows better than the checkpoint (all of it, if there is none), where `wanted(table_key)` is true;
  // in no order.
  template <class Wanted>
  std::vector<Row> overlay(Wanted wanted) {
    std::vector<Row> rows;
    auto add = [&](const Entry* e) {
      if (wanted(entries_->key(e))) rows.push_back(copy(e));
    };
    if (!environment_.checkpoint) {
      for_each(add);
      return rows;
    }
    for (const Entry* e : unsaved_) add(e);
    for (const Entry* e : expired_in_cache()) add(e);
    return rows;
  }
  Result<> read_row(BytesView bytes, Row& row) const;
  // The rows of the last checkpoint; null: there are none.
  Checkpoint* saved() const {
    return environment_.checkpoint && environment_.checkpoint->may_have_rows() ? environment_.checkpoint : nullptr;
  }
  // Window stores: a window that starts then was put, and what is older than the retention is gone.
  void observe(Timestamp window_start) { observed_ = std::max(observed_, window_start); }
  // Window stores: the start of the oldest window that Kafka would still give.
  Timestamp oldest_live() const { return {observed_.ms - spec_.retention.count() + 1}; }

 private:
  bool windowed() const { return spec_.kind == StoreSpec::Kind::window; }
  bool is_live(Timestamp window_start) const { return window_start >= oldest_live(); }
  bool is_live(const Entry* e) const { return is_live(start_in_table_key(entries_->key(e))); }
  // Neither cache nor checkpoint needs it in memory.
  bool is_free(const Entry* e) const {
    return !e->in_cache && !e->dirtied && (!environment_.checkpoint || e->logged <= checkpointed_);
  }
  template <class F>
  void for_each(F f) const {
    windows_ ? windows_->for_each(f) : keys_->for_each(f);
  }
  std::size_t size() const { return windows_ ? windows_->size() : keys_->size(); }
  void make_table(bool with_old);
  Entry* find(BytesView table_key, std::uint64_t hash) const {
    return windows_ ? windows_->find(table_key, hash) : keys_->find(table_key, hash);
  }
  Entry* insert(BytesView table_key, std::uint64_t hash);
  void discard(Entry* e);
  Entry* find_or_load(BytesView table_key);
  Entry* find_or_load_window(BytesView table_key, std::uint64_t hash);
  Entry* load(BytesView table_key, std::uint64_t hash);
  void load(KeyWindows* windows);
  void fill(Entry* e, BytesView row);
  void note_unsaved(Entry* e);
  void forget_saved();
  std::vector<const Entry*> expired_in_cache();
  std::size_t pinned_bytes() const;
  std::size_t trim_keys(bool too_large, std::size_t target);
  std::size_t trim_windows(bool too_large, std::size_t target);
  // Throws SerializationError.
  std::size_t serialized_size(BytesView table_key, const void* value) const;
  Result<BytesView> serialise(BytesView table_key, const void* value);
  void set_value(Entry* e, const void* value);
  std::size_t cache_bytes(const Entry* e, std::size_t value_size) const;
  void keep_in_cache(Entry* e, std::size_t value_size);
  void drop_from_cache(Entry* e);
  void evict_over_budget();
  void flush_with(Entry* evicted);
  void flush_all(Entry* evicted);
  void flush_entry(Entry* e);
  void log(Entry* e, BytesView value, Timestamp when_deleted);
  std::string text(BytesView table_key, const std::string& why) const;
  [[noreturn]] void fail(BytesView table_key, const std::string& why) const;

  const StoreSpec spec_;
  const StoreEnvironment environment_;
  FlushListener listener_;
  StoreCounters counters_;
  bool send_old_ = false;
  std::unique_ptr<EntryTable> keys_;      // of a key-value store
  std::unique_ptr<WindowTable> windows_;  // of a window store
  EntryMemory* entries_ = nullptr;        // of either
  // What was last found, or known not to be: most calls are for the key of the call before.
  Entry* last_ = nullptr;
  Bytes missing_;
  std::uint64_t missing_hash_ = 0;
  bool is_missing_ = false;    // missing_ is neither in the table nor in the checkpoint
  AnyValue old_;               // what an uncached put replaced
  std::vector<Entry*> dirty_;  // in no order; sorted by tick when flushed
  // Entries that were updated since the checkpoint, once each, with some that it has caught up with. Empty without one.
  std::vector<Entry*> unsaved_;
  std::size_t in_cache_ = 0;
  struct Used {
    std::int64_t tick;
    Entry* entry;
  };
  UseOrder by_use_;
  std::int64_t logged_ = 0;
  std::int64_t checkpointed_ = 0;
  std::size_t dead_ = 0;  // about how many entries hold nothing
  // Window stores: the largest window start that was logged; lower bounds of those in the table and in the record
  // cache.
  Timestamp observed_{-1}, oldest_{INT64_MAX}, oldest_cached_{INT64_MAX};
  Timestamp swept_at_{-1};  // observed_ at the last sweep
  Bytes key_scratch_, value_scratch_;
  std::string broken_;  // why a flush stopped halfway: what it had not come to would be lost
  std::string row_scratch_;
};

}  // namespace millrace
