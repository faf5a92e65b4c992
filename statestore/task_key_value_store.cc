#include "millrace/statestore/task_key_value_store.h"

#include "millrace/statestore/row_scan.h"

namespace millrace {

namespace {

class Rows final : public KeyValueIterator {
 public:
  explicit Rows(RowScan scan) : scan_(std::move(scan)) {}
  bool next() override { return scan_.next(); }
  BytesView key() const override { return scan_.table_key(); }
  ValueAndTimestamp value() const override { return scan_.value(); }

 private:
  RowScan scan_;
};

// Keys with from <= key < below.
std::unique_ptr<KeyValueIterator> scan(TaskStore& store, std::optional<Bytes> from, std::optional<Bytes> below,
                                       ScanOrder order) {
  auto overlay = store.overlay([&](BytesView key) { return (!from || key >= *from) && (!below || key < *below); });
  std::unique_ptr<RowIterator> base;
  if (Checkpoint* saved = store.saved())
    base = saved->scan(std::move(from), std::move(below), order == ScanOrder::ascending);
  RowScan::Shape shape{[](BytesView key) { return Bytes(key); }, [](BytesView key) { return key; }};
  return std::make_unique<Rows>(RowScan(store, std::move(overlay), std::move(base), std::move(shape), order));
}

}  // namespace

std::unique_ptr<KeyValueIterator> TaskKeyValueStore::range(std::optional<BytesView> from, std::optional<BytesView> to,
                                                           ScanOrder order) {
  std::optional<Bytes> low, below;
  if (from) low = Bytes(*from);
  if (to) below = Bytes(Bytes(*to) + '\0');  // the smallest key above the last one wanted
  StoreCounters& c = store_.counters();
  return c.count<1>(from || to ? c.ranges : c.alls, [&] { return scan(store_, low, below, order); });
}

std::unique_ptr<KeyValueIterator> TaskKeyValueStore::prefix_scan(BytesView prefix) {
  // The first key that comes after all with the prefix: none after a prefix of nothing but 0xff.
  Bytes below(prefix);
  while (!below.empty() && below.back() == '\xff') below.pop_back();
  if (!below.empty()) ++below.back();
  StoreCounters& c = store_.counters();
  return c.count<1>(c.prefix_scans, [&] {
    return scan(store_, Bytes(prefix), below.empty() ? std::nullopt : std::optional(below), ScanOrder::ascending);
  });
}

}  // namespace millrace
