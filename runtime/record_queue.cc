#include "millrace/runtime/record_queue.h"

#include <algorithm>

#include "millrace/runtime/task_id.h"

namespace millrace {

RecordQueue::RecordQueue(const TopologyNode& source, std::string topic, PartitionId partition,
                         OnError on_deserialization_error, TaskCounters& counters)
    : head_(source, {std::move(topic), partition}, on_deserialization_error, counters) {}

void RecordQueue::seek(Offset offset, Timestamp partition_time) {
  batches_.reset(offset);
  reader_.reset();
  live_ = false;
  next_offset_ = offset_taken_ = offset;
  partition_time_ = partition_time;
}

bool RecordQueue::advance() {
  try {
    return find_head();
  } catch (...) {
    has_failed_ = true;
    throw;
  }
}

bool RecordQueue::find_head() {
  RecordView record;
  for (;;) {
    if (!reader_) {
      auto more = batches_.next(next_offset_);
      if (!more) throw StreamsError(partition().text() + ": " + more.error().text());
      if (!*more) return false;
      reader_.emplace(batches_.batch(), decompressed_);
      input_counters_.records += batches_.batch().count();
      input_counters_.bytes += static_cast<std::int64_t>(batches_.batch().bytes().size());
    }
    while (reader_->next(record)) {
      if (record.offset < next_offset_) {
        --input_counters_.records;
        continue;
      }
      next_offset_ = record.offset;
      const bool taken = head_.read(record) && head_.stamp(partition_time_);
      next_offset_ = record.offset + 1;
      if (taken) return live_ = true;
    }
    if (auto status = reader_->status(); !status) throw StreamsError(partition().text() + ": " + status.error().text());
    next_offset_ = std::max(next_offset_, batches_.batch().last_offset() + 1);
    reader_.reset();
  }
}

}  // namespace millrace
