#include "millrace/statestore/entry_memory.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace millrace {

namespace {
std::size_t rounded_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }
}  // namespace

EntryMemory::EntryMemory(const ValueType* type, bool with_old) : type_(type) {
  align_ = std::max(alignof(Entry), type->align);
  value_at_ = rounded_up(sizeof(Entry), type->align);
  old_at_ = rounded_up(value_at_ + type->size, type->align);
  key_at_ = with_old ? old_at_ + type->size : value_at_ + type->size;
}

std::uint64_t EntryMemory::hash_of(BytesView key) { return XXH3_64bits(key.data(), key.size()); }

Entry* EntryMemory::make(BytesView key, std::uint64_t hash) {
  void* memory = ::operator new(key_at_ + key.size(), std::align_val_t(align_));
  Entry* e = ::new (memory) Entry;
  e->hash = hash;
  e->key_size = static_cast<std::uint32_t>(key.size());
  std::memcpy(slot_of(e, key_at_), key.data(), key.size());
  entry_bytes_ += bytes_of(e);
  return e;
}

void EntryMemory::free(Entry* e) {
  entry_bytes_ -= bytes_of(e);
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

Result<> EntryMemory::read_value(Entry* e, const AnySerde& serde, BytesView in, const SerdeContext& context) {
  auto result = serde.table->read(serde.self, in, slot_of(e, value_at_), e->has_value, context);
  if (result) e->has_value = true;
  return result;
}

void EntryMemory::keep_old(Entry* e) {
  drop_old(e);
  if (!e->has_value) return;
  type_->copy(slot_of(e, old_at_), slot_of(e, value_at_));
  e->has_old = true;
}

void EntryMemory::drop_old(Entry* e) {
  if (e->has_old) type_->destroy(slot_of(e, old_at_));
  e->has_old = false;
}

}  // namespace millrace
