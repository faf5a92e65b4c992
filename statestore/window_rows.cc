#include "millrace/statestore/window_rows.h"

#include <algorithm>

#include "millrace/statestore/window_key.h"

namespace millrace {

namespace {
Timestamp not_before_zero(Timestamp t) { return {std::max<std::int64_t>(t.ms, 0)}; }
Bytes segment_bytes(std::int64_t segment) {
  Bytes out;
  append_big_endian(out, segment);
  return out;
}
}  // namespace

WindowRows::WindowRows(Checkpoint& checkpoint, WindowRange range, std::int64_t interval, ScanOrder order)
    : range_(std::move(range)),
      first_(segment_of(not_before_zero(range_.from), interval)),
      last_(segment_of(not_before_zero(range_.to), interval)),
      ascending_(order == ScanOrder::ascending),
      segment_(ascending_ ? first_ : last_),
      rows_(checkpoint.scan(segment_bytes(first_), segment_bytes(last_ + 1), ascending_)) {}

// No row of the segment that is wanted stands before the one edge or behind the other.
Bytes WindowRows::edge(std::int64_t segment, bool last) const {
  if (last && !range_.to_key) return segment_bytes(segment + 1);
  Bytes out = segment_bytes(segment);
  if (!last) {
    if (!range_.from_key) return out;
    out += *range_.from_key;
    if (range_.to_key == range_.from_key) append_big_endian(out, not_before_zero(range_.from).ms);
    return out;
  }
  if (range_.to_key == range_.from_key) {
    out += *range_.to_key;
    append_big_endian(out, range_.to.ms);
    out.append(4, '\xff');
    return out;
  }
  // A key's own prefixes come before it, but with a window's start behind them their rows may come later.
  Bytes largest;
  for (std::size_t n = 0; n <= range_.to_key->size(); ++n) {
    Bytes row(range_.to_key->substr(0, n));
    append_big_endian(row, range_.to.ms);
    row.append(4, '\xff');
    largest = std::max(largest, row);
  }
  out += largest;
  return out;
}

bool WindowRows::enter(std::int64_t segment) {
  segment_ = segment;
  first_row_ = edge(segment, false);
  last_row_ = edge(segment, true);
  return rows_->seek(ascending_ ? first_row_ : last_row_);
}

// Moves on to a row that is wanted.
bool WindowRows::settle(bool there) {
  while (there) {
    const BytesView row = rows_->key();
    const std::int64_t segment = from_big_endian<std::int64_t>(row.data());
    if (segment != segment_) {
      there = enter(segment);
    } else if (ascending_ ? row > last_row_ : row < first_row_) {
      if (segment == (ascending_ ? last_ : first_)) return false;
      there = enter(ascending_ ? segment + 1 : segment - 1);
    } else {
      const BytesView table_key = table_key_in_row_key(row);
      if (range_.contains(key_in_table_key(table_key), start_in_table_key(table_key))) return true;
      there = rows_->next();
    }
  }
  return false;
}

bool WindowRows::next() {
  if (started_) return settle(rows_->next());
  started_ = true;
  if (range_.to < range_.from || range_.to.ms < 0) return false;
  return settle(enter(segment_));
}

}  // namespace millrace
