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

void EmbeddedConsumer::stop_listening() {
  for (auto& [partition, state] : assigned_) state.log->notify(&woken_, nullptr);
}

Result<> EmbeddedConsumer::assign(std::vector<TopicPartition> partitions) {
  std::map<TopicPartition, Assigned> next;
  for (auto& partition : partitions) {
    if (auto kept = assigned_.find(partition); kept != assigned_.end()) {
      next[partition] = std::move(kept->second);
      continue;
    }
    MR_ASSIGN(next[partition].log, log_of(partition));
    next[partition].log->notify(&woken_, [this] {
      MonitorLock lock(woken_);
      has_news_ = true;
      woken_.notify_all();
    });
  }
  for (auto& [partition, state] : assigned_) {
    if (!next.count(partition)) state.log->notify(&woken_, nullptr);
  }
  assigned_ = std::move(next);
  next_ = 0;
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
    auto offsets = shared_.broker->offsets().of_group(config_.group_id);
    if (auto found = offsets.find(partition); found != offsets.end()) {
      state.position = state.fetch_offset = found->second.offset;
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
  return *state->position;
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
  auto deadline = shared_.env.clock().monotonic_ns() + timeout.count() * 1000000;
  for (;;) {
    {
      MonitorLock lock(woken_);
      has_news_ = false;
      if (std::exchange(wake_asked_, false)) return records;
    }
    for (std::size_t i = 0; i < assigned_.size() && records.size() < config_.max_poll_records; ++i) {
      auto turn = std::next(assigned_.begin(), static_cast<std::ptrdiff_t>((next_ + i) % assigned_.size()));
      auto& [partition, state] = *turn;
      if (state.paused) continue;
      MR_TRY(start_position(partition, state));
      while (records.size() < config_.max_poll_records) {
        if (state.decoded.empty()) MR_TRY(fill(partition, state));
        if (state.decoded.empty()) break;
        take(partition, state, records);
      }
    }
    if (!assigned_.empty()) next_ = (next_ + 1) % assigned_.size();
    auto left = deadline - shared_.env.clock().monotonic_ns();
    if (!records.empty() || left <= 0) return records;
    const Duration wait((left + 999'999) / 1'000'000);
    MonitorLock lock(woken_);
    if (!shared_.env.wait(lock, [&] { return has_news_ || wake_asked_; }, wait)) return records;
  }
}

void EmbeddedConsumer::take(const TopicPartition&, Assigned& state, std::vector<ConsumedRecord>& records) {
  std::size_t count = std::min(state.decoded.size(), config_.max_poll_records - records.size());
  for (std::size_t i = 0; i < count; ++i) {
    records.push_back(std::move(state.decoded.front()));
    state.decoded.pop_front();
  }
  state.leader_epoch = records.back().leader_epoch;
  // After the last decoded record come only control and aborted ones, which are passed over.
  state.position = state.decoded.empty() ? state.fetch_offset : records.back().offset + 1;
}

// Decodes one more fetch. Leaves nothing decoded at the end of what may be read.
Result<> EmbeddedConsumer::fill(const TopicPartition& partition, Assigned& state) {
  while (state.decoded.empty()) {
    FetchRequest request{partition, state.fetch_offset, 1 << 20, config_.isolation, -1};
    auto fetched = fetch(request);
    if (!fetched && fetched.error().code() == ErrorCode::offset_out_of_range) {
      MR_TRY(reset_position(partition, state, fetched.error().message()));
      continue;
    }
    if (!fetched) return std::move(fetched).error();
    if (fetched->bytes->empty()) return {};
    MR_TRY(decode(partition, state, *fetched));
    if (state.decoded.empty()) state.position = state.fetch_offset;
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
    Offset from = state.fetch_offset;
    state.fetch_offset = std::max(state.fetch_offset, batch.last_offset() + 1);
    for (; next_aborted < fetched.aborted.size() && fetched.aborted[next_aborted].first_offset <= batch.last_offset();
         ++next_aborted) {
      aborted.insert(fetched.aborted[next_aborted].producer_id);
    }
    if (batch.is_control()) {
      MR_ASSIGN(auto type, decode_control(batch));
      if (type == ControlType::abort) aborted.erase(batch.producer_id());
      continue;
    }
    if (batch.is_transactional() && aborted.count(batch.producer_id())) continue;
    if (!batch.crc_matches()) {
      return Error(ErrorCode::corrupt_message, partition.text() + ", offset " + std::to_string(batch.base_offset()) +
                                                   ": the batch's CRC does not fit");
    }
    RecordReader reader(batch, scratch);
    RecordView record;
    while (reader.next(record)) {
      if (record.offset < from) continue;
      ConsumedRecord out{partition, record.offset, record.timestamp, batch.leader_epoch(), {}, {}, {}};
      if (record.has_key()) out.key = Bytes(record.key);
      if (record.has_value()) out.value = Bytes(record.value);
      if (record.header_count > 0) {
        MR_ASSIGN(out.headers, decode_headers(record));
      }
      state.decoded.push_back(std::move(out));
    }
    if (auto status = reader.status(); !status) return std::move(status).error().in(partition.text());
  }
  return {};
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
  if (shared_.broker->flush_mode() == broker::FlushMode::group)
    MR_TRY(shared_.broker->sync(shared_.logs_of(offsets)));
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
  auto offsets = shared_.broker->offsets().of_group(config_.group_id);
  for (const auto& partition : partitions) {
    auto found = offsets.find(partition);
    if (found != offsets.end()) {
      committed[partition] = {found->second.offset, found->second.leader_epoch, found->second.metadata};
    }
  }
  return committed;
}

Result<std::unique_ptr<Consumer>> make_consumer(SharedBroker& shared, const ConsumerConfig& config) {
  return std::unique_ptr<Consumer>(std::make_unique<EmbeddedConsumer>(shared, config));
}

}  // namespace millrace::embedded
