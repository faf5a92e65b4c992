#include "millrace/statestore/task_window_store.h"

#include <algorithm>

#include "millrace/statestore/row_scan.h"
#include "millrace/statestore/window_key.h"
#include "millrace/statestore/window_rows.h"

namespace millrace {

namespace {

class MergedRows final : public WindowStoreIterator {
 public:
  explicit MergedRows(RowScan scan) : scan_(std::move(scan)) {}
  bool next() override { return scan_.next(); }
  BytesView key() const override { return key_in_table_key(scan_.table_key()); }
  Timestamp window_start() const override { return start_in_table_key(scan_.table_key()); }
  ValueAndTimestamp value() const override { return scan_.value(); }

 private:
  RowScan scan_;
};

// Windows of one key that are all in memory.
class CopiedRows final : public WindowStoreIterator {
 public:
  explicit CopiedRows(std::vector<TaskStore::Row> rows) : rows_(std::move(rows)) {}
  bool next() override { return ++at_ <= rows_.size(); }
  BytesView key() const override { return key_in_table_key(rows_[at_ - 1].table_key); }
  Timestamp window_start() const override { return start_in_table_key(rows_[at_ - 1].table_key); }
  ValueAndTimestamp value() const override { return {rows_[at_ - 1].value.get(), rows_[at_ - 1].timestamp}; }

 private:
  const std::vector<TaskStore::Row> rows_;
  std::size_t at_ = 0;
};

std::unique_ptr<WindowStoreIterator> merged(const TaskStore& store, std::vector<TaskStore::Row> overlay,
                                            WindowRange range, Order order) {
  const std::int64_t interval = segment_interval_ms(store.spec().retention);
  range.from = std::max(range.from, store.oldest_live());
  std::unique_ptr<RowIterator> base;
  if (Checkpoint* saved = store.saved()) base = std::make_unique<WindowRows>(*saved, std::move(range), interval, order);
  RowScan::Shape shape;
  if (store.spec().in_memory) {  // Kafka's in-memory window store is ordered by time, then key
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
  return std::make_unique<MergedRows>(RowScan(store, std::move(overlay), std::move(base), std::move(shape), order));
}

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
  StoreCounters& c = store_.counters();
  return c.count<calls_between_timed>(c.fetches, [&] { return windows_of(key, from, to, order); });
}

std::unique_ptr<WindowStoreIterator> TaskWindowStore::windows_of(BytesView key, Timestamp from, Timestamp to,
                                                                 Order order) {
  std::vector<TaskStore::Row> rows;
  const KeyWindows* windows = store_.windows_of(key);
  const bool is_all = !windows || windows->complete;
  if (windows)
    for (auto slot = windows->from(from); slot != windows->windows.end() && slot->start <= to; ++slot)
      if (!is_all || store_.is_visible(slot->entry)) rows.push_back(store_.copy(slot->entry));
  if (!is_all) return merged(store_, std::move(rows), {Bytes(key), Bytes(key), from, to}, order);
  if (order == Order::descending) std::reverse(rows.begin(), rows.end());
  return std::make_unique<CopiedRows>(std::move(rows));
}

std::unique_ptr<WindowStoreIterator> TaskWindowStore::fetch_range(std::optional<BytesView> from_key,
                                                                  std::optional<BytesView> to_key, Timestamp from,
                                                                  Timestamp to, Order order) {
  WindowRange range{{}, {}, from, to};
  if (from_key) range.from_key = Bytes(*from_key);
  if (to_key) range.to_key = Bytes(*to_key);
  StoreCounters& c = store_.counters();
  return c.count<1>(c.fetches, [&] {
    auto overlay = store_.overlay([&](BytesView table_key) {
      return range.contains(key_in_table_key(table_key), start_in_table_key(table_key));
    });
    return merged(store_, std::move(overlay), std::move(range), order);
  });
}

}  // namespace millrace
