#include "millrace/connectors/embedded/producer.h"

#include <algorithm>
#include <iterator>

#include "millrace/base/log.h"
#include "millrace/base/murmur2.h"
#include "millrace/base/thrown.h"

namespace millrace::embedded {

using broker::PartitionLog;

namespace {

// The producers whose callbacks this thread is in: a callback may use another producer, whose callbacks run within it.
class InCallbacks {
 public:
  explicit InCallbacks(const EmbeddedProducer& of) : of_(of), outer_(std::exchange(innermost_, this)) {}
  ~InCallbacks() { innermost_ = outer_; }
  InCallbacks(const InCallbacks&) = delete;
  InCallbacks& operator=(const InCallbacks&) = delete;
  static std::ptrdiff_t count(const EmbeddedProducer& of) {
    std::ptrdiff_t n = 0;
    for (const InCallbacks* each = innermost_; each != nullptr; each = each->outer_) n += &each->of_ == &of;
    return n;
  }

 private:
  static thread_local const InCallbacks* innermost_;
  const EmbeddedProducer& of_;
  const InCallbacks* outer_;
};
thread_local const InCallbacks* InCallbacks::innermost_ = nullptr;

std::size_t batch_bytes_max(const broker::TopicConfig& topic) {
  return static_cast<std::size_t>(std::min(topic.max_message_bytes, topic.segment_bytes));
}

Result<> transaction_aborted() { return Error(ErrorCode::invalid_txn_state, "the transaction was aborted"); }

// What make_producer returns. A call that runs callbacks goes on after one of them has destroyed this.
class Handle : public Producer {
 public:
  explicit Handle(std::shared_ptr<EmbeddedProducer> producer) : producer_(std::move(producer)) {}
  ~Handle() override { producer_->close(); }
  Result<> send(ProducerRecord record, DeliveryCallback callback) override {
    return producer_->send(std::move(record), std::move(callback));
  }
  Result<> flush() override { return producer_->flush(); }
  Result<Offset> append(const TopicPartition& partition, RecordBatchBuilder& batch) override {
    return producer_->append(partition, batch);
  }
  Result<> sync(const std::vector<TopicPartition>& partitions) override { return producer_->sync(partitions); }
  Result<> init_transactions() override { return producer_->init_transactions(); }
  Result<> begin_transaction() override { return producer_->begin_transaction(); }
  Result<> send_offsets_to_transaction(const OffsetsToCommit& offsets, const std::string& group_id) override {
    return producer_->send_offsets_to_transaction(offsets, group_id);
  }
  Result<> commit_transaction() override { return producer_->commit_transaction(); }
  Result<> abort_transaction() override { return producer_->abort_transaction(); }
  ProducerId producer_id() const override { return producer_->producer_id(); }

 private:
  std::shared_ptr<EmbeddedProducer> producer_;
};

}  // namespace

void EmbeddedProducer::close() {
  if (in_transaction_) {
    (void)abort_transaction();
  } else {
    MonitorLock lock(monitor_);
    close_batches(false);
  }
  (void)acknowledge(false);
  MonitorLock lock(monitor_);
  (void)wait_for_acknowledgements(lock);
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
    MonitorLock lock(monitor_);
    MR_ASSIGN(PartitionId number, choose_partition(record));
    TopicPartition partition{std::move(record.topic), number};
    MR_ASSIGN(auto log, log_of(partition));
    std::size_t size = (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0) + 21;
    for (const auto& header : record.headers)
      size += header.name.size() + (header.value ? header.value->size() : 0) + 10;
    const auto& topic = log->config();
    MR_TRY(check_size(partition, topic, size));
    if (record.timestamp) {
      if (auto fits = topic.check_timestamp(*record.timestamp, shared_.env.clock().now()); !fits)
        return std::move(fits).error().in(partition.text());
    }
    if (topic.compacts && !record.key) {
      return Error(ErrorCode::invalid_record, partition.text() + " is compacted: a record needs a key");
    }
    const std::size_t batch_size = std::min(config_.batch_size, batch_bytes_max(topic));
    auto& batch = open_[partition];
    if (!batch.builder.empty() && batch.builder.size() + size > batch_size) close_batch(partition, batch);
    append_open(batch, record, size, std::move(callback));
    if (batch.builder.size() >= batch_size) {
      close_batch(partition, batch);
    } else {
      arm_linger();
    }
    acknowledge_now = buffered_ > config_.buffer_memory;
    if (acknowledge_now) close_batches(false);
  }
  return acknowledge_now ? acknowledge(in_transaction_) : Result<>();
}

