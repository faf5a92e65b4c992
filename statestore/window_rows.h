// WindowRows: a checkpoint's rows of some keys and times, read segment by segment.
//
// Rows stand under their segment first, so one key's windows lie apart: in each segment this jumps to the first row
// wanted and from the last one to the next segment, instead of reading what lies between.
#pragma once
#include <memory>
#include <optional>

#include "millrace/statestore/changelog.h"
#include "millrace/statestore/state_store.h"

namespace millrace {

// Keys and window starts, both ends inclusive; nullopt: open.
struct WindowRange {
  std::optional<Bytes> from_key, to_key;
  Timestamp from, to;
  bool contains(BytesView key, Timestamp start) const {
    return start >= from && start <= to && (!from_key || key >= *from_key) && (!to_key || key <= *to_key);
  }
};

// In order of row keys. Throws StoreError where the disk fails.
class WindowRows final : public RowIterator {
 public:
  // `checkpoint` outlives it.
  WindowRows(Checkpoint& checkpoint, WindowRange range, std::int64_t segment_interval_ms, ScanOrder order);
  bool next() override;
  bool seek(BytesView key) override { return rows_->seek(key); }
  BytesView key() const override { return rows_->key(); }
  BytesView value() const override { return rows_->value(); }

 private:
  Bytes edge(std::int64_t segment, bool last) const;
  bool enter(std::int64_t segment);
  bool settle(bool there);

  const WindowRange range_;
  const std::int64_t first_, last_;  // segments
  const bool ascending_;
  std::int64_t segment_;
  Bytes first_row_, last_row_;  // of this segment, at the most
  bool started_ = false;
  std::unique_ptr<RowIterator> rows_;
};

}  // namespace millrace
