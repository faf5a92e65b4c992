// Reading a partition log: by offset, by time.
#include <algorithm>

#include "millrace/broker/log/partition_log.h"

namespace millrace::broker {

// Under mutex_. Precondition: log start ≤ offset ≤ log end.
PartitionLog::Position PartitionLog::find(Offset offset) const {
  auto after = std::upper_bound(segments_.begin(), segments_.end(), offset,
                                [](Offset o, const auto& segment) { return o < segment->base_offset(); });
  const auto& segment = after == segments_.begin() ? *after : *std::prev(after);
  Position position{segment, 0, segment->size(), offset <= segment->base_offset()};
  auto next = std::upper_bound(segments_.begin(), segments_.end(), segment->base_offset(),
                               [](Offset o, const auto& s) { return o < s->base_offset(); });
  if (next != segments_.end()) position.next_base = (*next)->base_offset();
  for (const auto& hint : hints_) {
    if (!position.exact && hint.offset == offset && hint.segment == segment.get()) {
      position.position = hint.position;
      position.exact = true;
    }
  }
  if (!position.exact && segment == segments_.back()) {  // its index changes under this lock
    if (auto near = segment->position_for(offset)) position.position = *near;
  }
  return position;
}

// Moves `position` on to the batch that holds `offset`, or the first after it.
Result<> PartitionLog::locate(Position& position, Offset offset) const {
  if (position.exact) return {};
  if (position.next_base != INT64_MAX) {  // sealed
    MR_ASSIGN(position.position, position.segment->position_for(offset));
  }
  constexpr std::size_t window = 16 << 10;
  char buffer[window];
  while (position.position < position.size) {
    std::size_t want = std::min<std::uint64_t>(window, position.size - position.position);
    MR_ASSIGN(std::size_t have, position.segment->file().read_at(position.position, buffer, want));
    std::size_t at = 0;
    while (at + offsets_prefix <= have) {
      if (last_offset_at(buffer + at) >= offset) {
        position.position += at;
        return {};
      }
      at += batch_prefix_size + from_big_endian<std::uint32_t>(buffer + at + 8);
    }
    if (at == 0) break;  // cut short: damaged below what recovery checked
    position.position += at;
  }
  position.position = std::min(position.position, position.size);
  return {};
}

// One pread; then the end is found by the batches' lengths. `next`: the offset after what is returned.
Result<std::shared_ptr<Bytes>> PartitionLog::read_batches(Position& position, const ReadRequest& request, Offset limit,
                                                          Offset& next) {
  auto bytes = logs_.read_buffers().take();
  std::uint64_t left = position.size - position.position;
  std::size_t want = std::min<std::uint64_t>(left, std::max(request.max_bytes, batch_header_size));
  for (;;) {
    bytes->resize(want);
    MR_ASSIGN(std::size_t have, position.segment->file().read_at(position.position, bytes->data(), want));
    std::size_t end = 0, first_size = 0;
    while (end + offsets_prefix <= have) {
      const char* batch = bytes->data() + end;
      std::size_t size = batch_prefix_size + from_big_endian<std::uint32_t>(batch + 8);
      if (first_size == 0) first_size = size;
      if (end + size > have || from_big_endian<std::int64_t>(batch) >= limit) break;
      next = last_offset_at(batch) + 1;
      end += size;
    }
    if (end > 0 || first_size <= have || first_size > left) {
      bytes->resize(end);
      return bytes;
    }
    want = first_size;  // the first batch alone is larger than was asked for
  }
}

Result<ReadBatches> PartitionLog::read(const ReadRequest& request) {
  ReadBatches result;
  Offset limit = 0;
  Position position;
  std::unique_lock lock(mutex_);
  if (deleted_) return Error(ErrorCode::unknown_topic_or_partition, name() + " was deleted");
  result.offsets = offsets_locked();
  if (request.offset < log_start_ || request.offset > log_end_) {
    return Error(ErrorCode::offset_out_of_range, name() + ": offset " + std::to_string(request.offset) +
                                                     " is outside of " + std::to_string(log_start_) + " to " +
                                                     std::to_string(log_end_));
  }
  limit = request.up_to == ReadUpTo::high_watermark ? high_watermark_ : last_stable(request.own_producer_id);
  Offset offset = request.offset;
  Offset next = offset;
  std::shared_ptr<Bytes> bytes;
  while (offset < limit) {
    position = find(offset);
    lock.unlock();
    MR_TRY(locate(position, offset));
    MR_ASSIGN(bytes, read_batches(position, request, limit, next));
    lock.lock();
    if (!bytes->empty() || position.next_base == INT64_MAX) break;
    offset = next = std::max(next, position.next_base);  // compaction left nothing here: the next segment
  }
  if (bytes && !bytes->empty()) {
    bytes_out_.add(static_cast<std::int64_t>(bytes->size()), logs_.metrics().now_ns());
    hints_[next_hint_++ % hints_.size()] = {next, position.segment.get(), position.position + bytes->size()};
    if (request.up_to == ReadUpTo::last_stable_offset) {
      auto segments = segments_;
      auto first = from_big_endian<std::int64_t>(bytes->data());
      for (std::size_t i = 0; i < segments.size(); ++i) {
        bool before = i + 1 < segments.size() && segments[i + 1]->base_offset() <= first;
        if (before) continue;
        MR_ASSIGN(auto found, segments[i]->aborted_between(first, next));
        result.aborted.insert(result.aborted.end(), found.begin(), found.end());
        if (!found.empty() && found.back().last_stable_offset >= next) break;
      }
      std::sort(result.aborted.begin(), result.aborted.end(),
                [](const auto& a, const auto& b) { return a.first_offset < b.first_offset; });
    }
  }
  result.bytes = bytes ? std::move(bytes) : std::make_shared<Bytes>();
  return result;
}

Result<std::optional<Offset>> PartitionLog::offset_for_time(Timestamp timestamp) {
  std::vector<std::shared_ptr<Segment>> candidates;
  std::vector<std::pair<Offset, std::uint64_t>> from;
  Offset start = 0, limit = 0;
  {
    std::lock_guard lock(mutex_);
    start = log_start_;
    limit = high_watermark_;
    for (const auto& segment : segments_) {
      if (segment->largest_timestamp() < timestamp) continue;
      MR_ASSIGN(Offset offset, segment->offset_for(timestamp));
      MR_ASSIGN(std::uint64_t position, segment->position_for(offset));
      candidates.push_back(segment);
      from.push_back({segment->size(), position});
    }
  }
  std::optional<Offset> found;
  Bytes scratch;
  for (std::size_t i = 0; i < candidates.size() && !found; ++i) {
    MR_TRY(scan_batches(candidates[i]->file(), from[i].second, static_cast<std::uint64_t>(from[i].first),
                        [&](const RecordBatchView& batch, std::uint64_t) {
                          if (batch.base_offset() >= limit) return false;
                          if (batch.last_offset() < start || batch.max_timestamp() < timestamp || batch.is_control()) {
                            return true;
                          }
                          RecordReader reader(batch, scratch);
                          RecordView record;
                          while (!found && reader.next(record)) {
                            if (record.timestamp >= timestamp && record.offset >= start) found = record.offset;
                          }
                          return !found;
                        }));
  }
  return found;
}

Result<> for_each_record(PartitionLog& log,
                         const std::function<Result<>(const RecordBatchView&, const RecordView&)>& each) {
  ReadRequest request;
  request.offset = log.offsets().log_start_offset;
  Bytes scratch;
  for (;;) {
    MR_ASSIGN(auto read, log.read(request));
    BytesView left = *read.bytes;
    if (left.empty()) return {};
    while (!left.empty()) {
      MR_ASSIGN(auto batch, RecordBatchView::parse(left));
      left.remove_prefix(batch.bytes().size());
      request.offset = batch.last_offset() + 1;
      const auto at = [&] { return log.partition().text() + ", offset " + std::to_string(batch.base_offset()); };
      if (!batch.crc_matches())
        return Error(ErrorCode::corrupt_message,
                     at() +
                         ": the batch's CRC does not fit: its file is damaged, and `millrace log dump` says where. "
                         "What it holds is not guessed at: restore the file from a copy of the directory");
      RecordReader reader(batch, scratch);
      RecordView record;
      while (reader.next(record)) MR_TRY(each(batch, record));
      if (auto status = reader.status(); !status) return std::move(status).error().in(at());
    }
  }
}

}  // namespace millrace::broker
