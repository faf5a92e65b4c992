// WindowTable: a window store in memory: for each record key its windows, in order of time.
//
// The unit of caching is the record key: its windows are loaded together and evicted together, so that a range of one
// key's windows is one look-up and a binary search, and a window that is not here is known not to be on disk. What a
// flush writes is still one window: each has an Entry of its own, and is found by key and start as well, in the one
// look-up that most records need. (By way of the key alone, that took three cache misses instead of one: a quarter of a
// windowed count.)
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "millrace/statestore/entry_memory.h"
#include "millrace/statestore/pointer_table.h"

namespace millrace {

// One record key with its windows.
struct KeyWindows {
  struct Slot {
    Timestamp start;
    Entry* entry;
  };
  std::uint64_t hash = 0;
  std::uint32_t key_size = 0;
  // Every live window of the key that the checkpoint has is here too.
  bool complete = false;
  // It has more windows than windows_of_a_key_max: it is never complete again; what is not here is asked of the
  // checkpoint, window by window.
  bool oversized = false;
  Timestamp newest;           // start of the last one in `windows`, or of the last one there was
  std::vector<Slot> windows;  // by start

  BytesView key() const { return {reinterpret_cast<const char*>(this + 1), key_size}; }
  // The first that starts at or after `start`.
  std::vector<Slot>::const_iterator from(Timestamp start) const;
};

// A key with more windows than this is not loaded whole, and loses its clean windows one by one: 64 KiB of slots. A
// window of an hour that advances by a second has 3600 at a time.
inline constexpr std::size_t windows_of_a_key_max = 4096;

// Entries have table keys (window_key.h). One thread.
class WindowTable final : public EntryMemory {
 public:
  using EntryMemory::EntryMemory;
  ~WindowTable();

  // One window, by its table key. Null if there is none.
  Entry* find(BytesView table_key, std::uint64_t hash) const {
    return entries_.find(hash, [&](const Entry* e) { return key(e) == table_key; });
  }
  // Null if there is none.
  KeyWindows* find_key(BytesView key) const {
    return keys_.find(hash_of(key), [&](const KeyWindows* w) { return w->key() == key; });
  }
  // Precondition: find_key() gave null. It has no windows yet.
  KeyWindows* insert_key(BytesView key);
  // Precondition: find() gave null. The entry has no value yet.
  Entry* insert(KeyWindows* windows, BytesView table_key, std::uint64_t hash);
  // A key with all its windows.
  void erase(KeyWindows* windows);
  // The windows for which `unwanted(const Slot&)` is true. Gives how many.
  template <class F>
  std::size_t erase_if(KeyWindows* windows, F unwanted) {
    auto& all = windows->windows;
    std::size_t kept = 0;
    for (const KeyWindows::Slot& slot : all) {
      if (unwanted(slot)) {
        release(slot.entry);
      } else {
        all[kept++] = slot;
      }
    }
    const std::size_t erased = all.size() - kept;
    all.resize(kept);
    return erased;
  }
  // Every entry, in no order.
  template <class F>
  void for_each(F f) const {
    entries_.for_each(f);
  }
  // The keys for which `wanted(KeyWindows*)` is true; it may take windows from them.
  template <class F>
  std::vector<KeyWindows*> keys_of(F wanted) const {
    return keys_.all_of(wanted);
  }
  // Entries, not keys.
  std::size_t size() const { return entries_.size(); }
  // Heap bytes of the table, its entries and what their values hold.
  std::size_t memory_bytes() const {
    return entry_bytes() + key_bytes_ + keys_.memory_bytes() + entries_.memory_bytes();
  }

 private:
  static std::size_t bytes_of(const KeyWindows* w) {
    return allocated_bytes(sizeof(KeyWindows) + w->key_size) +
           allocated_bytes(w->windows.capacity() * sizeof(KeyWindows::Slot));
  }
  void release(Entry* e) {
    entries_.remove(e);
    free(e);
  }
  PointerTable<Entry> entries_;
  PointerTable<KeyWindows> keys_;
  std::size_t key_bytes_ = 0;
};

}  // namespace millrace
