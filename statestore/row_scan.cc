#include "millrace/statestore/row_scan.h"

#include <algorithm>

#include "millrace/statestore/store_error.h"

namespace millrace {

RowScan::RowScan(const TaskStore& store, std::vector<TaskStore::Row> overlay, std::unique_ptr<RowIterator> base,
                 Shape shape, ScanOrder order)
    : store_(store),
      shape_(std::move(shape)),
      order_(order),
      base_(std::move(base)),
      current_{{}, AnyValue(store.spec().value.table->type), {}} {
  overlay_.reserve(overlay.size());
  for (TaskStore::Row& row : overlay) {
    Bytes key = shape_.order_key(row.table_key);
    overlay_.emplace_back(std::move(key), std::move(row));
  }
  std::sort(overlay_.begin(), overlay_.end(),
            [&](const auto& a, const auto& b) { return comes_first(a.first, b.first); });
  advance_base();
}

void RowScan::advance_base() {
  if (base_ && !base_->next()) base_.reset();
}

bool RowScan::next() {
  while (at_ < overlay_.size() && (!base_ || !comes_first(base_->key(), overlay_[at_].first))) {
    auto& [order_key, row] = overlay_[at_++];
    if (base_ && base_->key() == order_key) advance_base();
    if (!row.value.get()) continue;
    current_ = std::move(row);
    return true;
  }
  if (!base_) return false;
  current_.table_key = Bytes(shape_.table_key(base_->key()));
  if (auto read = store_.read_row(base_->value(), current_); !read) throw StoreError(read.error().text());
  advance_base();
  return true;
}

}  // namespace millrace
