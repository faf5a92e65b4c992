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

// Windows of one key that are all in memory, copied: a join asks for them with every record, so it is three allocations
// however many they are.
class CopiedRows final : public WindowStoreIterator {
 public:
  CopiedRows(const ValueType* type, BytesView key, std::size_t rows_max) : type_(type), key_(key) {
    rows_.reserve(rows_max);
    if (rows_max > 0) values_ = ::operator new(rows_max * type->size, std::align_val_t(type->align));
  }
  ~CopiedRows() override {
    for (std::size_t i = 0; i < rows_.size(); ++i) type_->destroy(at(i));
    if (values_) ::operator delete(values_, std::align_val_t(type_->align));
  }
  // At most rows_max times, before the first next().
  void add(Timestamp start, Timestamp timestamp, const void* value) {
    type_->copy(at(rows_.size()), value);
    rows_.push_back({start, timestamp});
  }
  void read_backward() { is_backward_ = true; }
  bool next() override { return ++next_ <= rows_.size(); }
  BytesView key() const override { return key_; }
  Timestamp window_start() const override { return rows_[current()].start; }
  ValueAndTimestamp value() const override { return {at(current()), rows_[current()].timestamp}; }

 private:
  struct Row {
    Timestamp start, timestamp;
  };
  void* at(std::size_t i) const { return static_cast<char*>(values_) + i * type_->size; }
  std::size_t current() const { return is_backward_ ? rows_.size() - next_ : next_ - 1; }

  const ValueType* const type_;
  const Bytes key_;
  std::vector<Row> rows_;
  void* values_ = nullptr;
  std::size_t next_ = 0;
  bool is_backward_ = false;
};

std::unique_ptr<WindowStoreIterator> merged(const TaskStore& store, std::vector<TaskStore::Row> overlay,
                                            WindowRange range, ScanOrder order) {
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

std::unique_ptr<WindowStoreIterator> TaskWindowStore::fetch(BytesView key, Timestamp from, Timestamp to,
                                                            ScanOrder order) {
  StoreCounters& c = store_.counters();
  return c.count<calls_between_timed>(c.fetches, [&] { return windows_of(key, from, to, order); });
}

std::unique_ptr<WindowStoreIterator> TaskWindowStore::windows_of(BytesView key, Timestamp from, Timestamp to,
                                                                 ScanOrder order) {
  const KeyWindows* found = store_.windows_of(key);
  static const KeyWindows none;
  const std::vector<KeyWindows::Slot>& windows = found ? found->windows : none.windows;
  const auto first = found ? found->from(from) : windows.begin();
  auto end = first;
  while (end != windows.end() && end->start <= to) ++end;
  if (found && !found->complete) {
    std::vector<TaskStore::Row> overlay;
    for (auto slot = first; slot != end; ++slot) overlay.push_back(store_.copy(slot->entry));
    return merged(store_, std::move(overlay), {Bytes(key), Bytes(key), from, to}, order);
  }
  auto rows = std::make_unique<CopiedRows>(store_.spec().value.table->type, key, static_cast<std::size_t>(end - first));
  for (auto slot = first; slot != end; ++slot)
    if (store_.is_visible(slot->entry)) rows->add(slot->start, slot->entry->timestamp, store_.value(slot->entry));
  if (order == ScanOrder::descending) rows->read_backward();
  return rows;
}

std::unique_ptr<WindowStoreIterator> TaskWindowStore::fetch_range(std::optional<BytesView> from_key,
                                                                  std::optional<BytesView> to_key, Timestamp from,
                                                                  Timestamp to, ScanOrder order) {
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
