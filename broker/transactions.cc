#include "millrace/broker/transactions.h"

#include <algorithm>

namespace millrace::broker {
namespace {

constexpr ProducerEpoch epoch_max = INT16_MAX - 1;  // one is left for the markers that end the last transaction

std::string text_of(ProducerIdentity producer) {
  return "producer " + std::to_string(producer.id) + ", epoch " + std::to_string(producer.epoch);
}

bool is_prepared(TransactionState state) {
  return state == TransactionState::prepare_commit || state == TransactionState::prepare_abort;
}

// What the last record of a producer says about the transaction that a partition holds open.
bool was_committed(const TransactionRecord& record, const PartitionLog::OpenTransaction& open) {
  bool commits = record.state == TransactionState::prepare_commit || record.state == TransactionState::complete_commit;
  if (!commits) return false;
  if (record.producer_id == open.producer_id) return record.producer_epoch == open.epoch + 1;
  return record.previous_producer_id == open.producer_id && record.state == TransactionState::complete_commit;
}

}  // namespace

Result<std::unique_ptr<Transactions>> Transactions::open(LogDirectory& directory, Logs& logs, Topics& topics,
                                                         Flusher& flusher, Offsets& offsets) {
  std::unique_ptr<Transactions> transactions(new Transactions(directory, logs, topics, flusher, offsets));
  transactions->state_log_ = logs.find({transaction_state_topic, 0});
  MR_ASSERT(transactions->state_log_ != nullptr);
  MR_TRY(transactions->load());
  MR_TRY(transactions->recover());
  return transactions;
}

Result<> Transactions::load() {
  return for_each_record(*state_log_, [&](const RecordBatchView&, const RecordView& record) -> Result<> {
    if (!record.has_value()) {
      ByteReader key(record.key);
      key.number<std::int16_t>();
      transactions_.erase(std::string(key.slice(key.number<std::int16_t>())));
      return {};
    }
    MR_ASSIGN(auto decoded, decode_transaction(record.key, record.value));
    auto& transaction = transactions_[decoded.transactional_id];
    if (!transaction) transaction = std::make_shared<Transaction>();
    transaction->record = std::move(decoded);
    return {};
  });
}

Result<> Transactions::recover() {
  std::map<ProducerId, TransactionRecord*> by_producer;
  for (auto& [id, transaction] : transactions_) {
    by_producer[transaction->record.producer_id] = &transaction->record;
    if (auto previous = transaction->record.previous_producer_id; previous >= 0) {
      by_producer.try_emplace(previous, &transaction->record);
    }
  }
  // A killed process leaves markers, and records that commits rest on, in the kernel's cache: they must be on disk
  // before anything is that is built on having read them here, the next producer epoch above all.
  std::vector<std::shared_ptr<PartitionLog>> touched;
  for (const auto& log : logs_.all()) {
    if (log->has_unsynced_records()) touched.push_back(log);
    for (const auto& open : log->open_transactions()) {
      auto found = by_producer.find(open.producer_id);
      bool commit = found != by_producer.end() && was_committed(*found->second, open);
      auto outcome = commit ? ControlType::commit : ControlType::abort;
      auto epoch = static_cast<ProducerEpoch>(std::min<int>(open.epoch + 1, INT16_MAX));
      MR_TRY(log->append_marker(outcome, open.producer_id, epoch, state_log_->leader_epoch()));
      if (log->partition().topic == consumer_offsets_topic) offsets_.complete(open.producer_id, outcome);
    }
    if (log->has_unsynced_records() && (touched.empty() || touched.back() != log)) touched.push_back(log);
  }
  if (!touched.empty() && directory_.flush_mode() == FlushMode::group) MR_TRY(flusher_.sync(touched));
  directory_.env().fault_point("transactions.recovered");
  // Only now, since the decisions above were read off the epochs: the coordinator's own records may have been lost
  // where those of a partition were not, and the next producer must be above both.
  for (const auto& log : logs_.all()) {
    for (auto [id, epoch] : log->producer_epochs()) {
      auto found = by_producer.find(id);
      if (found == by_producer.end() || found->second->producer_id != id) continue;
      found->second->producer_epoch = std::max(found->second->producer_epoch, epoch);
    }
  }
  for (auto& [id, transaction] : transactions_) {
    auto& record = transaction->record;
    if (!is_prepared(record.state)) continue;
    record.state = record.state == TransactionState::prepare_commit ? TransactionState::complete_commit
                                                                    : TransactionState::complete_abort;
    record.partitions.clear();
    MR_TRY(write(record, false));
  }
  return {};
}

Result<> Transactions::write(const TransactionRecord& record, bool sync) {
  RecordBatchBuilder batch;
  batch.append(record.last_update, encode_transaction_key(record.transactional_id), encode_transaction_value(record));
  MR_TRY(state_log_->append(batch, {}));
  if (!sync || directory_.flush_mode() == FlushMode::os) return {};
  return flusher_.sync({state_log_});
}

std::shared_ptr<Transactions::Transaction> Transactions::find(const std::string& transactional_id) const {
  std::lock_guard lock(mutex_);
  auto found = transactions_.find(transactional_id);
  return found == transactions_.end() ? nullptr : found->second;
}

Result<> Transactions::check(const Transaction& transaction, ProducerIdentity producer) const {
  const auto& record = transaction.record;
  if (producer.id != record.producer_id && producer.id != record.previous_producer_id) {
    return Error(ErrorCode::invalid_producer_id_mapping,
                 "transactional id " + record.transactional_id + " belongs to producer " +
                     std::to_string(record.producer_id) + ", not to " + std::to_string(producer.id));
  }
  if (producer.id != record.producer_id || producer.epoch != record.producer_epoch) {
    return Error(ErrorCode::producer_fenced, "transactional id " + record.transactional_id + ": " + text_of(producer) +
                                                 " is fenced by epoch " + std::to_string(record.producer_epoch));
  }
  return {};
}

// A record with a higher epoch may reach the disk only after the markers of the transaction before it have, see the
// header.
Result<> Transactions::sync_before_next_record(Transaction& transaction, bool with_data) {
  auto logs = transaction.marker_logs;
  if (with_data) {
    logs.insert(logs.end(), transaction.logs.begin(), transaction.logs.end());
    logs.insert(logs.end(), transaction.read_logs.begin(), transaction.read_logs.end());
  }
  if (!logs.empty() && directory_.flush_mode() == FlushMode::group) MR_TRY(flusher_.sync(logs));
  transaction.marker_logs.clear();
  return {};
}

Result<> Transactions::bump_epoch(TransactionRecord& record) {
  if (record.producer_id >= 0 && record.producer_epoch < epoch_max) {
    ++record.producer_epoch;
    return {};
  }
  if (record.producer_id >= 0) record.previous_producer_id = record.producer_id;
  MR_ASSIGN(record.producer_id, topics_.next_producer_id());
  record.producer_epoch = 0;
  return {};
}

Result<ProducerIdentity> Transactions::init_producer_id(const std::string& transactional_id, Duration timeout) {
  if (transactional_id.empty()) {
    MR_ASSIGN(ProducerId id, topics_.next_producer_id());
    return ProducerIdentity{id, 0};
  }
  if (timeout <= 0ms || timeout > timeout_max) {
    return Error(ErrorCode::invalid_transaction_timeout,
                 "transactional id " + transactional_id + ": timeout of " + std::to_string(timeout.count()) +
                     " ms; transaction.max.timeout.ms is " + std::to_string(timeout_max.count()));
  }
  std::shared_ptr<Transaction> transaction;
  {
    std::lock_guard lock(mutex_);
    auto& entry = transactions_[transactional_id];
    if (!entry) {
      entry = std::make_shared<Transaction>();
      entry->record.transactional_id = transactional_id;
    }
    transaction = entry;
  }
  std::lock_guard lock(transaction->mutex);
  auto& record = transaction->record;
  if (is_prepared(record.state)) {  // decided, but not all markers could be written
    MR_TRY(complete(*transaction,
                    record.state == TransactionState::prepare_commit ? ControlType::commit : ControlType::abort));
  }
  if (record.state == TransactionState::ongoing) {
    ++record.producer_epoch;  // the predecessor is fenced from here on
    MR_TRY(complete(*transaction, ControlType::abort));
  }
  MR_TRY(sync_before_next_record(*transaction, false));
  auto next = record;
  MR_TRY(bump_epoch(next));
  next.state = TransactionState::empty;
  next.timeout = timeout;
  next.last_update = directory_.env().clock().now();
  next.start = {-1};
  MR_TRY(write(next, true));
  record = std::move(next);
  return ProducerIdentity{record.producer_id, record.producer_epoch};
}

Result<> Transactions::add(const std::string& transactional_id, ProducerIdentity producer,
                           std::shared_ptr<PartitionLog> log) {
  auto transaction = find(transactional_id);
  if (!transaction) {
    return Error(ErrorCode::invalid_producer_id_mapping, "transactional id " + transactional_id + " is not known");
  }
  std::lock_guard lock(transaction->mutex);
  auto& record = transaction->record;
  if (record.state == TransactionState::complete_abort && producer.id == record.producer_id &&
      producer.epoch + 1 == record.producer_epoch) {
    return Error(ErrorCode::invalid_txn_state, "transactional id " + transactional_id + ": " + text_of(producer) +
                                                   ": this transaction was aborted, by its timeout of " +
                                                   std::to_string(record.timeout.count()) + " ms");
  }
  MR_TRY(check(*transaction, producer));
  if (record.state != TransactionState::ongoing) {
    record.state = TransactionState::ongoing;
    record.partitions.clear();
    transaction->logs.clear();
    record.start = directory_.env().clock().now();
  }
  if (record.partitions.insert(log->partition()).second) transaction->logs.push_back(std::move(log));
  return {};
}

Result<> Transactions::rests_on(const std::string& transactional_id, ProducerIdentity producer,
                                std::vector<std::shared_ptr<PartitionLog>> logs) {
  auto transaction = find(transactional_id);
  if (!transaction) {
    return Error(ErrorCode::invalid_producer_id_mapping, "transactional id " + transactional_id + " is not known");
  }
  std::lock_guard lock(transaction->mutex);
  MR_TRY(check(*transaction, producer));
  auto& all = transaction->read_logs;
  all.insert(all.end(), std::make_move_iterator(logs.begin()), std::make_move_iterator(logs.end()));
  return {};
}

Result<ProducerIdentity> Transactions::end(const std::string& transactional_id, ProducerIdentity producer,
                                           ControlType outcome) {
  auto transaction = find(transactional_id);
  if (!transaction) {
    return Error(ErrorCode::invalid_producer_id_mapping, "transactional id " + transactional_id + " is not known");
  }
  std::lock_guard lock(transaction->mutex);
  auto& record = transaction->record;
  bool ended = record.state == TransactionState::complete_commit || record.state == TransactionState::complete_abort;
  bool repeated = (producer.id == record.producer_id && producer.epoch + 1 == record.producer_epoch) ||
                  (producer.id == record.previous_producer_id && record.producer_epoch == 0);
  if (ended && repeated) {
    bool same = (record.state == TransactionState::complete_commit) == (outcome == ControlType::commit);
    if (same) return ProducerIdentity{record.producer_id, record.producer_epoch};
    return Error(ErrorCode::invalid_txn_state, "transactional id " + transactional_id +
                                                   ": the transaction has ended already, in state " +
                                                   std::string(name_of(record.state)));
  }
  MR_TRY(check(*transaction, producer));
  if (record.state != TransactionState::ongoing) {
    if (outcome == ControlType::abort) return producer;  // nothing was added: nothing to abort
    return Error(ErrorCode::invalid_txn_state, "transactional id " + transactional_id +
                                                   ": no transaction to commit, in state " +
                                                   std::string(name_of(record.state)));
  }
  if (outcome == ControlType::commit) {
    MR_TRY(sync_before_next_record(*transaction, true));
    directory_.env().fault_point("transactions.data_synced");
  }
  ++record.producer_epoch;
  MR_TRY(complete(*transaction, outcome));
  return ProducerIdentity{record.producer_id, record.producer_epoch};
}

// The decision, the markers, the completion. Under the transaction's mutex; its epoch is bumped already.
Result<> Transactions::complete(Transaction& transaction, ControlType outcome) {
  auto& record = transaction.record;
  bool commit = outcome == ControlType::commit;
  if (!commit) MR_TRY(sync_before_next_record(transaction, false));
  record.state = commit ? TransactionState::prepare_commit : TransactionState::prepare_abort;
  record.last_update = directory_.env().clock().now();
  directory_.env().fault_point("transactions.before_decision");
  MR_TRY(write(record, commit));  // an abort need not be on disk: what is undecided is aborted
  directory_.env().fault_point("transactions.after_decision");
  for (const auto& log : transaction.logs) {
    auto marker = log->append_marker(outcome, record.producer_id, record.producer_epoch, state_log_->leader_epoch());
    if (!marker && marker.error().code() != ErrorCode::unknown_topic_or_partition) return std::move(marker).error();
    if (log->partition().topic == consumer_offsets_topic) offsets_.complete(record.producer_id, outcome);
    directory_.env().fault_point("transactions.marker");
  }
  if (commit) transaction.marker_logs = std::move(transaction.logs);
  transaction.logs.clear();
  transaction.read_logs.clear();
  record.partitions.clear();
  record.state = commit ? TransactionState::complete_commit : TransactionState::complete_abort;
  if (record.producer_epoch >= epoch_max) {
    record.next_producer_id = -1;
    MR_TRY(bump_epoch(record));
  }
  return write(record, false);
}

Result<int> Transactions::abort_timed_out() {
  std::vector<std::shared_ptr<Transaction>> all;
  {
    std::lock_guard lock(mutex_);
    for (auto& [id, transaction] : transactions_) all.push_back(transaction);
  }
  int aborted = 0;
  for (auto& transaction : all) {
    std::lock_guard lock(transaction->mutex);
    auto& record = transaction->record;
    auto now = directory_.env().clock().now();
    if (record.state != TransactionState::ongoing || now - record.start <= record.timeout) continue;
    directory_.report("transactional id " + record.transactional_id + ": aborted, open for " +
                      std::to_string((now - record.start).count()) + " ms, its timeout is " +
                      std::to_string(record.timeout.count()));
    ++record.producer_epoch;
    MR_TRY(complete(*transaction, ControlType::abort));
    ++aborted;
  }
  return aborted;
}

std::vector<TransactionRecord> Transactions::list() const {
  std::vector<std::shared_ptr<Transaction>> all;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, transaction] : transactions_) all.push_back(transaction);
  }
  std::vector<TransactionRecord> records;
  for (const auto& transaction : all) {
    std::lock_guard lock(transaction->mutex);
    records.push_back(transaction->record);
  }
  return records;
}

}  // namespace millrace::broker
