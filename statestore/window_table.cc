#include "millrace/statestore/window_table.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "millrace/statestore/window_key.h"

namespace millrace {

namespace {
bool starts_before(const KeyWindows::Slot& slot, Timestamp start) { return slot.start < start; }
}  // namespace

std::vector<KeyWindows::Slot>::const_iterator KeyWindows::from(Timestamp start) const {
  return std::lower_bound(windows.begin(), windows.end(), start, starts_before);
}

WindowTable::~WindowTable() {
  for (KeyWindows* w : keys_.all_of([](const KeyWindows*) { return true; })) erase(w);
}

KeyWindows* WindowTable::insert_key(BytesView key) {
  void* memory = ::operator new(sizeof(KeyWindows) + key.size());
  auto* w = ::new (memory) KeyWindows;
  w->hash = hash_of(key);
  w->key_size = static_cast<std::uint32_t>(key.size());
  std::memcpy(static_cast<char*>(memory) + sizeof(KeyWindows), key.data(), key.size());
  keys_.add(w);
  key_bytes_ += bytes_of(w);
  return w;
}

Entry* WindowTable::insert(KeyWindows* w, BytesView table_key, std::uint64_t hash) {
  const Timestamp start = start_in_table_key(table_key);
  Entry* e = make(table_key, hash);
  entries_.add(e);
  key_bytes_ -= bytes_of(w);
  if (w->windows.empty() || start > w->newest) {
    w->windows.push_back({start, e});
    w->newest = start;
  } else {
    w->windows.insert(w->windows.begin() + (w->from(start) - w->windows.begin()), {start, e});
  }
  key_bytes_ += bytes_of(w);
  return e;
}

void WindowTable::erase(KeyWindows* w) {
  keys_.remove(w);
  for (const KeyWindows::Slot& slot : w->windows) release(slot.entry);
  key_bytes_ -= bytes_of(w);
  w->~KeyWindows();
  ::operator delete(w);
}

}  // namespace millrace
