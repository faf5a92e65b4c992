#include "millrace/statestore/entry_table.h"

namespace millrace {

EntryTable::~EntryTable() {
  entries_.for_each([&](Entry* e) { free(e); });
}

Entry* EntryTable::insert(BytesView key, std::uint64_t hash) {
  Entry* e = make(key, hash);
  entries_.add(e);
  return e;
}

void EntryTable::erase(Entry* e) {
  entries_.remove(e);
  free(e);
}

}  // namespace millrace
