// What makes a partition log shorter: DeleteRecords, retention, truncation.
#include <algorithm>

#include "millrace/broker/log/partition_log.h"
#include "millrace/broker/log/recovery.h"

namespace millrace::broker {

Result<> PartitionLog::delete_records(Offset before) {
  std::lock_guard appends(append_mutex_);
  MR_TRY(check_open());
  {
    std::lock_guard lock(mutex_);
    if (before == -1) before = high_watermark_;
    if (before < 0 || before > high_watermark_) {
      return Error(ErrorCode::offset_out_of_range, name() + ": cannot delete records before " + std::to_string(before) +
                                                       ": the high watermark is " + std::to_string(high_watermark_));
    }
    log_start_ = std::max(log_start_, before);
  }
  return drop_segments_below_start();
}

// Under append_mutex_. The log start has moved already, so a crash in between leaves segments, never a gap. A file that
// a reader holds open stays readable for it.
Result<> PartitionLog::drop_segments_below_start() {
  std::vector<std::shared_ptr<Segment>> dropped;
  {
    std::lock_guard lock(mutex_);
    while (segments_.size() > 1 && segments_[1]->base_offset() <= log_start_) {
      dropped.push_back(segments_.front());
      segments_.erase(segments_.begin());
    }
    epochs_.truncate_from_start(log_start_);
    for (const auto& segment : dropped) {
      for (auto& hint : hints_) {
        if (hint.segment == segment.get()) hint = {};
      }
    }
  }
  for (auto& segment : dropped) MR_TRY(segment->remove());
  return {};
}

Result<int> PartitionLog::enforce_retention() {
  std::lock_guard appends(append_mutex_);
  MR_TRY(check_open());
  if (!config().deletes) return 0;
  auto now = logs_.env().clock().now();
  auto is_old = [&](const Segment& segment) {
    return config().retention_ms >= 0 && segment.size() > 0 && segment.largest_timestamp().ms >= 0 &&
           (now - segment.largest_timestamp()).count() > config().retention_ms;
  };
  if (is_old(*segments_.back())) MR_TRY(roll_locked(log_end_));
  std::int64_t total = 0;
  for (const auto& segment : segments_) total += static_cast<std::int64_t>(segment->size());
  int count = 0;
  Offset start = log_start_;
  for (std::size_t i = 0; i + 1 < segments_.size(); ++i) {
    auto size = static_cast<std::int64_t>(segments_[i]->size());
    bool too_much = config().retention_bytes >= 0 && total - size >= config().retention_bytes;
    if (!is_old(*segments_[i]) && !too_much) break;
    if (segments_[i + 1]->base_offset() > last_stable(-1)) break;  // an undecided transaction keeps its records
    total -= size;
    start = segments_[i + 1]->base_offset();
    ++count;
  }
  {
    std::lock_guard lock(mutex_);
    log_start_ = std::max(log_start_, start);
  }
  MR_TRY(drop_segments_below_start());
  return count;
}

Result<> PartitionLog::truncate(Offset end) {
  std::lock_guard appends(append_mutex_);
  std::lock_guard lock(mutex_);
  if (end >= log_end_) return {};
  if (end < log_start_) {
    return Error(ErrorCode::offset_out_of_range, name() + ": cannot truncate to " + std::to_string(end) +
                                                     ", below the log start " + std::to_string(log_start_));
  }
  while (segments_.size() > 1 && segments_.back()->base_offset() >= end) {
    MR_TRY(segments_.back()->remove());
    segments_.pop_back();
  }
  auto base = segments_.back()->base_offset();
  bool was_sealed = log_end_ > end;
  if (was_sealed) {
    MR_ASSIGN(segments_.back(), Segment::open(logs_, directory(), base, config(), false));
  }
  std::uint64_t cut = 0;
  MR_TRY(scan_batches(segments_.back()->file(), 0, segments_.back()->size(), [&](const auto& batch, auto position) {
    if (batch.last_offset() >= end) return false;
    cut = position + batch.bytes().size();
    return true;
  }));
  MR_TRY(segments_.back()->truncate(cut, end));
  segments_.back()->dirty = true;
  // Producer state is a function of the log: read what is left of it.
  MR_ASSIGN(auto recovered, recover_log(logs_, name(), directory(), config(), 0, 0, log_start_));
  segments_ = std::move(recovered.segments);
  producers_ = std::move(recovered.producers);
  epochs_ = std::move(recovered.epochs);
  log_end_ = high_watermark_ = std::max(recovered.log_end, log_start_);
  synced_ = std::min(synced_, log_end_);
  logs_.synced_offsets().note(options_.topic_id, options_.partition.partition, synced_);
  for (auto& segment : segments_) segment->dirty = true;
  checkpointed_ = -1;
  hints_ = {};
  return {};
}

}  // namespace millrace::broker
