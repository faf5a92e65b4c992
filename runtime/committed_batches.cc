#include "millrace/runtime/committed_batches.h"

#include <algorithm>

namespace millrace {

void CommittedBatches::reset(Offset at, Offset until) {
  waiting_.clear();
  bytes_.reset();
  aborted_.clear();
  aborting_.clear();
  leader_epoch_ = -1;
  end_ = at;
  until_ = until;
  records_passed_ = records_added_;
}

void CommittedBatches::add(FetchedBatches batches) {
  BytesView bytes = *batches.bytes;
  std::size_t at = 0;
  while (bytes.size() - at >= batch_header_size) {
    const std::size_t size = RecordBatchView::size_at(bytes.substr(at));
    if (size == 0 || size > bytes.size() - at) break;
    end_ = std::max(end_, from_big_endian<std::int64_t>(bytes.data() + at) +
                              from_big_endian<std::int32_t>(bytes.data() + at + 23) + 1);
    records_added_ += from_big_endian<std::int32_t>(bytes.data() + at + 57);
    at += size;
  }
  if (at) waiting_.push_back(std::move(batches));
}

bool CommittedBatches::is_left_out(const RecordBatchView& batch) {
  while (!aborted_.empty() && aborted_.front().first_offset <= batch.last_offset()) {
    aborting_.insert(aborted_.front().producer_id);
    aborted_.erase(aborted_.begin());
  }
  if (batch.is_control()) {
    aborting_.erase(batch.producer_id());
    return true;
  }
  return batch.is_transactional() && aborting_.contains(batch.producer_id());
}

Result<bool> CommittedBatches::next(Offset& passed) {
  for (;;) {
    if (!bytes_) {
      if (waiting_.empty()) return false;
      FetchedBatches fetched = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
      bytes_ = std::move(fetched.bytes);
      at_ = 0;
      aborted_ = std::move(fetched.aborted);
      std::sort(aborted_.begin(), aborted_.end(),
                [](const auto& a, const auto& b) { return a.first_offset < b.first_offset; });
    }
    BytesView rest = BytesView(*bytes_).substr(at_);
    const std::size_t size = RecordBatchView::size_at(rest);
    if (size == 0 || size > rest.size()) {
      bytes_.reset();
      continue;
    }
    MR_ASSIGN(RecordBatchView batch, RecordBatchView::parse(rest));
    if (batch.base_offset() >= until_) return false;
    if (!batch.crc_matches())
      return Error(ErrorCode::corrupt_message,
                   "the batch at offset " + std::to_string(batch.base_offset()) + " does not match its CRC");
    at_ += size;
    records_passed_ += batch.count();
    // Of what comes twice, too, the markers count: the fetch names their transactions again.
    const bool left_out = is_left_out(batch);
    if (batch.last_offset() < passed) continue;
    leader_epoch_ = batch.leader_epoch();
    if (left_out) {
      passed = batch.last_offset() + 1;
      continue;
    }
    batch_ = batch;
    return true;
  }
}

}  // namespace millrace
