// Tail: one store's changelog batches since its last checkpoint, and the step from them to rows on disk.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "millrace/base/bytes.h"
#include "millrace/statestore/checkpoint_rows.h"

namespace millrace {

// Committed changelog batches, by reference, in order. One thread at a time.
class Tail {
 public:
  struct Piece {
    std::shared_ptr<const Bytes> batches;
    std::int64_t last_sequence = 0;  // of the store's log sequence, after this piece
    Offset next_offset = 0;          // in the changelog, after this piece
  };
  void add(Piece piece) {
    bytes_ += piece.batches->size();
    pieces_.push_back(std::move(piece));
  }
  std::size_t bytes() const { return bytes_; }
  bool empty() const { return pieces_.empty(); }
  // All pieces, which leave the tail.
  std::vector<Piece> take() {
    std::vector<Piece> all(std::make_move_iterator(pieces_.begin()), std::make_move_iterator(pieces_.end()));
    pieces_.clear();
    bytes_ = 0;
    return all;
  }

 private:
  std::deque<Piece> pieces_;
  std::size_t bytes_ = 0;
};

// The rows of `pieces`; position.leader_epoch and next_offset are set, the rest is the caller's. Error:
// CORRUPT_MESSAGE.
inline Result<CheckpointRows> rows_of(const StoreSpec& spec, const std::vector<Tail::Piece>& pieces,
                                      Timestamp& observed) {
  std::vector<BytesView> views;
  for (const auto& p : pieces) views.push_back(*p.batches);
  MR_ASSIGN(CheckpointRows rows, rows_of(spec, views, observed));
  if (pieces.empty()) return rows;
  MR_ASSIGN(RecordBatchView last, RecordBatchView::parse(*pieces.back().batches));
  rows.position.leader_epoch = last.leader_epoch();
  rows.position.next_offset = pieces.back().next_offset;
  return rows;
}

}  // namespace millrace
