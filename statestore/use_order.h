// UseOrder: the entries of a record cache by their last use, oldest first, for as long as something is evicted.
//
// A store whose cache has room never asks, and pays nothing. The first eviction sorts the entries in the cache by their
// ticks; from then on every use is noted at the end, which keeps the order, and an eviction takes from the front what
// was not used since. When much more is used than evicted, the notes are thrown away until the next eviction. (A linked
// list, as in Java, costs two cache misses a use; sorting anew whenever the sorted ones run out cost a join 14 % of its
// time.)
#pragma once
#include <cstddef>
#include <vector>

#include "millrace/base/radix_sort.h"
#include "millrace/statestore/entry_table.h"

namespace millrace {

// One thread. The entries must be alive as long as they are noted: clear() before one is freed.
class UseOrder {
 public:
  // `e->used` was just set, to a tick above all others.
  void used(Entry* e) {
    if (!following_) return;
    if (notes_.size() - first_ >= notes_max_) return clear();
    notes_.push_back({e->used, e});
  }
  // The entry in the cache that was not used for longest. `for_each_entry(visit)` visits every entry of the store.
  // Precondition: one of them is in the cache.
  template <class ForEachEntry>
  Entry* oldest(ForEachEntry for_each_entry) {
    for (;;) {
      while (first_ < notes_.size()) {
        const Note note = notes_[first_++];
        if (note.entry->in_cache && note.entry->used == note.tick) return forget_taken(), note.entry;
      }
      clear();
      for_each_entry([&](Entry* e) {
        if (e->in_cache) notes_.push_back({e->used, e});
      });
      radix_sort(notes_, [](const Note& note) { return note.tick; });
      notes_max_ = uses_per_entry * notes_.size() + spare;
      following_ = true;
    }
  }
  void clear() {
    notes_.clear();
    first_ = 0;
    following_ = false;
  }
  std::size_t memory_bytes() const { return notes_.capacity() * sizeof(Note); }

 private:
  struct Note {
    std::int64_t tick;
    Entry* entry;
  };
  static constexpr std::size_t uses_per_entry = 4, spare = 1024;
  void forget_taken() {
    if (first_ < spare || first_ * 2 < notes_.size()) return;
    notes_.erase(notes_.begin(), notes_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  std::vector<Note> notes_;
  std::size_t first_ = 0;  // those before it were taken
  std::size_t notes_max_ = 0;
  bool following_ = false;
};

}  // namespace millrace
