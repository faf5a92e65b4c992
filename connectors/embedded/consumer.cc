#include "millrace/connectors/embedded/consumer.h"

#include <algorithm>
#include <set>

namespace millrace::embedded {

using broker::PartitionLog;

EmbeddedConsumer::~EmbeddedConsumer() {
  stop_listening();
  std::unique_lock lock(logs_mutex_);
  for (auto& [partition, log] : logs_) log->notify(this, nullptr);
}

Result<std::shared_ptr<PartitionLog>> EmbeddedConsumer::log_of(const TopicPartition& partition) {
  {
    std::shared_lock lock(logs_mutex_);
    auto found = logs_.find(partition);
    if (found != logs_.end() && !found->second->is_deleted()) return found->second;
  }
  MR_ASSIGN(auto log, shared_.broker->partition(partition));
  std::unique_lock lock(logs_mutex_);
  logs_[partition] = log;
  return log;
}

// ---------------------------------------------------------------- batches

Result<FetchedBatches> EmbeddedConsumer::fetch(const FetchRequest& request) {
  MR_ASSIGN(auto log, log_of(request.partition));
  bool committed = request.isolation == Isolation::read_committed;
  MR_ASSIGN(auto read, log->read({request.offset, request.max_bytes,
                                  committed ? broker::ReadUpTo::last_stable_offset : broker::ReadUpTo::high_watermark,
                                  request.own_producer_id}));
  FetchedBatches fetched{std::move(read.bytes),
                         read.offsets.log_start_offset,
                         read.offsets.high_watermark,
                         read.offsets.last_stable_offset,
                         {}};
  for (const auto& aborted : read.aborted) fetched.aborted.push_back({aborted.producer_id, aborted.first_offset});
  return fetched;
}

Result<Offset> EmbeddedConsumer::end_offset(const TopicPartition& partition, Isolation isolation) {
  MR_ASSIGN(auto log, log_of(partition));
  auto offsets = log->offsets();
  return isolation == Isolation::read_committed ? offsets.last_stable_offset : offsets.high_watermark;
}

Result<Offset> EmbeddedConsumer::beginning_offset(const TopicPartition& partition) {
  MR_ASSIGN(auto log, log_of(partition));
  return log->offsets().log_start_offset;
}

Result<std::optional<Offset>> EmbeddedConsumer::offset_for_time(const TopicPartition& partition, Timestamp timestamp) {
  MR_ASSIGN(auto log, log_of(partition));
  return log->offset_for_time(timestamp);
}

Result<> EmbeddedConsumer::notify(const TopicPartition& partition, std::function<void()> callback) {
  MR_ASSIGN(auto log, log_of(partition));
  log->notify(this, std::move(callback));
  return {};
}

// ---------------------------------------------------------------- assignment

void EmbeddedConsumer::listen(PartitionLog& log) {
  log.notify(&woken_, [this] {
    MonitorLock lock(woken_);
    has_news_ = true;
    woken_.notify_all();
  });
}

void EmbeddedConsumer::stop_listening() {
  for (auto& [partition, state] : assigned_) state.log->notify(&woken_, nullptr);
}

Result<> EmbeddedConsumer::assign(std::vector<TopicPartition> partitions) {
  Assignment next;
  for (auto& partition : partitions) {  // all that can fail comes before anything changes
    if (next.count(partition)) continue;
    auto kept = assigned_.find(partition);
    if (kept != assigned_.end()) {
      next[partition].log = kept->second.log;
    } else {
      MR_ASSIGN(auto log, log_of(partition));
      next[partition].log = std::move(log);
    }
  }
  for (auto& [partition, state] : assigned_) {
    if (auto kept = next.find(partition); kept != next.end()) {
      kept->second = std::move(state);
    } else {
      state.log->notify(&woken_, nullptr);
    }
  }
  assigned_.swap(next);
  next_ = assigned_.begin();
  for (auto& [partition, state] : assigned_) listen(*state.log);
  return {};
}

Result<EmbeddedConsumer::Assigned*> EmbeddedConsumer::assigned(const TopicPartition& partition) {
  auto found = assigned_.find(partition);
  if (found != assigned_.end()) return &found->second;
  return Error(ErrorCode::unknown_topic_or_partition, partition.text() + " is not assigned to this consumer");
}

Result<> EmbeddedConsumer::seek(const TopicPartition& partition, Offset offset) {
  MR_ASSIGN(auto* state, assigned(partition));
  state->position = state->fetch_offset = offset;
  state->decoded.clear();
  return {};
}

// The committed offset, or where auto.offset.reset points.
Result<> EmbeddedConsumer::start_position(const TopicPartition& partition, Assigned& state) {
  if (state.position) return {};
  if (!config_.group_id.empty()) {
    auto offsets = shared_.broker->offsets().of_group(config_.group_id, {partition});
    if (!offsets.empty()) {
      state.position = state.fetch_offset = offsets.begin()->second.offset;
      return {};
    }
  }
  return reset_position(partition, state, "nothing is committed for group \"" + config_.group_id + "\"");
}

Result<> EmbeddedConsumer::reset_position(const TopicPartition& partition, Assigned& state, const std::string& why) {
  using Reset = ConsumerConfig::OffsetReset;
  if (config_.auto_offset_reset == Reset::none) {
    return Error(ErrorCode::offset_out_of_range, partition.text() + ": " + why + ", and auto.offset.reset is none");
  }
  auto offsets = state.log->offsets();
  Offset latest = config_.isolation == Isolation::read_committed ? offsets.last_stable_offset : offsets.high_watermark;
  state.position = state.fetch_offset =
      config_.auto_offset_reset == Reset::earliest ? offsets.log_start_offset : latest;
  state.decoded.clear();
  return {};
}

Result<Offset> EmbeddedConsumer::position(const TopicPartition& partition) {
  MR_ASSIGN(auto* state, assigned(partition));
  MR_TRY(start_position(partition, *state));
  return *state->position;  // NOLINT(bugprone-unchecked-optional-access): it has one from there on
}

void EmbeddedConsumer::pause(const TopicPartition& partition) {
  if (auto state = assigned(partition)) (*state)->paused = true;
}
void EmbeddedConsumer::resume(const TopicPartition& partition) {
  if (auto state = assigned(partition)) (*state)->paused = false;
}

// ---------------------------------------------------------------- records

Result<std::vector<ConsumedRecord>> EmbeddedConsumer::poll(Duration timeout) {
  std::vector<ConsumedRecord> records;
  const auto deadline = later(shared_.env.clock().monotonic_ns(), timeout);
  for (;;) {
    {
      MonitorLock lock(woken_);
      has_news_ = false;
      if (std::exchange(wake_asked_, false)) return records;
    }
    MR_TRY(take_turns(records));
    auto left = deadline - shared_.env.clock().monotonic_ns();
    if (!records.empty() || left <= 0) return records;
    std::optional<Duration> wait;  // none: for ever
    if (deadline != INT64_MAX) wait.emplace((left - 1) / 1'000'000 + 1);
    MonitorLock lock(woken_);
    if (!shared_.env.wait(lock, [&] { return has_news_ || wake_asked_; }, wait)) return records;
  }
}

// A poll begins at the partition after the one that the last began at. One that fails when others have given records
// is where the next poll begins: those records have moved their positions, and the error is still there then.
Result<> EmbeddedConsumer::take_turns(std::vector<ConsumedRecord>& records) {
  const auto following = [this](Assignment::iterator turn) {
    return ++turn == assigned_.end() ? assigned_.begin() : turn;
  };
  auto turn = next_;
  for (std::size_t i = 0; i < assigned_.size() && records.size() < config_.max_poll_records;
       ++i, turn = following(turn)) {
    auto& [partition, state] = *turn;
    if (state.paused) continue;
    if (auto taken = take(partition, state, records); !taken) {
      next_ = records.empty() ? following(turn) : turn;
      if (!records.empty()) return {};
      return taken;
    }
  }
  if (!assigned_.empty()) next_ = following(next_);
  return {};
}

Result<> EmbeddedConsumer::take(const TopicPartition& partition, Assigned& state,
                                std::vector<ConsumedRecord>& records) {
  MR_TRY(start_position(partition, state));
  while (records.size() < config_.max_poll_records) {
    if (state.decoded.empty()) MR_TRY(fill(partition, state));
    if (state.decoded.empty()) return {};
    const std::size_t count = std::min(state.decoded.size(), config_.max_poll_records - records.size());
    for (std::size_t i = 0; i < count; ++i) {
      records.push_back(std::move(state.decoded.front()));
      state.decoded.pop_front();
    }
    state.leader_epoch = records.back().leader_epoch;
    // After the last decoded record come only control and aborted ones, which are passed over.
    state.position = state.decoded.empty() ? state.fetch_offset : records.back().offset + 1;
  }
  return {};
}

// Decodes one more fetch. Leaves nothing decoded at the end of what may be read. What was decoded before a batch that
// fails comes first, and the error with the next call.
Result<> EmbeddedConsumer::fill(const TopicPartition& partition, Assigned& state) {
  MR_ASSIGN(auto log, log_of(partition));
  if (log != state.log) {  // the topic was deleted and made anew
    state.log->notify(&woken_, nullptr);
    state.log = std::move(log);
    listen(*state.log);
  }
  while (state.decoded.empty()) {
    FetchRequest request{partition, state.fetch_offset, 1 << 20, config_.isolation, -1};
    auto fetched = fetch(request);
    if (!fetched && fetched.error().code() == ErrorCode::offset_out_of_range) {
      MR_TRY(reset_position(partition, state, fetched.error().message()));
      continue;
    }
    if (!fetched) return std::move(fetched).error();
    if (fetched->bytes->empty()) return {};
    auto decoded = decode(partition, state, *fetched);
    if (!state.decoded.empty()) return {};
    state.position = state.fetch_offset;
    if (!decoded) return std::move(decoded).error().in(partition.text());
  }
  return {};
}

Result<> EmbeddedConsumer::decode(const TopicPartition& partition, Assigned& state, const FetchedBatches& fetched) {
  BytesView left = *fetched.bytes;
  std::size_t next_aborted = 0;
  std::set<ProducerId> aborted;  // whose records are being passed over
  Bytes scratch;
  while (!left.empty()) {
    MR_ASSIGN(auto batch, RecordBatchView::parse(left));
    left.remove_prefix(batch.bytes().size());
    for (; next_aborted < fetched.aborted.size() && fetched.aborted[next_aborted].first_offset <= batch.last_offset();
         ++next_aborted) {
      aborted.insert(fetched.aborted[next_aborted].producer_id);
    }
    const bool passed_over = batch.is_transactional() && !batch.is_control() && aborted.count(batch.producer_id());
    if (!passed_over && !batch.crc_matches()) {
      return Error(ErrorCode::corrupt_message,
                   "offset " + std::to_string(batch.base_offset()) + ": the batch's CRC does not fit");
    }
    if (batch.is_control()) {
      MR_ASSIGN(auto type, decode_control(batch));
      if (type == ControlType::abort) aborted.erase(batch.producer_id());
    } else if (!passed_over) {
      const std::size_t whole = state.decoded.size();
      if (auto decoded = decode_records(partition, state, batch, scratch); !decoded) {
        state.decoded.resize(whole);
        return decoded;
      }
    }
    state.fetch_offset = std::max(state.fetch_offset, batch.last_offset() + 1);
  }
  return {};
}

// From fetch_offset on. After an error a part of them may stand among the decoded ones.
Result<> EmbeddedConsumer::decode_records(const TopicPartition& partition, Assigned& state,
                                          const RecordBatchView& batch, Bytes& scratch) {
  RecordReader reader(batch, scratch);
  RecordView record;
  while (reader.next(record)) {
    if (record.offset < state.fetch_offset) continue;
    ConsumedRecord out{partition, record.offset, record.timestamp, batch.leader_epoch(), {}, {}, {}};
    if (record.has_key()) out.key = Bytes(record.key);
    if (record.has_value()) out.value = Bytes(record.value);
    if (record.header_count > 0) {
      MR_ASSIGN(out.headers, decode_headers(record));
    }
    state.decoded.push_back(std::move(out));
  }
  return reader.status();
}

void EmbeddedConsumer::wake() {
  MonitorLock lock(woken_);
  wake_asked_ = true;
  woken_.notify_all();
}

// ---------------------------------------------------------------- committed offsets

Result<> EmbeddedConsumer::commit(const OffsetsToCommit& offsets) {
  if (config_.group_id.empty()) {
    return Error(ErrorCode::invalid_request, "consumer " + config_.client_id + " has no group.id to commit for");
  }
  broker::GroupOffsets converted;
  auto now = shared_.env.clock().now();
  for (const auto& [partition, offset] : offsets) {
    converted[partition] = {offset.offset, offset.leader_epoch, offset.metadata, now};
  }
  // What was read may not be on disk yet; an offset must not outlive it.
  if (shared_.broker->flush_mode() == broker::FlushMode::group) MR_TRY(shared_.broker->sync(shared_.logs_of(offsets)));
  return shared_.broker->offsets().commit(config_.group_id, converted);
}

Result<> EmbeddedConsumer::commit() {
  OffsetsToCommit offsets;
  for (const auto& [partition, state] : assigned_) {
    if (state.position) offsets[partition] = {*state.position, state.leader_epoch, ""};
  }
  return commit(offsets);
}

Result<OffsetsToCommit> EmbeddedConsumer::committed(const std::vector<TopicPartition>& partitions) {
  OffsetsToCommit committed;
  for (const auto& [partition, offset] : shared_.broker->offsets().of_group(config_.group_id, partitions))
    committed[partition] = {offset.offset, offset.leader_epoch, offset.metadata};
  return committed;
}

Result<std::unique_ptr<Consumer>> make_consumer(SharedBroker& shared, const ConsumerConfig& config) {
  return std::unique_ptr<Consumer>(std::make_unique<EmbeddedConsumer>(shared, config));
}

}  // namespace millrace::embedded