Result<> EmbeddedProducer::check_size(const TopicPartition& partition, const broker::TopicConfig& topic,
                                      std::size_t size) const {
  const std::size_t batch_max = batch_bytes_max(topic);
  if (size + batch_header_size <= batch_max && size <= config_.buffer_memory) return {};
  const char* limit = topic.max_message_bytes <= topic.segment_bytes ? "max.message.bytes" : "segment.bytes";
  return Error(ErrorCode::message_too_large, partition.text() + ": a record of " + std::to_string(size) + " bytes; " +
                                                 (size + batch_header_size > batch_max
                                                      ? limit + (" is " + std::to_string(batch_max))
                                                      : "buffer.memory is " + std::to_string(config_.buffer_memory)) +
                                                 ". Store the data elsewhere and send a reference, or raise it");
}

// Under monitor_.
void EmbeddedProducer::append_open(OpenBatch& batch, const ProducerRecord& record, std::size_t size,
                                   DeliveryCallback callback) {
  Timestamp timestamp = record.timestamp ? *record.timestamp : shared_.env.clock().now();
  auto view = [](const std::optional<Bytes>& bytes) { return bytes ? BytesView(*bytes) : BytesView(); };
  if (batch.builder.empty()) batch.due_ns = later(shared_.env.clock().monotonic_ns(), config_.linger);
  batch.builder.append(timestamp, view(record.key), view(record.value), &record.headers);
  batch.waiting.push_back({std::move(callback), timestamp});
  batch.buffered += size;
  buffered_ += size;
}

// Its senders and its share of the buffer; it is empty then.
void EmbeddedProducer::OpenBatch::move_to(AppendedRecords& records) {
  records.waiting = std::move(waiting);
  records.buffered = std::exchange(buffered, 0);
  waiting.clear();
  builder.clear();
}

// Under monitor_: appends an open batch and queues its senders for the acknowledgement.
void EmbeddedProducer::close_batch(const TopicPartition& partition, OpenBatch& batch) {
  if (batch.builder.empty()) return;
  AppendedRecords records{partition, nullptr, broker::AppendedBatch{}, {}, 0};
  records.outcome = append_to(partition, batch.builder, records.log);
  batch.move_to(records);
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

// Under monitor_: the senders of what is not even appended are told `why`.
void EmbeddedProducer::drop_batches(const Error& why) {
  for (auto& [partition, batch] : open_) {
    if (batch.builder.empty()) continue;
    AppendedRecords records{partition, nullptr, why, {}, 0};
    batch.move_to(records);
    appended_.push_back(std::move(records));
  }
}

void EmbeddedProducer::arm_linger() {
  const auto due_ns = later(shared_.env.clock().monotonic_ns(), config_.linger);
  if (linger_armed_ || due_ns == INT64_MAX) return;
  linger_armed_ = true;
  shared_.io->post_at(due_ns, [weak = weak_from_this()] {
    if (auto producer = weak.lock()) producer->send_due();
  });
}

void EmbeddedProducer::send_due() {
  MonitorLock lock(monitor_);
  linger_armed_ = false;
  close_batches(true);
  for (auto& [partition, batch] : open_) {
    if (!batch.builder.empty()) arm_linger();
  }
}

void EmbeddedProducer::post_acknowledge() {
  shared_.io->post([weak = weak_from_this()] {
    if (auto producer = weak.lock()) (void)producer->acknowledge(false);
  });
}

// Syncs what was appended (unless it is durable by other means, or the mode is os) and tells the senders.
Result<> EmbeddedProducer::acknowledge(bool durable_already, const Result<>* failed) {
  const auto keep = shared_from_this();
  Appended appended;
  std::uint64_t number = 0;
  {
    MonitorLock lock(monitor_);
    if (appended_.empty()) return {};
    appended.swap(appended_);
    acknowledging_.insert(number = next_acknowledging_++);
  }
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
  {
    const InCallbacks in(*this);
    for (auto& records : appended) deliver(records, synced);
    appended.clear();  // the callbacks go, with what they hold
  }
  MonitorLock lock(monitor_);
  acknowledging_.erase(number);
  monitor_.notify_all();
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
    MonitorLock lock(monitor_);
    buffered_ -= records.buffered;
    if (error && !first_error_) first_error_ = error;
  }
  const auto tell = [&](const DeliveryCallback& callback, const Result<RecordMetadata>& outcome) {
    try {
      callback(outcome);
    } catch (...) {
      log_error("a delivery callback threw",
                {{"client_id", config_.client_id}, {"partition", records.partition.text()}, {"exception", thrown()}});
    }
  };
  for (std::size_t i = 0; i < records.waiting.size(); ++i) {
    auto& waiting = records.waiting[i];
    if (!waiting.callback) continue;
    if (error) {
      tell(waiting.callback, *error);
      continue;
    }
    auto& appended = *records.outcome;
    Timestamp timestamp = appended.log_append_time.ms >= 0 ? appended.log_append_time : waiting.timestamp;
    tell(waiting.callback, RecordMetadata{records.partition, appended.base_offset + static_cast<Offset>(i), timestamp});
  }
}

