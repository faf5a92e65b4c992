#include "millrace/runtime/restorer.h"

#include <algorithm>

#include "millrace/base/log.h"
#include "millrace/runtime/committed_batches.h"

namespace millrace {

namespace {
constexpr std::size_t fetch_bytes_max = 1 << 20;
// Changelog that is not in the checkpoint, more of which goes there at once instead of into the store's memory: what a
// crash leaves behind is replayed, what a lost directory leaves behind is not.
constexpr std::size_t tail_bytes_max = 16 << 20, tail_bytes_max_from_start = 1 << 20;
// So much is sorted at a time, with about so much for each of its records: the more, the fewer files to look into.
constexpr std::size_t sorted_bytes_max = 128 << 20, sorting_bytes_per_record = 150;
constexpr std::size_t ingested_rows_min = 10'000;
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

// What of one store's changelog was read and is not written yet.
struct Restorer::Reading {
  const Task::Store& store;
  const TopicPartition changelog;
  const TopicId topic;
  TaskDatabase* const database;  // null: nothing is written
  const std::size_t row_index;
  Restored& result;
  Offset passed;  // all below it is in the checkpoint or in `pieces`
  std::vector<Tail::Piece> pieces = {};
  std::size_t bytes = 0, records = 0;  // in them
};

Result<> Restorer::write(Reading& r) {
  MR_ASSIGN(CheckpointRows rows, rows_of(*r.store.spec, r.pieces, r.result.observed));
  r.pieces.clear();
  r.bytes = r.records = 0;
  rows.position = {r.topic, 0, r.passed, env_.clock().now()};
  const bool many = rows.rows.size() >= ingested_rows_min;
  const std::vector<TaskDatabase::Update> updates{{r.row_index, std::move(rows)}};
  return many ? r.database->ingest(updates) : r.database->write(updates);
}

Result<> Restorer::read(Reading& r, Offset from, Offset end) {
  CommittedBatches batches;
  batches.reset(from);
  std::int64_t reported = 0;
  while (batches.end() < end) {
    FetchRequest request{r.changelog, batches.end(), fetch_bytes_max};
    request.isolation = isolation();
    MR_ASSIGN(FetchedBatches fetched, consumer_.fetch(request));
    if (fetched.bytes->empty())
      return Error(ErrorCode::corrupt_message, r.changelog.text() + " gives no records from offset " +
                                                   std::to_string(batches.end()) + " on, but ends at " +
                                                   std::to_string(end));
    batches.add(std::move(fetched));
    for (;;) {
      MR_ASSIGN(bool more, batches.next(r.passed));
      if (!more) break;
      const RecordBatchView& batch = batches.batch();
      r.result.records += batch.count();
      r.passed = batch.last_offset() + 1;
      r.bytes += batch.bytes().size();
      r.records += static_cast<std::size_t>(batch.count());
      r.pieces.push_back({std::make_shared<Bytes>(batch.bytes()), 0, r.passed});
    }
    progress_(r.result.records - reported, std::max<Offset>(end - batches.end(), 0));
    reported = r.result.records;
    if (r.database && r.bytes + r.records * sorting_bytes_per_record > sorted_bytes_max) MR_TRY(write(r));
  }
  return {};
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
  MR_ASSIGN(Offset from, start_of(changelog, topic, database, row_index, result));
  MR_ASSIGN(Offset end, consumer_.end_offset(changelog, isolation()));
  Reading reading{store, changelog, topic.id, database, row_index, result, from};
  MR_TRY(read(reading, from, end));
  const bool from_start = result.reason != RestoreReason::checkpoint;
  if (database && reading.bytes > (from_start ? tail_bytes_max_from_start : tail_bytes_max)) MR_TRY(write(reading));
  MR_TRY(apply(store, reading.pieces));
  std::int64_t sequence = 0;
  for (Tail::Piece& piece : reading.pieces) {
    MR_ASSIGN(RecordBatchView batch, RecordBatchView::parse(*piece.batches));
    piece.last_sequence = sequence += batch.count();
    if (database) result.tail.add(std::move(piece));
  }
  if (result.records) log_info("restored a store", {{"changelog", changelog.text()}, {"records", result.records}});
  return result;
}

}  // namespace millrace
