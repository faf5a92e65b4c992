#include "millrace/runtime/restorer.h"

#include <algorithm>

#include "millrace/base/log.h"
#include "millrace/runtime/committed_batches.h"

namespace millrace {

namespace {
constexpr std::size_t fetch_bytes_max = 1 << 20;
constexpr std::size_t tail_bytes_max = 16 << 20;  // more than this goes to the checkpoint at once
constexpr std::int64_t default_delete_retention_ms = 86'400'000;
constexpr std::int64_t hour_ms = 3'600'000;
}  // namespace

Result<Offset> Restorer::start_of(const TopicPartition& changelog, const TopicDescription& topic,
                                  TaskDatabase* database, std::size_t row_index, Restored& result) {
  MR_ASSIGN(PartitionOffsets log, admin_.describe_partition(changelog));
  if (!database) return log.log_start_offset;
  auto position = database->position(row_index);
  if (!position) return log.log_start_offset;
  auto from_start = [&](RestoreReason reason, const char* why) {
    result.reason = reason;
    result.from_start = why;
  };
  std::int64_t trusted_ms = default_delete_retention_ms;
  if (auto set = topic.configs.find("delete.retention.ms"); set != topic.configs.end())
    trusted_ms = std::stoll(set->second);
  const std::int64_t age_ms = env_.clock().now().ms - position->written.ms;
  if (position->topic != topic.id) {
    from_start(RestoreReason::topic_id, "the changelog is another topic of the same name");
  } else if (position->next_offset > log.high_watermark) {
    from_start(RestoreReason::beyond_end, "the position is beyond the changelog's end");
  } else if (position->next_offset < log.log_start_offset) {
    from_start(RestoreReason::below_start, "the position is below the changelog's start");
  } else if (position->leader_epoch > log.leader_epoch) {
    from_start(RestoreReason::leader_epoch, "the position is of a leader epoch that the changelog does not have");
  } else if (age_ms > trusted_ms - hour_ms) {
    from_start(RestoreReason::expired, "the position is older than delete.retention.ms: tombstones may be gone");
  } else {
    result.reason = RestoreReason::checkpoint;
    return position->next_offset;
  }
  log_warn("restoring a store from the start", {{"changelog", changelog.text()}, {"why", result.from_start}});
  MR_TRY(database->clear(row_index));
  return log.log_start_offset;
}

Result<> Restorer::apply(const Task::Store& store, const std::vector<Tail::Piece>& pieces) {
  Bytes scratch;
  for (const Tail::Piece& piece : pieces) {
    MR_ASSIGN(RecordBatchView batch, RecordBatchView::parse(*piece.batches));
    RecordReader reader(batch, scratch);
    RecordView record;
    while (reader.next(record))
      MR_TRY(store.core->restore(record.key, record.value, record.has_value(), record.timestamp));
    MR_TRY(reader.status());
  }
  return {};
}

Result<Restored> Restorer::restore(Task& task, const Task::Store& store, TaskDatabase* database,
                                   std::size_t row_index) {
  Restored result;
  if (store.changelog_topic.empty()) {
    result.reason = RestoreReason::no_changelog;
    if (database && database->position(row_index)) MR_TRY(database->clear(row_index));
    return result;
  }
  const TopicPartition changelog{store.changelog_topic, task.id().partition};
  if (store.spec->in_memory) database = nullptr;
  if (!database) result.reason = RestoreReason::in_memory;
  MR_ASSIGN(TopicDescription topic, admin_.describe_topic(changelog.topic));
  MR_ASSIGN(Offset at, start_of(changelog, topic, database, row_index, result));
  const Isolation isolation = exactly_once_ ? Isolation::read_committed : Isolation::read_uncommitted;
  MR_ASSIGN(Offset end, consumer_.end_offset(changelog, isolation));
  CommittedBatches batches;
  batches.reset(at);
  std::vector<Tail::Piece> pieces;
  std::size_t bytes = 0;
  Offset passed = at;
  std::int64_t reported = 0;
  auto write = [&]() -> Result<> {
    MR_ASSIGN(CheckpointRows rows, rows_of(*store.spec, pieces, result.observed));
    rows.position = {topic.id, 0, passed, env_.clock().now()};
    MR_TRY(database->write({{row_index, std::move(rows)}}));
    pieces.clear();
    bytes = 0;
    return {};
  };
  while (batches.end() < end) {
    FetchRequest request{changelog, batches.end(), fetch_bytes_max};
    request.isolation = isolation;
    MR_ASSIGN(FetchedBatches fetched, consumer_.fetch(request));
    if (fetched.bytes->empty())
      return Error(ErrorCode::corrupt_message, changelog.text() + " gives no records from offset " +
                                                   std::to_string(batches.end()) + " on, but ends at " +
                                                   std::to_string(end));
    batches.add(std::move(fetched));
    for (;;) {
      MR_ASSIGN(bool more, batches.next(passed));
      if (!more) break;
      const RecordBatchView& batch = batches.batch();
      result.records += batch.count();
      passed = batch.last_offset() + 1;
      bytes += batch.bytes().size();
      pieces.push_back({std::make_shared<Bytes>(batch.bytes()), 0, passed});
    }
    progress_(result.records - reported, std::max<Offset>(end - batches.end(), 0));
    reported = result.records;
    if (database && bytes > tail_bytes_max) MR_TRY(write());
  }
  MR_TRY(apply(store, pieces));
  std::int64_t sequence = 0;
  for (Tail::Piece& piece : pieces) {
    MR_ASSIGN(RecordBatchView batch, RecordBatchView::parse(*piece.batches));
    piece.last_sequence = sequence += batch.count();
    if (database) result.tail.add(std::move(piece));
  }
  if (result.records) log_info("restored a store", {{"changelog", changelog.text()}, {"records", result.records}});
  return result;
}

}  // namespace millrace
