// PointerTable: a hash table of nodes that live elsewhere and never move.
//
// Open addressing over pointers whose upper 16 bits hold a part of the hash, so that a look-up touches no node but the
// wanted one. No order is ever taken from it. One thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "millrace/base/assert.h"

namespace millrace {

// `Node` has a member `hash`. The nodes are not owned.
template <class Node>
class PointerTable {
 public:
  PointerTable() : slots_(first_size) {}
  // The node of that hash for which `is_it(const Node*)` is true; null if there is none.
  template <class IsIt>
  Node* find(std::uint64_t hash, IsIt is_it) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
      const std::uint64_t slot = slots_[i];
      if (!slot) return nullptr;
      if (tag(slot) != tag(hash)) continue;
      Node* node = pointer(slot);
      if (node->hash == hash && is_it(node)) return node;
    }
  }
  // Precondition: it is not in here.
  void add(Node* node) {
    MR_ASSERT((reinterpret_cast<std::uint64_t>(node) >> 48) == 0, "a pointer of more than 48 bits");
    if ((size_ + 1) * 2 > slots_.size()) grow();
    place(node);
    ++size_;
  }
  // Precondition: it is in here.
  void remove(const Node* node) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = node->hash & mask;
    while (pointer(slots_[i]) != node) i = (i + 1) & mask;
    // Closes the gap: later nodes of the same run move up unless they already stand where they belong.
    for (std::size_t j = (i + 1) & mask; slots_[j]; j = (j + 1) & mask) {
      const std::size_t home = pointer(slots_[j])->hash & mask;
      if (((j - home) & mask) >= ((j - i) & mask)) {
        slots_[i] = slots_[j];
        i = j;
      }
    }
    slots_[i] = 0;
    --size_;
  }
  // Every node, in no order. `f` adds and removes nothing.
  template <class F>
  void for_each(F f) const {
    for (std::uint64_t slot : slots_)
      if (slot) f(pointer(slot));
  }
  // All for which `wanted(const Node*)` is true: for those who remove them.
  template <class Wanted>
  std::vector<Node*> all_of(Wanted wanted) const {
    std::vector<Node*> result;
    for_each([&](Node* node) {
      if (wanted(node)) result.push_back(node);
    });
    return result;
  }
  void clear() {
    slots_.assign(first_size, 0);
    size_ = 0;
  }
  std::size_t size() const { return size_; }
  std::size_t memory_bytes() const { return slots_.size() * sizeof(std::uint64_t); }

 private:
  static constexpr std::size_t first_size = 256;
  static Node* pointer(std::uint64_t slot) { return reinterpret_cast<Node*>(slot & 0x0000ffffffffffffULL); }
  static std::uint64_t tag(std::uint64_t hash) { return hash & 0xffff000000000000ULL; }
  void place(Node* node) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = node->hash & mask;
    while (slots_[i]) i = (i + 1) & mask;
    slots_[i] = tag(node->hash) | reinterpret_cast<std::uint64_t>(node);
  }
  void grow() {
    std::vector<std::uint64_t> old(slots_.size() * 2);
    old.swap(slots_);
    for (std::uint64_t slot : old)
      if (slot) place(pointer(slot));
  }
  std::vector<std::uint64_t> slots_;  // power of two
  std::size_t size_ = 0;
};

}  // namespace millrace
