#include "millrace/statestore/entry_table.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <new>

namespace millrace {

namespace {
constexpr std::size_t first_size = 256;
std::size_t rounded_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }
}  // namespace

EntryTable::EntryTable(const ValueType* type, bool with_old) : type_(type), with_old_(with_old), slots_(first_size) {
  align_ = std::max(alignof(Entry), type->align);
  value_at_ = rounded_up(sizeof(Entry), type->align);
  old_at_ = rounded_up(value_at_ + type->size, type->align);
  key_at_ = with_old ? old_at_ + type->size : value_at_ + type->size;
}

EntryTable::~EntryTable() { clear(); }

void EntryTable::clear() {
  for_each([&](Entry* e) { free(e); });
  slots_.assign(first_size, 0);
  size_ = 0;
  memory_bytes_ = 0;
}

std::uint64_t EntryTable::hash_of(BytesView key) { return XXH3_64bits(key.data(), key.size()); }

Entry* EntryTable::find(BytesView key, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const std::uint64_t slot = slots_[i];
    if (!slot) return nullptr;
    if (tag(slot) != tag(hash)) continue;
    Entry* e = pointer(slot);
    if (e->hash == hash && e->key_size == key.size() &&
        std::memcmp(reinterpret_cast<const char*>(e) + key_at_, key.data(), key.size()) == 0)
      return e;
  }
}

void EntryTable::place(Entry* e) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = e->hash & mask;
  while (slots_[i]) i = (i + 1) & mask;
  slots_[i] = tag(e->hash) | reinterpret_cast<std::uint64_t>(e);
}

void EntryTable::grow() {
  std::vector<std::uint64_t> old(slots_.size() * 2);
  old.swap(slots_);
  for (std::uint64_t slot : old)
    if (slot) place(pointer(slot));
}

Entry* EntryTable::insert(BytesView key, std::uint64_t hash) {
  if ((size_ + 1) * 2 > slots_.size()) grow();
  void* memory = ::operator new(key_at_ + key.size(), std::align_val_t(align_));
  MR_ASSERT((reinterpret_cast<std::uint64_t>(memory) >> 48) == 0, "a pointer of more than 48 bits");
  Entry* e = ::new (memory) Entry;
  e->hash = hash;
  e->key_size = static_cast<std::uint32_t>(key.size());
  std::memcpy(slot_of(e, key_at_), key.data(), key.size());
  place(e);
  ++size_;
  memory_bytes_ += bytes_of(e);
  return e;
}

void EntryTable::erase(Entry* e) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = e->hash & mask;
  while (pointer(slots_[i]) != e) i = (i + 1) & mask;
  // Closes the gap: later entries of the same run move up unless they already stand where they belong.
  for (std::size_t j = (i + 1) & mask; slots_[j]; j = (j + 1) & mask) {
    const std::size_t home = pointer(slots_[j])->hash & mask;
    if (((j - home) & mask) >= ((j - i) & mask)) {
      slots_[i] = slots_[j];
      i = j;
    }
  }
  slots_[i] = 0;
  --size_;
  memory_bytes_ -= bytes_of(e);
  free(e);
}

void EntryTable::free(Entry* e) {
  if (e->has_value) type_->destroy(slot_of(e, value_at_));
  drop_old(e);
  delete e->headers;
  e->~Entry();
  ::operator delete(e, std::align_val_t(align_));
}

void EntryTable::set_value(Entry* e, const void* value) {
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

Result<> EntryTable::read_value(Entry* e, const AnySerde& serde, BytesView in, const SerdeContext& context) {
  auto result = serde.table->read(serde.self, in, slot_of(e, value_at_), e->has_value, context);
  if (result) e->has_value = true;
  return result;
}

void EntryTable::keep_old(Entry* e) {
  drop_old(e);
  if (!e->has_value) return;
  type_->copy(slot_of(e, old_at_), slot_of(e, value_at_));
  e->has_old = true;
}

void EntryTable::drop_old(Entry* e) {
  if (e->has_old) type_->destroy(slot_of(e, old_at_));
  e->has_old = false;
}

}  // namespace millrace
