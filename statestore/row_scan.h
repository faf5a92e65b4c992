// RowScan: the rows of a store in order, as of the scan's creation: what a checkpoint has, under what it has not yet.
#pragma once
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "millrace/statestore/task_store.h"

namespace millrace {

// Throws StoreError where the disk fails. Refers to the store.
class RowScan {
 public:
  struct Shape {
    std::function<Bytes(BytesView table_key)> order_key;    // bytes that order rows as the checkpoint's keys do
    std::function<BytesView(BytesView row_key)> table_key;  // a part of the row key
  };
  // `overlay`: what the store's table knows better, in any order; a row without a value hides the checkpoint's. `base`:
  // the checkpoint's rows of the same range, in order; may be null.
  RowScan(const TaskStore& store, std::vector<TaskStore::Row> overlay, std::unique_ptr<RowIterator> base, Shape shape,
          ScanOrder order);
  bool next();
  BytesView table_key() const { return current_.table_key; }
  ValueAndTimestamp value() const { return {current_.value.get(), current_.timestamp}; }

 private:
  void advance_base();
  bool comes_first(BytesView a, BytesView b) const { return order_ == ScanOrder::ascending ? a < b : a > b; }

  const TaskStore& store_;
  Shape shape_;
  ScanOrder order_;
  std::vector<std::pair<Bytes, TaskStore::Row>> overlay_;
  std::size_t at_ = 0;
  std::unique_ptr<RowIterator> base_;  // at a row; null at the end
  TaskStore::Row current_;
};

}  // namespace millrace
