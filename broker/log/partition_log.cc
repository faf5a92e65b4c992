#include "millrace/broker/log/partition_log.h"

#include <algorithm>

#include "millrace/broker/log/recovery.h"

namespace millrace::broker {

PartitionLog::PartitionLog(LogDirectory& logs, Options options)
    : logs_(logs),
      options_(std::move(options)),
      messages_in_(logs.metrics().now_ns()),
      bytes_in_(logs.metrics().now_ns()),
      producers_(""),
      bytes_out_(logs.metrics().now_ns()) {}

Result<std::shared_ptr<PartitionLog>> PartitionLog::open(LogDirectory& logs, Options options) {
  std::shared_ptr<PartitionLog> log(new PartitionLog(logs, std::move(options)));
  const auto& o = log->options_;
  const Offset recovery_point = o.recovery_point.value_or(0);
  MR_TRY(logs.files().make_directories(o.directory));
  MR_ASSIGN(auto recovered, recover_log(logs, log->name(), o.directory, o.config, recovery_point,
                                        logs.synced_offsets().find(o.topic_id, o.partition.partition), o.log_start));
  log->segments_ = std::move(recovered.segments);
  log->producers_ = std::move(recovered.producers);
  log->epochs_ = std::move(recovered.epochs);
  log->log_end_ = log->high_watermark_ = recovered.log_end;
  log->log_start_ = std::clamp(o.log_start, log->segments_.front()->base_offset(), recovered.log_end);
  log->synced_ = recovery_point;
  log->epoch_ = log->epochs_.latest() + 1;
  if (auto noted = logs.synced_offsets().find(o.topic_id, o.partition.partition); noted > log->log_end_)
    logs.synced_offsets().note(o.topic_id, o.partition.partition, log->log_end_);  // flush=os has cut what was synced
  for (std::size_t i = 0; i < log->segments_.size(); ++i)
    log->segments_[i]->dirty = i + 1 == log->segments_.size() || log->segments_[i + 1]->base_offset() > recovery_point;
  // A segment that begins at the recovery point may have been added after the checkpoint, and its name be lost.
  const bool is_new = recovery_point > 0 && log->segments_.back()->base_offset() >= recovery_point;
  if (o.recovery_point == log->log_end_ && !is_new) log->checkpointed_ = log->log_end_;
  return log;
}

PartitionLog::~PartitionLog() = default;

Result<> PartitionLog::check_open() const {
  MR_TRY(logs_.check());
  if (deleted_) return Error(ErrorCode::unknown_topic_or_partition, name() + " was deleted");
  return {};
}

Result<> PartitionLog::check_size(std::size_t size) const {
  if (!options_.internal && size > static_cast<std::size_t>(config().max_message_bytes)) {
    return Error(ErrorCode::message_too_large,
                 name() + ": a batch of " + std::to_string(size) +
                     " bytes is over max.message.bytes=" + std::to_string(config().max_message_bytes) +
                     ". Store the data elsewhere and send a reference to it");
  }
  if (size > static_cast<std::size_t>(config().segment_bytes)) {
    return Error(ErrorCode::record_list_too_large,
                 name() + ": a batch of " + std::to_string(size) +
                     " bytes is over segment.bytes=" + std::to_string(config().segment_bytes));
  }
  return {};
}

Result<AppendedBatch> PartitionLog::append(RecordBatchBuilder& batch, const Producer& producer,
                                           Compression compression) {
  AppendedBatch appended;
  {
    std::lock_guard lock(append_mutex_);
    MR_TRY(check_open());
    RecordBatchBuilder::Stamp stamp;
    stamp.base_offset = log_end_;
    stamp.leader_epoch = epoch_;
    if (producer.id >= 0) {
      stamp.producer_id = producer.id;
      stamp.producer_epoch = producer.epoch;
      stamp.transactional = producer.transactional;
      MR_ASSIGN(stamp.base_sequence, producers_.next_sequence(producer.id, producer.epoch));
    }
    if (config().log_append_time) stamp.log_append_time = logs_.env().clock().now();
    BytesView bytes = batch.seal(stamp, compression);
    MR_TRY(check_size(bytes.size()));
    MR_ASSIGN(auto view, RecordBatchView::parse(bytes));
    MR_ASSIGN(appended, write(view, std::nullopt));
  }
  notify_all();
  return appended;
}

Result<> PartitionLog::check_from_outside(const RecordBatchView& batch) const {
  if (!batch.crc_matches()) return Error(ErrorCode::corrupt_message, name() + ": the batch's CRC does not fit");
  if (batch.is_control()) return Error(ErrorCode::invalid_record, name() + ": a client may not write control batches");
  if (batch.count() != batch.last_offset_delta() + std::int64_t{1}) {
    return Error(ErrorCode::invalid_record, name() + ": " + std::to_string(batch.count()) +
                                                " records with last offset delta " +
                                                std::to_string(batch.last_offset_delta()));
  }
  if (batch.producer_id() >= 0 && (batch.base_sequence() < 0 || batch.producer_epoch() < 0)) {
    return Error(ErrorCode::invalid_record, name() + ": a producer id without sequence or epoch");
  }
  Bytes scratch;
  RecordReader reader(batch, scratch);
  RecordView record;
  const Timestamp now = logs_.env().clock().now();
  for (std::int64_t i = 0; reader.next(record); ++i) {
    if (config().compacts && !record.has_key()) {
      return Error(ErrorCode::invalid_record,
                   name() + " is compacted, and record " + std::to_string(i) + " has no key");
    }
    if (auto fits = config().check_timestamp(record.timestamp, now); !fits)
      return std::move(fits).error().in(name() + ", record " + std::to_string(i));
  }
  if (auto status = reader.status(); !status) return std::move(status).error().in(name());
  return {};
}

Result<AppendedBatch> PartitionLog::append_batch(Bytes& bytes) {
  auto parsed = RecordBatchView::parse(bytes);
  if (!parsed) return std::move(parsed).error().in(name());
  auto batch = *parsed;
  if (batch.bytes().size() != bytes.size()) {
    return Error(ErrorCode::invalid_record, name() + ": more than one batch");
  }
  MR_TRY(check_size(bytes.size()));
  MR_TRY(check_from_outside(batch));
  AppendedBatch appended;
  {
    std::lock_guard lock(append_mutex_);
    MR_TRY(check_open());
    MR_ASSIGN(auto repeated, producers_.check(batch));
    if (repeated) return AppendedBatch{repeated->first_offset(), repeated->last_offset, {-1}, true};
    assign_offsets(bytes.data(), log_end_, epoch_);
    if (config().log_append_time) assign_log_append_time(bytes.data(), bytes.size(), logs_.env().clock().now());
    MR_ASSIGN(appended, write(batch, std::nullopt));
  }
  notify_all();
  return appended;
}

Result<AppendedBatch> PartitionLog::append_marker(ControlType type, ProducerId id, ProducerEpoch epoch,
                                                  std::int32_t coordinator_epoch) {
  Bytes bytes = encode_end_transaction_marker(type, id, epoch, coordinator_epoch, logs_.env().clock().now());
  AppendedBatch appended;
  {
    std::lock_guard lock(append_mutex_);
    MR_TRY(check_open());
    MR_TRY(producers_.check_marker(id, epoch, coordinator_epoch));
    assign_offsets(bytes.data(), log_end_, epoch_);
    MR_ASSIGN(auto batch, RecordBatchView::parse(bytes));
    MR_ASSIGN(appended, write(batch, EndTransactionMarker{type, coordinator_epoch}));
  }
  notify_all();
  return appended;
}

// Under append_mutex_: the file first, then what readers see.
Result<AppendedBatch> PartitionLog::write(const RecordBatchView& batch, std::optional<EndTransactionMarker> marker) {
  auto now = logs_.env().clock().now();
  const std::int64_t started_ns = logs_.metrics().now_ns();
  if (segments_.back()->is_full_for(batch.bytes().size(), batch.last_offset(), now)) MR_TRY(roll_locked(log_end_));
  auto& segment = *segments_.back();
  MR_TRY(segment.write(batch.bytes()));
  const std::int64_t ended_ns = logs_.metrics().now_ns();
  logs_.metrics().appended(ended_ns - started_ns);
  messages_in_.add(batch.count(), ended_ns);
  bytes_in_.add(static_cast<std::int64_t>(batch.bytes().size()), ended_ns);
  std::lock_guard lock(mutex_);
  segment.publish(batch);
  epochs_.assign(epoch_, batch.base_offset());
  auto completed = producers_.apply(batch, marker ? std::optional(marker->type) : std::nullopt,
                                    marker ? marker->coordinator_epoch : -1);
  log_end_ = high_watermark_ = batch.last_offset() + 1;
  if (completed && completed->type == ControlType::abort) {
    segment.add_aborted({completed->producer_id, completed->first_offset, completed->last_offset, last_stable(-1)});
  }
  return AppendedBatch{batch.base_offset(), batch.last_offset(),
                       batch.is_log_append_time() ? batch.max_timestamp() : Timestamp{-1}, false};
}

Result<> PartitionLog::roll() {
  std::lock_guard lock(append_mutex_);
  MR_TRY(check_open());
  return segments_.back()->size() == 0 ? Result<>() : roll_locked(log_end_);
}

// Whatever lies below the active segment is on disk, with its names: else a power cut may keep a later segment and lose
// the end of the one before, and nothing would show the hole (in a compacted log offsets are missing anyway).
Result<> PartitionLog::sync_before_roll() {
  if (logs_.flush_mode() != FlushMode::group) return {};
  auto synced = segments_.back()->file().sync("log.roll.sync");
  if (synced) synced = logs_.files().sync_directory(directory(), "log.roll.directory");
  if (!synced) logs_.fence(synced.error());
  return synced;
}

// An empty one, whatever a crash has left at its place.
Result<std::shared_ptr<Segment>> PartitionLog::make_segment(Offset base_offset) {
  MR_ASSIGN(auto segment, Segment::open(logs_, directory(), base_offset, config(), false));
  MR_TRY(segment->truncate(0, base_offset));
  segment->dirty = true;
  return segment;
}

// Under append_mutex_.
Result<> PartitionLog::roll_locked(Offset base_offset) {
  MR_TRY(sync_before_roll());
  {
    std::lock_guard lock(mutex_);
    MR_TRY(segments_.back()->prepare_seal());
  }
  auto segment = make_segment(base_offset);
  if (!segment) {
    // The old one goes on. A file that stays nevertheless is a restart's to remove (recovery.cc).
    std::ignore = logs_.files().remove(segment_path(directory(), base_offset, ".log"), "log.segment.remove");
    return std::move(segment).error();
  }
  std::lock_guard lock(mutex_);
  segments_.back()->seal();
  segments_.push_back(*std::move(segment));
  names_unsynced_ = true;
  checkpointed_ = -1;
  return {};
}

void PartitionLog::notify(const void* owner, std::function<void()> callback) {
  std::lock_guard lock(listeners_mutex_);
  if (callback) {
    listeners_[owner] = std::move(callback);
  } else {
    listeners_.erase(owner);
  }
  has_listeners_ = !listeners_.empty();
}

void PartitionLog::notify_all() {
  if (!has_listeners_.load(std::memory_order_acquire)) return;
  std::lock_guard lock(listeners_mutex_);
  for (auto& [owner, callback] : listeners_) callback();
}

// ---------------------------------------------------------------- offsets

Offset PartitionLog::last_stable(ProducerId except) const {
  return std::min(producers_.first_undecided(except).value_or(high_watermark_), high_watermark_);
}

LogOffsets PartitionLog::offsets_locked() const {
  return {log_start_, last_stable(-1), high_watermark_, log_end_, std::max<LeaderEpoch>(epochs_.latest(), 0)};
}

LogOffsets PartitionLog::offsets() const {
  std::lock_guard lock(mutex_);
  return offsets_locked();
}

std::optional<Offset> PartitionLog::end_of_epoch(LeaderEpoch epoch) const {
  std::lock_guard lock(mutex_);
  return epochs_.end_offset(epoch, log_end_);
}

std::vector<PartitionLog::OpenTransaction> PartitionLog::open_transactions() const {
  std::lock_guard lock(mutex_);
  std::vector<OpenTransaction> open;
  for (const auto& [offset, id] : producers_.undecided()) {
    open.push_back({id, producers_.entries().at(id).epoch, offset});
  }
  return open;
}

std::map<ProducerId, ProducerEpoch> PartitionLog::producer_epochs() const {
  std::lock_guard lock(mutex_);
  std::map<ProducerId, ProducerEpoch> epochs;
  for (const auto& [id, entry] : producers_.entries()) epochs[id] = entry.epoch;
  return epochs;
}

// ---------------------------------------------------------------- durability

PartitionLog::Unsynced PartitionLog::take_unsynced() {
  std::lock_guard lock(mutex_);
  Unsynced unsynced;
  for (std::size_t i = segments_.size(); i-- > 0 && segments_[i]->dirty;) {
    unsynced.segments.push_back(segments_[i]);
    segments_[i]->dirty = false;
  }
  std::reverse(unsynced.segments.begin(), unsynced.segments.end());
  unsynced.directory = std::exchange(names_unsynced_, false);
  unsynced.end = log_end_;
  return unsynced;
}

void PartitionLog::synced(Offset end) {
  {
    std::lock_guard lock(mutex_);
    if (end <= synced_) return;
    synced_ = end;
  }
  logs_.synced_offsets().note(options_.topic_id, options_.partition.partition, end);
}

PartitionLog::Extent PartitionLog::extent() const {
  std::lock_guard lock(mutex_);
  Extent extent{segments_.size(), 0};
  for (const auto& segment : segments_) extent.bytes += segment->size();
  return extent;
}

bool PartitionLog::has_unsynced() const {
  std::lock_guard lock(mutex_);
  return segments_.back()->dirty || names_unsynced_;
}

bool PartitionLog::has_unsynced_records() const {
  std::lock_guard lock(mutex_);
  return synced_ < log_end_;
}

bool PartitionLog::needs_checkpoint() const {
  std::lock_guard lock(mutex_);
  return checkpointed_ != log_end_;
}

// What is to be written is taken under the lock; the disk is waited for without it, so that appends go on.
Result<Offset> PartitionLog::checkpoint() {
  struct Indexes {
    std::shared_ptr<Segment> segment;
    Segment::IndexFiles files;
  };
  std::vector<std::shared_ptr<Segment>> unsynced;
  std::vector<Indexes> indexes;
  Bytes snapshot;
  std::string epochs;
  Offset end = 0;
  const Segment* active = nullptr;
  {
    std::lock_guard appends(append_mutex_);
    MR_TRY(check_open());
    std::lock_guard lock(mutex_);
    constexpr Duration producer_id_expiration = 24h;  // producer.id.expiration.ms
    producers_.expire(logs_.env().clock().now() - producer_id_expiration);
    snapshot = producers_.encode_snapshot();
    epochs = epochs_.encode();
    if (epochs == epochs_written_) epochs.clear();
    end = log_end_;
    active = segments_.back().get();
    for (const auto& segment : segments_) MR_TRY(segment->write_indexes());
    for (std::size_t i = 0; i < segments_.size(); ++i) {  // nothing fails from here to their sync
      auto files = segments_[i]->take_unsynced_indexes();
      if (!files.empty()) indexes.push_back({segments_[i], std::move(files)});
      // By offset and not by the dirty marks: a flusher's round that has taken those may not have synced yet.
      bool below = i + 1 < segments_.size() && segments_[i + 1]->base_offset() <= synced_;
      if (!below) unsynced.push_back(segments_[i]);
    }
  }
  for (const auto& segment : unsynced) {
    if (auto result = segment->file().sync("log.segment.sync"); !result) {
      logs_.fence(result.error());
      return std::move(result).error();
    }
  }
  for (const auto& index : indexes) MR_TRY(index.segment->sync_indexes(index.files));
  auto& files = logs_.files();
  if (!epochs.empty())
    MR_TRY(files.write_file_atomically(directory() + "/leader-epoch-checkpoint", epochs, "log.epochs.write"));
  // Syncs the directory, and with it the names of new segments.
  MR_TRY(write_producer_snapshot(files, directory(), end, snapshot));
  MR_TRY(logs_.check());
  synced(end);
  std::lock_guard lock(mutex_);
  if (!epochs.empty()) epochs_written_ = epochs;
  if (segments_.back().get() == active && log_end_ >= end) checkpointed_ = end;
  return end;
}

void PartitionLog::mark_deleted() {
  std::lock_guard appends(append_mutex_);
  std::lock_guard lock(mutex_);
  deleted_ = true;
}

}  // namespace millrace::broker
