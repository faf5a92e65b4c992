#include "millrace/runtime/restorer.h"

#include <algorithm>

#include "millrace/base/log.h"
#include "millrace/runtime/committed_batches.h"
#include "millrace/runtime/source_changelog.h"

namespace millrace {

namespace {
constexpr std::size_t fetch_bytes_max = 1 << 20;
// Changelog that is not in the checkpoint, more of which goes there at once instead of into the store's memory: what a
// crash leaves behind is replayed, what a lost directory leaves behind is not. The simulation's logs are small.
constexpr std::size_t tail_bytes_max = 16 << 20, tail_bytes_max_from_start = 1 << 20;
constexpr std::size_t tail_bytes_max_simulated = 512, tail_bytes_max_from_start_simulated = 64;
// The more is sorted at a time, the fewer files there are to look into. A record is held as it came, as a row, and in
// the tables that find the last update of each key and sort them.
constexpr std::size_t sorting_copies = 2, sorting_bytes_per_record = 150;
constexpr std::size_t sorting_bytes_max_simulated = 1024;
constexpr std::int64_t default_delete_retention_ms = 86'400'000;
constexpr std::int64_t hour_ms = 3'600'000;

// Nothing else takes tombstones from within a log. A source topic need not be.
bool is_compacted(const TopicDescription& topic) { return topic.cleanup_policy().find("compact") != std::string::npos; }
}  // namespace

// A table is what was processed of its topic: what is behind the committed offset will be, and must find the table as
// it was before.
Result<Offset> Restorer::end_of_committed(const TopicPartition& changelog, const OffsetsToCommit& committed) {
  auto at = committed.find(changelog);
  if (at == committed.end()) return 0;
  const Offset offset = at->second.offset;
  MR_ASSIGN(Offset visible, consumer_.end_offset(changelog, isolation()));
  MR_ASSIGN(Offset end, consumer_.end_offset(changelog, Isolation::read_uncommitted));
  if (offset > visible && offset <= end)
    return Error(ErrorCode::unstable_offset_commit,
                 changelog.text() + ": offset " + std::to_string(offset) +
                     " was committed (at least once), but there is a transaction from offset " +
                     std::to_string(visible) + " on that is not decided yet. Start again when it is");
  return std::min(offset, end);  // beyond the end: the task will not start
}

// What of one store's changelog was read and is not written yet.
struct Restorer::Reading {
  const Task::Store& store;
  const TopicPartition changelog;
  TaskDatabase* const database;  // null: nothing is written
  const std::size_t row_index;
  Restored& result;
  std::unique_ptr<SourceChangelog> source = nullptr;  // of a table whose changelog is its source topic
  Offset end = 0;                                     // what stands there, or behind it, is not taken
  Offset passed = 0;                                  // all below it is in the checkpoint or in `pieces`
  std::vector<Tail::Piece> pieces = {};
  std::size_t bytes = 0, records = 0;  // in them, decompressed
  // Since when compaction may take tombstones that are not read yet: of the position that it goes on from, or of the
  // beginning.
  Timestamp written = {};
};

Result<Offset> Restorer::start_of(const TopicDescription& topic, Reading& r) {
  MR_ASSIGN(PartitionOffsets log, admin_.describe_partition(r.changelog));
  r.written = env_.clock().now();
  if (!r.database) return log.log_start_offset;
  auto position = r.database->position(r.row_index);
  if (!position) return log.log_start_offset;
  auto from_start = [&](RestoreReason reason, const char* why) {
    r.result.reason = reason;
    r.result.from_start = why;
  };
  std::int64_t trusted_ms = default_delete_retention_ms;
  if (auto set = topic.configs.find("delete.retention.ms"); set != topic.configs.end())
    trusted_ms = std::stoll(set->second);
  // KIP-320: the same offsets may have been written twice, by leaders that knew nothing of each other.
  MR_ASSIGN(auto epoch_end, admin_.end_of_leader_epoch(r.changelog, position->leader_epoch));
  // At the log's start nothing is left that could contradict it.
  const bool has_epoch =
      (epoch_end && *epoch_end >= position->next_offset) || position->next_offset == log.log_start_offset;
  const std::int64_t age_ms = env_.clock().now().ms - position->written.ms;
  if (position->topic != topic.id) {
    from_start(RestoreReason::topic_id, "the changelog is another topic of the same name");
  } else if (position->next_offset > log.high_watermark) {
    from_start(RestoreReason::beyond_end, "the position is beyond the changelog's end");
  } else if (position->next_offset < log.log_start_offset) {
    from_start(RestoreReason::below_start, "the position is below the changelog's start");
  } else if (!has_epoch) {
    from_start(RestoreReason::leader_epoch,
               "the position is of a leader epoch that the changelog does not have, or that ended before it");
  } else if (r.source && position->next_offset > r.end) {
    from_start(RestoreReason::beyond_committed, "the position is beyond the committed input");
  } else if (age_ms > trusted_ms - hour_ms && position->next_offset < log.high_watermark &&
             (!r.source || is_compacted(topic))) {
    from_start(RestoreReason::expired, "the position is older than delete.retention.ms: tombstones may be gone");
  } else {
    r.result.reason = RestoreReason::checkpoint;
    r.written = position->written;
    return position->next_offset;
  }
  log_warn("restoring a store from the start", {{"changelog", r.changelog.text()}, {"why", r.result.from_start}});
  MR_TRY(r.database->clear(r.row_index));
  return log.log_start_offset;
}

// Rows that came from an input were not logged: a changelog made since then is empty, and the store would be.
Result<> Restorer::check_was_logged(const Task& task, const Reading& r) {
  const auto position = r.database ? r.database->position(r.row_index) : std::nullopt;
  if (!position || position->topic == r.result.topic) return {};
  for (const auto& queue : task.inputs()) {
    MR_ASSIGN(TopicDescription input, admin_.describe_topic(queue->partition().topic));
    if (input.id == position->topic)
      return Error(ErrorCode::invalid_config,
                   "its changelog was topic " + input.name + " (topology.optimization), and nothing was written to " +
                       r.changelog.topic + ". Leave the optimization on, or use another application id");
  }
  return {};
}

Result<> Restorer::write(Reading& r) {
  MR_ASSIGN(CheckpointRows rows, rows_of(*r.store.spec, r.pieces, r.result.observed));
  r.store.core->observe(r.result.observed);
  r.pieces.clear();
  r.bytes = r.records = 0;
  rows.position.topic = r.result.topic;
  rows.position.written = r.written;
  env_.fault_point("restore.write.before");
  return r.database->write({{r.row_index, std::move(rows)}});
}

Result<> Restorer::read(Reading& r) {
  CommittedBatches batches;
  batches.reset(r.passed, r.end);
  std::int64_t reported = 0;
  while (batches.end() < r.end) {
    FetchRequest request{r.changelog, batches.end(), fetch_bytes_max};
    request.isolation = isolation();
    MR_ASSIGN(FetchedBatches fetched, consumer_.fetch(request));
    const Offset visible = exactly_once_ ? fetched.last_stable_offset : fetched.high_watermark;
    if (fetched.bytes->empty() && visible >= r.end) break;  // compaction has left nothing there
    if (fetched.bytes->empty())
      return Error(ErrorCode::corrupt_message, r.changelog.text() + " gives no records from offset " +
                                                   std::to_string(batches.end()) + " on, but ends at " +
                                                   std::to_string(r.end));
    batches.add(std::move(fetched));
    for (;;) {
      MR_ASSIGN(bool more, batches.next(r.passed));
      if (!more) break;
      MR_TRY(take(r, batches.batch()));
    }
    r.result.leader_epoch = batches.leader_epoch();
    progress_(r.result.records - reported, std::max<Offset>(r.end - batches.end(), 0));
    reported = r.result.records;
    if (r.database) continue;  // no tail is kept of it
    MR_TRY(apply(r.store, r.pieces));
    r.pieces.clear();
  }
  return {};
}

Result<> Restorer::take(Reading& r, const RecordBatchView& batch) {
  r.result.records += batch.count();
  const Offset from = std::exchange(r.passed, std::min(batch.last_offset() + 1, r.end));
  if (!r.source) return keep(r, Bytes(batch.bytes()));
  MR_ASSIGN(Bytes logged, r.source->logged_for(batch, from, r.end));
  return logged.empty() ? Result<>() : keep(r, std::move(logged));
}

Result<> Restorer::keep(Reading& r, Bytes bytes) {
  auto own = std::make_shared<Bytes>(std::move(bytes));
  MR_ASSIGN(RecordBatchView batch, RecordBatchView::parse(*own));
  r.bytes += own->size();
  r.records += static_cast<std::size_t>(batch.count());
  if (batch.compression() != Compression::none) {
    Bytes decompressed;
    MR_TRY(RecordReader(batch, decompressed).status());
    r.bytes += decompressed.size();
  }
  r.pieces.push_back({std::move(own), 0, r.passed});
  return r.database && is_full(r) ? write(r) : Result<>();
}

bool Restorer::is_full(const Reading& r) const {
  return r.bytes * sorting_copies + r.records * sorting_bytes_per_record >
         (env_.is_simulated() ? sorting_bytes_max_simulated : memory_bytes_);
}

// Too long for the store's memory.
bool Restorer::is_long(const Reading& r) const {
  const bool from_start = r.result.reason != RestoreReason::checkpoint;
  if (env_.is_simulated())
    return r.bytes > (from_start ? tail_bytes_max_from_start_simulated : tail_bytes_max_simulated);
  return r.bytes > (from_start ? tail_bytes_max_from_start : tail_bytes_max);
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

// A store without a changelog is what its task's committed input made of it, or of no use.
Result<Restored> Restorer::vouch_for(Task& task, const Task::Store& store, TaskDatabase* database,
                                     std::size_t row_index, const OffsetsToCommit& committed) {
  Restored result;
  result.reason = RestoreReason::no_changelog;
  if (!database) return result;
  std::map<TopicPartition, Offset> inputs;
  for (const auto& queue : task.inputs())
    if (auto found = committed.find(queue->partition()); found != committed.end())
      inputs[queue->partition()] = found->second.offset;
  const auto position = database->position(row_index);
  const bool is_of_inputs = position && position->topic == TopicId{};  // not of a changelog that it once had
  if (position ? is_of_inputs && position->inputs == inputs : inputs.empty()) {
    result.reason = position ? RestoreReason::checkpoint : RestoreReason::fresh;
    return result;
  }
  result.from_start = position ? "its rows are not of the committed input" : "it has no rows";
  log_warn("a store without a changelog starts empty",
           {{"store", store.spec->name}, {"task", task.id().text()}, {"why", result.from_start}});
  MR_TRY(database->clear(row_index));
  return result;
}

Result<Restored> Restorer::restore(Task& task, const Task::Store& store, TaskDatabase* database, std::size_t row_index,
                                   const OffsetsToCommit& committed) {
  Restored result;
  if (store.changelog_topic.empty()) return vouch_for(task, store, database, row_index, committed);
  const TopicPartition changelog{store.changelog_topic, task.id().partition};
  if (store.spec->in_memory) database = nullptr;
  if (!database) result.reason = RestoreReason::in_memory;
  MR_ASSIGN(TopicDescription topic, admin_.describe_topic(changelog.topic));
  result.topic = topic.id;
  Reading reading{store, changelog, database, row_index, result};
  if (store.spec->source_changelog.empty()) {
    MR_TRY(check_was_logged(task, reading));
    MR_ASSIGN(reading.end, consumer_.end_offset(changelog, isolation()));
  } else {
    MR_ASSIGN(reading.end, end_of_committed(changelog, committed));
    reading.source = std::make_unique<SourceChangelog>(task.input(changelog.topic)->source(), changelog, *store.spec,
                                                       task.settings().on_deserialization_error);
  }
  MR_ASSIGN(reading.passed, start_of(topic, reading));
  if (reading.source && result.reason != RestoreReason::checkpoint && reading.passed > 0 && reading.end > 0)
    log_warn("a table comes back from a topic whose beginning is gone: rows that were not updated since are missing",
             {{"topic", changelog.text()}, {"log_start", reading.passed}});
  MR_TRY(read(reading));
  if (database && is_long(reading)) MR_TRY(write(reading));
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
