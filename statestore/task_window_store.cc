#include "millrace/statestore/task_window_store.h"

#include "millrace/statestore/row_scan.h"
#include "millrace/statestore/window_key.h"

namespace millrace {

namespace {

class Rows final : public WindowStoreIterator {
 public:
  explicit Rows(RowScan scan) : scan_(std::move(scan)) {}
  bool next() override { return scan_.next(); }
  BytesView key() const override { return key_in_table_key(scan_.row().table_key); }
  Timestamp window_start() const override { return start_in_table_key(scan_.row().table_key); }
  ValueAndTimestamp value() const override { return {scan_.row().value->get(), scan_.row().timestamp}; }

 private:
  RowScan scan_;
};

}  // namespace

BytesView TaskWindowStore::table_key(BytesView key, Timestamp window_start) {
  scratch_.clear();
  append_table_key(scratch_, key, window_start);
  return scratch_;
}

ValueAndTimestamp TaskWindowStore::fetch(BytesView key, Timestamp window_start) {
  StoreCounters& c = store_.counters();
  return c.count<calls_between_timed>(c.fetches, [&] { return store_.get(table_key(key, window_start)); });
}

ValueAndTimestamp TaskWindowStore::put(BytesView key, const void* value, Timestamp window_start, Timestamp timestamp,
                                       const RecordContext& context) {
  StoreCounters& c = store_.counters();
  return c.count<calls_between_timed>(
      c.puts, [&] { return store_.put(table_key(key, window_start), value, timestamp, context); });
}

std::unique_ptr<WindowStoreIterator> TaskWindowStore::fetch(BytesView key, Timestamp from, Timestamp to, Order order) {
  return fetch_range(key, key, from, to, order);
}

std::unique_ptr<WindowStoreIterator> TaskWindowStore::fetch_range(std::optional<BytesView> from_key,
                                                                  std::optional<BytesView> to_key, Timestamp from,
                                                                  Timestamp to, Order order) {
  std::optional<Bytes> low, high;
  if (from_key) low = Bytes(*from_key);
  if (to_key) high = Bytes(*to_key);
  const std::int64_t interval = segment_interval_ms(store_.spec().retention);
  auto in_range = [low, high, from, to](BytesView table_key) {
    BytesView key = key_in_table_key(table_key);
    Timestamp start = start_in_table_key(table_key);
    return (!low || key >= *low) && (!high || key <= *high) && start >= from && start <= to;
  };
  std::unique_ptr<RowIterator> base;
  if (store_.checkpoint() && store_.checkpoint()->may_have_rows()) {
    Bytes first, last;
    append_big_endian<std::int64_t>(first, std::max<std::int64_t>(from.ms, 0) / interval);
    const std::int64_t last_segment = std::max<std::int64_t>(to.ms, 0) / interval;
    append_big_endian<std::int64_t>(last, last_segment + 1);
    base = store_.checkpoint()->scan(first, last, order == Order::ascending);
  }
  RowScan::Shape shape;
  if (store_.spec().in_memory) {  // Kafka's in-memory window store is ordered by time, then key
    shape.order_key = [](BytesView table_key) {
      Bytes out;
      append_big_endian<std::int64_t>(out, start_in_table_key(table_key).ms);
      out.append(key_in_table_key(table_key));
      return out;
    };
  } else {
    shape.order_key = [interval](BytesView table_key) {
      Bytes out;
      append_row_key(out, table_key, interval);
      return out;
    };
  }
  shape.table_key = [](BytesView row_key) { return table_key_in_row_key(row_key); };
  TaskStore& store = store_;
  shape.wanted = [&store, in_range](BytesView table_key) {
    return in_range(table_key) && store.is_live(start_in_table_key(table_key));
  };
  StoreCounters& c = store_.counters();
  return c.count<1>(c.fetches, [&] {
    return std::make_unique<Rows>(RowScan(store_, store_.overlay(in_range), std::move(base), std::move(shape), order));
  });
}

}  // namespace millrace
