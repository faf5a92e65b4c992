// EntryTable: one store's keys in memory, each with its current value and what the two caches know of it.
//
// The record cache and the value cache are views of this one table (ARCHITECTURE.md, "Two caches, one entry table").
// Open addressing over pointers whose upper 16 bits hold a part of the hash; an entry is one allocation: header, value,
// old value, key bytes, and it never moves. No order is ever taken from the table: what must be ordered carries a tick,
// and is sorted by it when asked.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "millrace/base/types.h"
#include "millrace/statestore/value_type.h"

namespace millrace {

// One key of a store. Fields are the caches'; the table itself uses hash and key_size.
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
  bool has_value = false;          // else it stands for a key that is known to be absent, or deleted
  bool had_value = false;          // whether there was a value at the last flush; meaningful while dirty
  bool has_old = false;            // the old-value slot is filled
};

class EntryTable {
 public:
  // with_old: entries have room for a second value, the last flushed one.
  EntryTable(const ValueType* type, bool with_old);
  EntryTable(const EntryTable&) = delete;
  EntryTable& operator=(const EntryTable&) = delete;
  ~EntryTable();

  static std::uint64_t hash_of(BytesView key);
  // Null if there is none.
  Entry* find(BytesView key, std::uint64_t hash) const;
  // Precondition: find() gave null. The entry has no value yet.
  Entry* insert(BytesView key, std::uint64_t hash);
  void erase(Entry* entry);
  // Erases all for which `unwanted(Entry*)` is true.
  template <class F>
  void erase_if(F unwanted) {
    std::vector<Entry*> doomed;
    for_each([&](Entry* e) {
      if (unwanted(e)) doomed.push_back(e);
    });
    for (Entry* e : doomed) erase(e);
  }
  // Every entry, in no order.
  template <class F>
  void for_each(F f) const {
    for (std::uint64_t slot : slots_)
      if (slot) f(pointer(slot));
  }
  void clear();
  std::size_t size() const { return size_; }
  // Heap bytes of the table and its entries, what values hold beyond their own size not counted.
  std::size_t memory_bytes() const { return memory_bytes_ + slots_.size() * sizeof(std::uint64_t); }

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
  Result<> read_value(Entry* e, const AnySerde& serde, BytesView in, const SerdeContext& context);
  // Keeps the current value, if any, as the old one.
  void keep_old(Entry* e);
  void drop_old(Entry* e);
  bool with_old() const { return with_old_; }
  const ValueType* type() const { return type_; }

 private:
  static Entry* pointer(std::uint64_t slot) { return reinterpret_cast<Entry*>(slot & 0x0000ffffffffffffULL); }
  static std::uint64_t tag(std::uint64_t hash) { return hash & 0xffff000000000000ULL; }
  char* slot_of(Entry* e, std::size_t at) const { return reinterpret_cast<char*>(e) + at; }
  std::size_t bytes_of(const Entry* e) const { return key_at_ + e->key_size; }
  void grow();
  void place(Entry* e);
  void free(Entry* e);

  const ValueType* type_;
  bool with_old_;
  std::size_t value_at_, old_at_, key_at_, align_;
  std::vector<std::uint64_t> slots_;  // power of two
  std::size_t size_ = 0;
  std::size_t memory_bytes_ = 0;
};

}  // namespace millrace
