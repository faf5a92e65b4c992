#include "millrace/statestore/row_scan.h"

#include <algorithm>

#include "millrace/statestore/store_error.h"

namespace millrace {

RowScan::RowScan(const TaskStore& store, std::vector<TaskStore::Row> overlay, std::unique_ptr<RowIterator> base,
                 Shape shape, Order order)
    : store_(store), shape_(std::move(shape)), order_(order), base_(std::move(base)) {
  for (TaskStore::Row& row : overlay) {
    Bytes key = shape_.order_key(row.table_key);
    overlay_.emplace_back(std::move(key), std::move(row));
  }
  std::sort(overlay_.begin(), overlay_.end(),
            [&](const auto& a, const auto& b) { return comes_first(a.first, b.first); });
  advance_base();
}

void RowScan::advance_base() {
  base_live_ = false;
  while (base_ && base_->next()) {
    BytesView key = shape_.table_key(base_->key());
    if (shape_.wanted(key) && !store_.shadows(key)) {
      base_live_ = true;
      return;
    }
  }
}

bool RowScan::next() {
  const bool overlay_left = at_ < overlay_.size();
  if (!overlay_left && !base_live_) return false;
  if (overlay_left && (!base_live_ || comes_first(overlay_[at_].first, base_->key()))) {
    current_ = std::move(overlay_[at_++].second);
    return true;
  }
  current_.table_key = Bytes(shape_.table_key(base_->key()));
  if (auto read = store_.read_row(base_->value(), current_); !read) throw StoreError(read.error().text());
  advance_base();
  return true;
}

}  // namespace millrace
