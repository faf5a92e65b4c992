#include "millrace/statestore/global_key_value_store.h"

#include <algorithm>

namespace millrace {

namespace {

class Rows final : public KeyValueIterator {
 public:
  struct Row {
    Bytes key;
    AnyValue value;
    Timestamp timestamp;
  };
  explicit Rows(std::vector<Row> rows) : rows_(std::move(rows)) {}
  bool next() override { return ++at_ <= rows_.size(); }
  BytesView key() const override { return rows_[at_ - 1].key; }
  ValueAndTimestamp value() const override { return {rows_[at_ - 1].value.get(), rows_[at_ - 1].timestamp}; }

 private:
  std::vector<Row> rows_;
  std::size_t at_ = 0;
};

}  // namespace

void GlobalKeyValueStore::apply(BytesView key, const void* value, Timestamp timestamp) {
  const std::uint64_t hash = EntryTable::hash_of(key);
  Entry* e = table_.find(key, hash);
  if (!value) {
    if (e) table_.erase(e);
    return;
  }
  if (!e) e = table_.insert(key, hash);
  e->timestamp = timestamp;
  table_.set_value(e, value);
}

ValueAndTimestamp GlobalKeyValueStore::get(BytesView key) {
  const Entry* e = table_.find(key, EntryTable::hash_of(key));
  return e ? ValueAndTimestamp{table_.value(e), e->timestamp} : ValueAndTimestamp{};
}

ValueAndTimestamp GlobalKeyValueStore::put(BytesView, const void*, Timestamp, const RecordContext&) {
  MR_ASSERT(false, "a global store is filled from its topic only");
  return {};
}

template <class Wanted>
std::unique_ptr<KeyValueIterator> GlobalKeyValueStore::rows(Wanted wanted, ScanOrder order) {
  std::vector<Rows::Row> rows;
  table_.for_each([&](Entry* e) {
    if (!wanted(table_.key(e))) return;
    rows.push_back({Bytes(table_.key(e)), AnyValue(spec_.value.table->type), e->timestamp});
    rows.back().value.set(table_.value(e));
  });
  std::vector<std::size_t> places(rows.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  std::sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
    return order == ScanOrder::ascending ? rows[a].key < rows[b].key : rows[a].key > rows[b].key;
  });
  std::vector<Rows::Row> sorted;
  for (std::size_t i : places) sorted.push_back(std::move(rows[i]));
  return std::make_unique<Rows>(std::move(sorted));
}

std::unique_ptr<KeyValueIterator> GlobalKeyValueStore::range(std::optional<BytesView> from, std::optional<BytesView> to,
                                                             ScanOrder order) {
  return rows([&](BytesView key) { return (!from || key >= *from) && (!to || key <= *to); }, order);
}

std::unique_ptr<KeyValueIterator> GlobalKeyValueStore::prefix_scan(BytesView prefix) {
  return rows([&](BytesView key) { return key.starts_with(prefix); }, ScanOrder::ascending);
}

}  // namespace millrace
