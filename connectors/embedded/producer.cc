#include "millrace/connectors/embedded/producer.h"

#include <algorithm>

#include "millrace/base/murmur2.h"

namespace millrace::embedded {

using broker::PartitionLog;

EmbeddedProducer::EmbeddedProducer(SharedBroker& shared, ProducerConfig config)
    : shared_(shared), config_(std::move(config)), alive_(std::make_shared<Alive>()) {
  alive_->producer = this;
}

EmbeddedProducer::~EmbeddedProducer() {
  if (in_transaction_) {
    (void)abort_transaction();
  } else {
    (void)flush();
  }
  std::lock_guard lock(alive_->mutex);
  alive_->producer = nullptr;
}

Result<> EmbeddedProducer::start() {
  if (!config_.transactional_id.empty()) return {};
  MR_ASSIGN(auto identity, shared_.broker->transactions().init_producer_id("", config_.transaction_timeout));
  id_ = identity.id;
  epoch_ = identity.epoch;
  return {};
}

// ---------------------------------------------------------------- whole batches

Result<std::shared_ptr<PartitionLog>> EmbeddedProducer::log_of(const TopicPartition& partition) {
  {
    std::shared_lock lock(logs_mutex_);
    auto found = logs_.find(partition);
    if (found != logs_.end()) return found->second;
  }
  MR_ASSIGN(auto log, shared_.log_to_write(partition));
  std::unique_lock lock(logs_mutex_);
  logs_[partition] = log;
  return log;
}

Result<> EmbeddedProducer::join_transaction(const std::shared_ptr<PartitionLog>& log) {
  std::lock_guard lock(joined_mutex_);
  if (joined_.count(log.get())) return {};
  MR_TRY(shared_.broker->transactions().add(config_.transactional_id, {id_, epoch_}, log));
  joined_.insert(log.get());
  return {};
}

Result<> EmbeddedProducer::check_can_send() const {
  if (config_.transactional_id.empty() || in_transaction_) return {};
  return Error(ErrorCode::invalid_txn_state, "producer " + config_.client_id + " is transactional (" +
                                                 config_.transactional_id + "): call begin_transaction() first");
}

Result<broker::AppendedBatch> EmbeddedProducer::append_to(const TopicPartition& partition, RecordBatchBuilder& batch,
                                                          std::shared_ptr<PartitionLog>& log) {
  for (int attempt = 0;; ++attempt) {
    MR_ASSIGN(log, log_of(partition));
    if (in_transaction_) MR_TRY(join_transaction(log));
    auto appended = log->append(batch, {id_, epoch_, in_transaction_}, config_.compression);
    bool gone = !appended && appended.error().code() == ErrorCode::unknown_topic_or_partition;
    if (!gone || attempt > 0) return appended;
    std::unique_lock lock(logs_mutex_);  // deleted, and perhaps made anew
    logs_.erase(partition);
  }
}

Result<Offset> EmbeddedProducer::append(const TopicPartition& partition, RecordBatchBuilder& batch) {
  MR_TRY(check_can_send());
  std::shared_ptr<PartitionLog> log;
  MR_ASSIGN(auto appended, append_to(partition, batch, log));
  return appended.base_offset;
}

Result<> EmbeddedProducer::sync(const std::vector<TopicPartition>& partitions) {
  std::vector<std::shared_ptr<PartitionLog>> logs;
  for (const auto& partition : partitions) {
    MR_ASSIGN(auto log, log_of(partition));
    logs.push_back(std::move(log));
  }
  return shared_.broker->sync(logs);
}

// ---------------------------------------------------------------- records

Result<PartitionId> EmbeddedProducer::choose_partition(const ProducerRecord& record) {
  if (record.partition) return *record.partition;
  // The first partition exists if the topic does; asking for its log makes a topic that is missing.
  MR_TRY(log_of({record.topic, 0}));
  MR_ASSIGN(auto topic, shared_.broker->topic(record.topic));
  if (record.key) return partition_for_key(*record.key, topic.partitions);
  auto& sticky = sticky_.try_emplace(record.topic, -1).first->second;
  if (sticky < 0 || sticky >= topic.partitions) {
    sticky = static_cast<PartitionId>(shared_.env.random().next() % static_cast<std::uint64_t>(topic.partitions));
  }
  return sticky;
}

Result<> EmbeddedProducer::send(ProducerRecord record, DeliveryCallback callback) {
  MR_TRY(check_can_send());
  if (record.timestamp && record.timestamp->ms < 0)
    return Error(ErrorCode::invalid_timestamp, record.topic + ": the timestamp " +
                                                   std::to_string(record.timestamp->ms) +
                                                   " is before 1970; leave it out for the time of sending");
  bool acknowledge_now = false;
  {
    std::lock_guard lock(mutex_);
    MR_ASSIGN(PartitionId number, choose_partition(record));
    TopicPartition partition{std::move(record.topic), number};
    MR_ASSIGN(auto log, log_of(partition));
    std::size_t size = (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0) + 21;
    for (const auto& header : record.headers)
      size += header.name.size() + (header.value ? header.value->size() : 0) + 10;
    const auto& topic = log->config();
    const auto batch_max = static_cast<std::size_t>(std::min(topic.max_message_bytes, topic.segment_bytes));
    const char* limit = topic.max_message_bytes <= topic.segment_bytes ? "max.message.bytes" : "segment.bytes";
    if (size + batch_header_size > batch_max || size > config_.buffer_memory) {
      return Error(
          ErrorCode::message_too_large,
          partition.text() + ": a record of " + std::to_string(size) + " bytes; " +
              (size + batch_header_size > batch_max ? limit + (" is " + std::to_string(batch_max))
                                                    : "buffer.memory is " + std::to_string(config_.buffer_memory)) +
              ". Store the data elsewhere and send a reference, or raise it");
    }
    if (log->config().compacts && !record.key) {
      return Error(ErrorCode::invalid_record, partition.text() + " is compacted: a record needs a key");
    }
    auto& batch = open_[partition];
    if (!batch.builder.empty() && batch.builder.size() + size > std::min(config_.batch_size, batch_max)) {
      close_batch(partition, batch);
    }
    Timestamp timestamp = record.timestamp ? *record.timestamp : shared_.env.clock().now();
    auto view = [](const std::optional<Bytes>& bytes) { return bytes ? BytesView(*bytes) : BytesView(); };
    if (batch.builder.empty()) batch.due_ns = shared_.env.clock().monotonic_ns() + config_.linger.count() * 1000000;
    batch.builder.append(timestamp, view(record.key), view(record.value), &record.headers);
    batch.waiting.push_back({std::move(callback), timestamp});
    buffered_ += size;
    if (batch.builder.size() >= std::min(config_.batch_size, batch_max)) {
      close_batch(partition, batch);
    } else {
      arm_linger();
    }
    acknowledge_now = buffered_ > config_.buffer_memory;
    if (acknowledge_now) close_batches(false);
  }
  return acknowledge_now ? acknowledge(in_transaction_) : Result<>();
}

// Under mutex_: appends an open batch and queues its senders for the acknowledgement.
void EmbeddedProducer::close_batch(const TopicPartition& partition, OpenBatch& batch) {
  if (batch.builder.empty()) return;
  AppendedRecords records{partition, nullptr, broker::AppendedBatch{}, {}, batch.builder.size()};
  records.outcome = append_to(partition, batch.builder, records.log);
  records.waiting = std::move(batch.waiting);
  batch.waiting.clear();
  batch.builder.clear();
  appended_.push_back(std::move(records));
  sticky_.erase(partition.topic);  // KIP-480: another partition for the next batch
  if (!in_transaction_) post_acknowledge();
}

void EmbeddedProducer::close_batches(bool only_due) {
  auto now = shared_.env.clock().monotonic_ns();
  for (auto& [partition, batch] : open_) {
    if (!only_due || batch.due_ns <= now) close_batch(partition, batch);
  }
}

void EmbeddedProducer::arm_linger() {
  if (linger_armed_) return;
  linger_armed_ = true;
  auto at = shared_.env.clock().monotonic_ns() + config_.linger.count() * 1000000;
  shared_.io->post_at(at, [alive = alive_] {
    std::lock_guard lock(alive->mutex);
    auto* producer = alive->producer;
    if (producer == nullptr) return;
    std::lock_guard inner(producer->mutex_);
    producer->linger_armed_ = false;
    producer->close_batches(true);
    for (auto& [partition, batch] : producer->open_) {
      if (!batch.builder.empty()) producer->arm_linger();
    }
  });
}

void EmbeddedProducer::post_acknowledge() {
  shared_.io->post([alive = alive_] {
    std::lock_guard lock(alive->mutex);
    if (alive->producer != nullptr) (void)alive->producer->acknowledge(false);
  });
}

// Syncs what was appended (unless it is durable by other means, or the mode is os) and tells the senders.
Result<> EmbeddedProducer::acknowledge(bool durable_already, const Result<>* failed) {
  Appended appended;
  {
    std::lock_guard lock(mutex_);
    appended.swap(appended_);
  }
  if (appended.empty()) return {};
  Result<> synced;
  if (failed != nullptr && !*failed) {
    synced = *failed;
  } else if (!durable_already && shared_.broker->flush_mode() == broker::FlushMode::group) {
    std::vector<std::shared_ptr<PartitionLog>> logs;
    for (const auto& records : appended) {
      if (records.outcome) logs.push_back(records.log);
    }
    synced = shared_.broker->sync(logs);
  }
  for (auto& records : appended) deliver(records, synced);
  return synced;
}

void EmbeddedProducer::deliver(AppendedRecords& records, const Result<>& synced) {
  std::optional<Error> error;
  if (!records.outcome) {
    error = records.outcome.error();
  } else if (!synced) {
    error = synced.error();
  }
  {
    std::lock_guard lock(mutex_);
    buffered_ -= std::min(buffered_, records.bytes);
    if (error && !first_error_) first_error_ = error;
  }
  for (std::size_t i = 0; i < records.waiting.size(); ++i) {
    auto& waiting = records.waiting[i];
    if (!waiting.callback) continue;
    if (error) {
      waiting.callback(*error);
      continue;
    }
    auto& appended = *records.outcome;
    Timestamp timestamp = appended.log_append_time.ms >= 0 ? appended.log_append_time : waiting.timestamp;
    waiting.callback(RecordMetadata{records.partition, appended.base_offset + static_cast<Offset>(i), timestamp});
  }
}

Result<> EmbeddedProducer::flush() {
  {
    std::lock_guard lock(mutex_);
    close_batches(false);
  }
  MR_TRY(acknowledge(false));
  // What a job of the executor has taken is acknowledged when that job lets go of the producer.
  {
    std::lock_guard lock(alive_->mutex);
  }
  std::lock_guard lock(mutex_);
  if (auto error = std::exchange(first_error_, std::nullopt)) return *std::move(error);
  return {};
}

// ---------------------------------------------------------------- transactions

Result<> EmbeddedProducer::init_transactions() {
  if (config_.transactional_id.empty()) {
    return Error(ErrorCode::invalid_txn_state, "producer " + config_.client_id + " has no transactional id");
  }
  MR_ASSIGN(auto identity,
            shared_.broker->transactions().init_producer_id(config_.transactional_id, config_.transaction_timeout));
  id_ = identity.id;
  epoch_ = identity.epoch;
  initialised_ = true;
  in_transaction_ = false;
  {
    std::lock_guard lock(joined_mutex_);
    joined_.clear();
  }
  return {};
}

Result<> EmbeddedProducer::begin_transaction() {
  if (!initialised_) {
    return Error(ErrorCode::invalid_txn_state,
                 "transactional id \"" + config_.transactional_id + "\": call init_transactions() first");
  }
  if (in_transaction_) {
    return Error(ErrorCode::invalid_txn_state,
                 "transactional id " + config_.transactional_id + ": a transaction is open already");
  }
  in_transaction_ = true;
  return {};
}

Result<> EmbeddedProducer::send_offsets_to_transaction(const OffsetsToCommit& offsets, const std::string& group_id) {
  if (!in_transaction_) {
    return Error(ErrorCode::invalid_txn_state,
                 "transactional id \"" + config_.transactional_id + "\": no transaction is open");
  }
  broker::GroupOffsets converted;
  auto now = shared_.env.clock().now();
  for (const auto& [partition, offset] : offsets) {
    converted[partition] = {offset.offset, offset.leader_epoch, offset.metadata, now};
  }
  MR_TRY(join_transaction(shared_.broker->offsets_log()));
  MR_TRY(shared_.broker->transactions().rests_on(config_.transactional_id, {id_, epoch_}, shared_.logs_of(offsets)));
  return shared_.broker->offsets().add_to_transaction(group_id, converted, {id_, epoch_, true});
}

Result<> EmbeddedProducer::end_transaction(ControlType outcome) {
  if (!in_transaction_) {
    return Error(ErrorCode::invalid_txn_state,
                 "transactional id \"" + config_.transactional_id + "\": no transaction is open");
  }
  bool empty = false;
  {
    std::lock_guard lock(joined_mutex_);
    empty = joined_.empty();
  }
  if (!empty) {
    MR_ASSIGN(auto identity, shared_.broker->transactions().end(config_.transactional_id, {id_, epoch_}, outcome));
    id_ = identity.id;
    epoch_ = identity.epoch;
  }
  in_transaction_ = false;
  std::lock_guard lock(joined_mutex_);
  joined_.clear();
  return {};
}

Result<> EmbeddedProducer::commit_transaction() {
  std::optional<Error> lost;  // a record that was not appended must not be missing from a commit
  {
    std::lock_guard lock(mutex_);
    close_batches(false);
    for (const auto& records : appended_) {
      if (!records.outcome && !lost) lost = records.outcome.error();
    }
    if (!lost && first_error_) lost = first_error_;
  }
  if (lost) {
    (void)acknowledge(true);
    return *std::move(lost);
  }
  auto ended = end_transaction(ControlType::commit);
  (void)acknowledge(true, &ended);
  return ended;
}

Result<> EmbeddedProducer::abort_transaction() {
  Result<> aborted = Error(ErrorCode::invalid_txn_state, "the transaction was aborted");
  {
    std::lock_guard lock(mutex_);
    for (auto& [partition, batch] : open_) {  // not even appended
      if (batch.builder.empty()) continue;
      appended_.push_back({partition, nullptr, aborted.error(), std::move(batch.waiting), batch.builder.size()});
      batch.waiting.clear();
      batch.builder.clear();
    }
  }
  auto ended = end_transaction(ControlType::abort);
  (void)acknowledge(true, &aborted);
  std::lock_guard lock(mutex_);
  first_error_.reset();
  return ended;
}

Result<std::unique_ptr<Producer>> make_producer(SharedBroker& shared, const ProducerConfig& config) {
  auto producer = std::make_unique<EmbeddedProducer>(shared, config);
  MR_TRY(producer->start());
  return std::unique_ptr<Producer>(std::move(producer));
}

}  // namespace millrace::embedded
