#include "millrace/statestore/entry_memory.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace millrace {

namespace {
std::size_t rounded_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }
}  // namespace

EntryMemory::EntryMemory(const AnySerde& serde, bool with_old)
    : serde_(serde), type_(serde.table->type), is_trivial_(type_->trivial) {
  align_ = std::max(alignof(Entry), type_->align);
  value_at_ = rounded_up(sizeof(Entry), type_->align);
  old_at_ = rounded_up(value_at_ + type_->size, type_->align);
  key_at_ = with_old ? old_at_ + type_->size : value_at_ + type_->size;
}

std::uint64_t EntryMemory::hash_of(BytesView key) { return XXH3_64bits(key.data(), key.size()); }

Entry* EntryMemory::make(BytesView key, std::uint64_t hash) {
  void* memory = ::operator new(key_at_ + key.size(), std::align_val_t(align_));
  Entry* e = ::new (memory) Entry;
  e->hash = hash;
  e->key_size = static_cast<std::uint32_t>(key.size());
  std::memcpy(slot_of(e, key_at_), key.data(), key.size());
  entry_bytes_ += memory_of(e);
  return e;
}

void EntryMemory::free(Entry* e) {
  entry_bytes_ -= memory_of(e);
  if (e->has_value) type_->destroy(slot_of(e, value_at_));
  drop_old(e);
  delete e->headers;
  e->~Entry();
  ::operator delete(e, std::align_val_t(align_));
}

void EntryMemory::set_value(Entry* e, const void* value) {
  char* at = slot_of(e, value_at_);
  if (!value) {
    if (e->has_value) type_->destroy(at);
    e->has_value = false;
    entry_bytes_ -= std::exchange(e->value_heap, 0);
  } else if (value == at) {
    return;
  } else if (e->has_value) {
    if (type_->trivial) {
      std::memcpy(at, value, type_->size);
    } else {
      type_->assign(at, value);
    }
  } else {
    type_->copy(at, value);
    e->has_value = true;
  }
}

void EntryMemory::count(Entry* e, std::size_t serialized_size) {
  const SerdeTable& table = *serde_.table;
  std::size_t heap = 0;
  if (e->has_value && !is_trivial_)
    heap = table.memory_size ? table.memory_size(serde_.self, value(e)) : allocated_bytes(serialized_size);
  if (e->headers) {
    heap += allocated_bytes(sizeof(Headers)) + allocated_bytes(e->headers->capacity() * sizeof(Header));
    for (const Header& h : *e->headers) heap += heap_bytes(h.name) + (h.value ? heap_bytes(*h.value) : 0);
  }
  entry_bytes_ += heap - e->value_heap;
  e->value_heap = static_cast<std::uint32_t>(heap);
}

Result<> EntryMemory::read_value(Entry* e, BytesView in, const SerdeContext& context) {
  auto result = serde_.table->read(serde_.self, in, slot_of(e, value_at_), e->has_value, context);
  if (!result) return result;
  e->has_value = true;
  count_value(e, in.size());
  return result;
}

void EntryMemory::keep_old(Entry* e) {
  drop_old(e);
  if (!e->has_value) return;
  type_->copy(slot_of(e, old_at_), slot_of(e, value_at_));
  e->has_old = true;
  e->old_heap = e->value_heap;
  entry_bytes_ += e->old_heap;
}

void EntryMemory::drop_old(Entry* e) {
  if (e->has_old) type_->destroy(slot_of(e, old_at_));
  e->has_old = false;
  entry_bytes_ -= std::exchange(e->old_heap, 0);
}

}  // namespace millrace
