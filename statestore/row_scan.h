// RowScan: the rows of a store in order, its entry table and its checkpoint merged, as of the scan's creation.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "millrace/statestore/task_store.h"

namespace millrace {

class RowScan {
 public:
  // `overlay`: the table's live rows of the range; sorted here by `order_key` (bytes that order rows as the
  // checkpoint's keys do). `base`: the checkpoint's rows of the range, already in order; may be null. `table_key` maps
  // a row key to a table key; `wanted` says which of the checkpoint's rows belong to the scan.
  struct Shape {
    std::function<Bytes(BytesView table_key)> order_key;
    std::function<BytesView(BytesView row_key)> table_key;
    std::function<bool(BytesView table_key)> wanted;
  };
  RowScan(const TaskStore& store, std::vector<TaskStore::Row> overlay, std::unique_ptr<RowIterator> base, Shape shape,
          Order order);
  bool next();
  const TaskStore::Row& row() const { return current_; }

 private:
  void advance_base();
  bool comes_first(BytesView a, BytesView b) const { return order_ == Order::ascending ? a < b : a > b; }

  const TaskStore& store_;
  Shape shape_;
  Order order_;
  std::vector<std::pair<Bytes, TaskStore::Row>> overlay_;
  std::size_t at_ = 0;
  std::unique_ptr<RowIterator> base_;
  bool base_live_ = false;
  TaskStore::Row current_;
};

}  // namespace millrace