// Of those that have begun; those that this thread is in the callbacks of cannot end. False if they never will: the
// simulated node is dead.
bool EmbeddedProducer::wait_for_acknowledgements(MonitorLock& lock) {
  const auto begun = next_acknowledging_;
  const auto own = InCallbacks::count(*this);
  return shared_.env.wait(
      lock, [&] { return std::distance(acknowledging_.begin(), acknowledging_.lower_bound(begun)) <= own; });
}

Result<> EmbeddedProducer::flush() {
  if (InCallbacks::count(*this) > 0) {
    return Error(ErrorCode::invalid_request,
                 "producer " + config_.client_id + ": flush() in a delivery callback would wait for that callback");
  }
  const auto keep = shared_from_this();
  {
    MonitorLock lock(monitor_);
    close_batches(false);
  }
  auto acknowledged = acknowledge(false);
  MonitorLock lock(monitor_);
  if (!wait_for_acknowledgements(lock) && acknowledged) {
    acknowledged = Error(ErrorCode::request_timed_out,
                         "producer " + config_.client_id + ": acknowledgements that had begun will not end");
  }
  if (std::optional<Error> error = first_error_) {
    if (!in_transaction_) first_error_.reset();  // else no commit may pass it over: an abort forgets it
    return *std::move(error);
  }
  return acknowledged;
}

// ---------------------------------------------------------------- transactions

Result<> EmbeddedProducer::init_transactions() {
  if (config_.transactional_id.empty()) {
    return Error(ErrorCode::invalid_txn_state, "producer " + config_.client_id + " has no transactional id");
  }
  MR_ASSIGN(auto identity,
            shared_.broker->transactions().init_producer_id(config_.transactional_id, config_.transaction_timeout));
  const Result<> aborted = transaction_aborted();
  {
    MonitorLock lock(monitor_);  // nothing that was queued is appended as the next transaction's
    drop_batches(aborted.error());
    id_ = identity.id;
    epoch_ = identity.epoch;
    initialised_ = true;
    in_transaction_ = false;
    std::lock_guard joined(joined_mutex_);
    joined_.clear();
  }
  forget(aborted);
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

Result<> EmbeddedProducer::check_in_transaction() const {
  if (in_transaction_) return {};
  return Error(ErrorCode::invalid_txn_state,
               "transactional id \"" + config_.transactional_id + "\": no transaction is open");
}

Result<> EmbeddedProducer::send_offsets_to_transaction(const OffsetsToCommit& offsets, const std::string& group_id) {
  MR_TRY(check_in_transaction());
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
  MR_TRY(check_in_transaction());
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
  const auto keep = shared_from_this();
  std::optional<Error> lost;  // a record that was not appended must not be missing from a commit
  {
    MonitorLock lock(monitor_);
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
  MR_TRY(check_in_transaction());
  const auto keep = shared_from_this();
  const Result<> aborted = transaction_aborted();
  {
    MonitorLock lock(monitor_);
    drop_batches(aborted.error());
  }
  auto ended = end_transaction(ControlType::abort);
  forget(aborted);
  return ended;
}

// Tells all senders that their records are gone with the transaction, and starts anew.
void EmbeddedProducer::forget(const Result<>& aborted) {
  const auto keep = shared_from_this();
  (void)acknowledge(true, &aborted);
  MonitorLock lock(monitor_);
  first_error_.reset();
}

Result<std::unique_ptr<Producer>> make_producer(SharedBroker& shared, const ProducerConfig& config) {
  auto producer = std::make_shared<EmbeddedProducer>(shared, config);
  MR_TRY(producer->start());
  return std::unique_ptr<Producer>(std::make_unique<Handle>(std::move(producer)));
}

}  // namespace millrace::embedded
