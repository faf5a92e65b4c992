#include "millrace/statestore/task_key_value_store.h"

#include "millrace/statestore/row_scan.h"

namespace millrace {

namespace {

class Rows final : public KeyValueIterator {
 public:
  explicit Rows(RowScan scan) : scan_(std::move(scan)) {}
  bool next() override { return scan_.next(); }
  BytesView key() const override { return scan_.row().table_key; }
  ValueAndTimestamp value() const override { return {scan_.row().value->get(), scan_.row().timestamp}; }

 private:
  RowScan scan_;
};

std::unique_ptr<KeyValueIterator> scan(TaskStore& store, std::optional<Bytes> from, std::optional<Bytes> below,
                                       std::function<bool(BytesView)> wanted, Order order) {
  std::unique_ptr<RowIterator> base;
  if (store.checkpoint() && store.checkpoint()->may_have_rows())
    base = store.checkpoint()->scan(std::move(from), std::move(below), order == Order::ascending);
  RowScan::Shape shape{[](BytesView key) { return Bytes(key); }, [](BytesView key) { return key; }, wanted};
  return std::make_unique<Rows>(RowScan(store, store.overlay(wanted), std::move(base), std::move(shape), order));
}

}  // namespace

std::unique_ptr<KeyValueIterator> TaskKeyValueStore::range(std::optional<BytesView> from, std::optional<BytesView> to,
                                                           Order order) {
  std::optional<Bytes> low, high, below;
  if (from) low = Bytes(*from);
  if (to) high = Bytes(*to);
  if (high) below = Bytes(*high + '\0');  // the smallest key above the last one wanted
  StoreCounters& c = store_.counters();
  return c.count<1>(from || to ? c.ranges : c.alls, [&] {
    return scan(
        store_, low, below, [low, high](BytesView key) { return (!low || key >= *low) && (!high || key <= *high); },
        order);
  });
}

std::unique_ptr<KeyValueIterator> TaskKeyValueStore::prefix_scan(BytesView prefix) {
  Bytes wanted(prefix);
  StoreCounters& c = store_.counters();
  return c.count<1>(c.prefix_scans, [&] {
    return scan(
        store_, wanted, std::nullopt, [wanted](BytesView key) { return key.starts_with(wanted); }, Order::ascending);
  });
}

}  // namespace millrace
