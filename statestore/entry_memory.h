// EntryMemory: makes one store's entries and handles the values in them.
//
// An entry is one allocation: header, value, old value, key bytes, and it never moves. The tables that find entries
// (entry_table.h, window_table.h) own them through this class. It counts the bytes that they take from the heap as they
// change, those that values hold included, so that asking for the sum costs nothing.
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
  std::uint32_t value_heap = 0;    // what the value and the headers, and the old value, hold beyond their own size
  std::uint32_t old_heap = 0;
  bool in_cache = false;       // in the record cache
  bool has_value = false;      // else it stands for a key that is known to be absent, or deleted
  bool has_old : 1 = false;    // the old-value slot is filled
  bool had_value : 1 = false;  // whether there was a value at the last flush; meaningful while dirty
  bool unsaved : 1 = false;    // in its store's list of what a checkpoint does not have
};
static_assert(sizeof(Entry) <= 104, "a store has millions of these");

// One thread.
class EntryMemory {
 public:
  // with_old: entries have room for a second value, the last flushed one. The serde outlives it.
  EntryMemory(const AnySerde& serde, bool with_old);
  EntryMemory(const EntryMemory&) = delete;
  EntryMemory& operator=(const EntryMemory&) = delete;

  static std::uint64_t hash_of(BytesView key);
  // Asks for the entry's memory, for who will look at it soon. The header takes two cache lines; small values and keys
  // are in the third.
  static void prefetch(const Entry* e) {
    const char* at = reinterpret_cast<const char*>(e);
    for (std::size_t line = 0; line < 3; ++line) __builtin_prefetch(at + line * 64);
  }
  BytesView key(const Entry* e) const { return {reinterpret_cast<const char*>(e) + key_at_, e->key_size}; }
  // Null if the entry has none.
  const void* value(const Entry* e) const {
    return e->has_value ? reinterpret_cast<const char*>(e) + value_at_ : nullptr;
  }
  const void* old_value(const Entry* e) const {
    return e->has_old ? reinterpret_cast<const char*>(e) + old_at_ : nullptr;
  }
  // Copies *value in; null takes the value away. `value` may be the entry's own. count_value() must follow once the
  // value's serialised size is known.
  void set_value(Entry* e, const void* value);
  // Counts what the entry's value and headers hold. `serialized_size` stands for the value where the serde does not
  // say.
  void count_value(Entry* e, std::size_t serialized_size) {
    if (!is_trivial_ || e->headers || e->value_heap) count(e, serialized_size);
  }
  // Deserialises a value, and counts it. On error a new entry has no value, and one that had a value an unspecified
  // one.
  Result<> read_value(Entry* e, BytesView in, const SerdeContext& context);
  // What this entry and its values take.
  std::size_t memory_of(const Entry* e) const {
    return allocated_bytes(key_at_ + e->key_size) + e->value_heap + e->old_heap;
  }
  // Keeps the current value, if any, as the old one.
  void keep_old(Entry* e);
  void drop_old(Entry* e);

 protected:
  ~EntryMemory() = default;
  Entry* make(BytesView key, std::uint64_t hash);
  void free(Entry* e);
  std::size_t entry_bytes() const { return entry_bytes_; }

 private:
  char* slot_of(Entry* e, std::size_t at) const { return reinterpret_cast<char*>(e) + at; }
  void count(Entry* e, std::size_t serialized_size);

  const AnySerde serde_;
  const ValueType* const type_;
  const bool is_trivial_;
  std::size_t value_at_, old_at_, key_at_, align_;
  std::size_t entry_bytes_ = 0;
};

}  // namespace millrace
