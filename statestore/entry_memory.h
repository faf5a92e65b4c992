// EntryMemory: makes one store's entries and handles the values in them.
//
// An entry is one allocation: header, value, old value, key bytes, and it never moves. The tables that find entries
// (entry_table.h, window_table.h) own them through this class.
#pragma once
#include <cstdint>
#include <string_view>

#include "millrace/base/types.h"
#include "millrace/statestore/value_type.h"

namespace millrace {

// One key of a store (of a window store: one key and window). Fields are the caches'; the tables themselves use hash
// and key_size.
struct Entry {
  std::uint64_t hash = 0;
  std::int64_t used = 0;       // record cache: tick of the last use
  std::int64_t dirtied = 0;    // record cache: tick of the last update not flushed yet; 0: clean
  std::int64_t logged = 0;     // sequence of its last changelog record; above the checkpointed one the entry is pinned
  Timestamp timestamp;         // of the value
  Timestamp record_timestamp;  // context of the last update
  Offset offset = 0;
  std::string_view topic;
  Headers* headers = nullptr;  // owned; null: none
  PartitionId partition = 0;
  std::uint32_t key_size = 0;
  std::uint32_t cached_bytes = 0;  // what the record cache counts for it; 0 when it is not in there
  bool in_cache = false;           // in the record cache
  bool unsaved = false;            // in its store's list of what a checkpoint does not have
  bool has_value = false;          // else it stands for a key that is known to be absent, or deleted
  bool had_value = false;          // whether there was a value at the last flush; meaningful while dirty
  bool has_old = false;            // the old-value slot is filled
};

// One thread.
class EntryMemory {
 public:
  // with_old: entries have room for a second value, the last flushed one.
  EntryMemory(const ValueType* type, bool with_old);
  EntryMemory(const EntryMemory&) = delete;
  EntryMemory& operator=(const EntryMemory&) = delete;

  static std::uint64_t hash_of(BytesView key);
  BytesView key(const Entry* e) const { return {reinterpret_cast<const char*>(e) + key_at_, e->key_size}; }
  // Null if the entry has none.
  const void* value(const Entry* e) const {
    return e->has_value ? reinterpret_cast<const char*>(e) + value_at_ : nullptr;
  }
  const void* old_value(const Entry* e) const {
    return e->has_old ? reinterpret_cast<const char*>(e) + old_at_ : nullptr;
  }
  // Copies *value in; null takes the value away. `value` may be the entry's own.
  void set_value(Entry* e, const void* value);
  // On error a new entry has no value, and one that had a value an unspecified one.
  Result<> read_value(Entry* e, const AnySerde& serde, BytesView in, const SerdeContext& context);
  // Keeps the current value, if any, as the old one.
  void keep_old(Entry* e);
  void drop_old(Entry* e);
  const ValueType* type() const { return type_; }

 protected:
  ~EntryMemory() = default;
  Entry* make(BytesView key, std::uint64_t hash);
  void free(Entry* e);
  // Heap bytes of the entries, what values hold beyond their own size not counted.
  std::size_t entry_bytes() const { return entry_bytes_; }

 private:
  char* slot_of(Entry* e, std::size_t at) const { return reinterpret_cast<char*>(e) + at; }
  std::size_t bytes_of(const Entry* e) const { return key_at_ + e->key_size; }

  const ValueType* type_;
  std::size_t value_at_, old_at_, key_at_, align_;
  std::size_t entry_bytes_ = 0;
};

}  // namespace millrace
