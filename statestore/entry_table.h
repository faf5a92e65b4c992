// EntryTable: one store's keys in memory, each with its current value and what the two caches know of it.
//
// The record cache and the value cache are views of this one table (ARCHITECTURE.md, "Two caches, one table"). No order
// is ever taken from the table: what must be ordered carries a tick, and is sorted by it when asked.
#pragma once
#include "millrace/statestore/entry_memory.h"
#include "millrace/statestore/pointer_table.h"

namespace millrace {

// One thread.
class EntryTable final : public EntryMemory {
 public:
  using EntryMemory::EntryMemory;
  ~EntryTable();

  // Null if there is none.
  Entry* find(BytesView key, std::uint64_t hash) const {
    return entries_.find(hash, [&](const Entry* e) { return this->key(e) == key; });
  }
  // Precondition: find() gave null. The entry has no value yet.
  Entry* insert(BytesView key, std::uint64_t hash);
  void erase(Entry* entry);
  // Erases all for which `unwanted(Entry*)` is true.
  template <class F>
  void erase_if(F unwanted) {
    for (Entry* e : entries_.all_of(unwanted)) erase(e);
  }
  // Every entry, in no order.
  template <class F>
  void for_each(F f) const {
    entries_.for_each(f);
  }
  std::size_t size() const { return entries_.size(); }
  // Heap bytes of the table, its entries and what their values hold.
  std::size_t memory_bytes() const { return entry_bytes() + entries_.memory_bytes(); }

 private:
  PointerTable<Entry> entries_;
};

}  // namespace millrace
