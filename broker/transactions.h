// The transaction coordinator: gives out producer ids, fences, and decides.
//
//   state              init_producer_id   add      end(commit)      end(abort), time-out
//   (none)             Empty              -        -                -
//   Empty              Empty              Ongoing  refused          nothing to do
//   Ongoing            abort, then Empty  Ongoing  PrepareCommit    PrepareAbort
//   PrepareCommit      (waits)            (waits)  CompleteCommit follows by itself
//   PrepareAbort       (waits)            (waits)  CompleteAbort follows by itself
//   CompleteCommit     Empty              Ongoing  the same answer  INVALID_TXN_STATE  (asked again with the old epoch)
//   CompleteAbort      Empty              Ongoing  INVALID_TXN_STATE  the same answer  (asked again with the old epoch)
//
// The order of a commit, which is all there is to its safety:
//   1. the data files that the transaction wrote or commits offsets of, and those that hold markers of the one before,
//      are synced
//   2. PrepareCommit, with the partitions, is appended to __transaction_state and synced: the decision
//   3. commit markers are appended to the partitions; not synced
//   4. CompleteCommit is appended; not synced
// After a crash, a transaction that a partition holds open was decided to commit if the last record of its producer is
// PrepareCommit or CompleteCommit with the next epoch; else it is aborted. That is enough, because of 1: when a later
// record of the producer can be on disk, the markers of the earlier transaction are. For the same reason Ongoing is not
// written (Kafka does): an open transaction does not outlive the broker, and without the record nothing can be
// mistaken.
//
// As in KIP-890 every end bumps the epoch, and markers carry the new one, so that records of the transaction that come
// late are refused. Source: KIP-98, KIP-360, KIP-447, KIP-890.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "millrace/base/record_batch.h"
#include "millrace/broker/groups/offsets.h"
#include "millrace/broker/log/flusher.h"
#include "millrace/broker/logs.h"
#include "millrace/broker/topics.h"
#include "millrace/broker/transaction_record.h"

namespace millrace::broker {

struct ProducerIdentity {
  ProducerId id = -1;
  ProducerEpoch epoch = -1;
};

// Threads: any. Calls for one transactional id wait for each other.
class Transactions {
 public:
  static constexpr Duration timeout_max = 900000ms;  // transaction.max.timeout.ms

  // Reads __transaction_state and finishes what a crash left: writes missing markers, aborts what was undecided.
  static Result<std::unique_ptr<Transactions>> open(LogDirectory& directory, Logs& logs, Topics& topics,
                                                    Flusher& flusher, Offsets& offsets);

  // Without a transactional id: a new producer id. With one: its id with a higher epoch, after aborting what an earlier
  // producer of that name left open. Durable. Error: INVALID_TRANSACTION_TIMEOUT.
  Result<ProducerIdentity> init_producer_id(const std::string& transactional_id, Duration timeout);

  // Adds a partition to the producer's transaction, which begins with the first.
  // Errors: PRODUCER_FENCED, INVALID_PRODUCER_ID_MAPPING (no such transactional id, or another producer's),
  // INVALID_TXN_STATE.
  Result<> add(const std::string& transactional_id, ProducerIdentity producer, std::shared_ptr<PartitionLog> log);

  // The transaction commits offsets in `logs`: what was read there must be on disk before it is decided, or a power cut
  // could leave a result whose cause is gone. Errors as of add().
  Result<> rests_on(const std::string& transactional_id, ProducerIdentity producer,
                    std::vector<std::shared_ptr<PartitionLog>> logs);

  // Commits or aborts; returns the identity for the next transaction. Asked again with the old epoch and the same
  // outcome, it answers the same; with the other: INVALID_TXN_STATE. Errors: PRODUCER_FENCED, KAFKA_STORAGE_ERROR (the
  // outcome is what the disk says after a restart).
  Result<ProducerIdentity> end(const std::string& transactional_id, ProducerIdentity producer, ControlType outcome);

  // Aborts transactions that have been open for longer than their timeout. Returns how many.
  Result<int> abort_timed_out();

  std::vector<TransactionRecord> list() const;

 private:
  struct Transaction {
    std::mutex mutex;
    TransactionRecord record;                                // under mutex
    std::vector<std::shared_ptr<PartitionLog>> logs;         // of record.partitions
    std::vector<std::shared_ptr<PartitionLog>> read_logs;    // that its offsets are of
    std::vector<std::shared_ptr<PartitionLog>> marker_logs;  // hold markers that may not be synced
  };
  Transactions(LogDirectory& directory, Logs& logs, Topics& topics, Flusher& flusher, Offsets& offsets)
      : directory_(directory), logs_(logs), topics_(topics), flusher_(flusher), offsets_(offsets) {}
  Result<> load();
  Result<> recover();
  Result<> write(const TransactionRecord& record, bool sync);
  Result<> complete(Transaction& transaction, ControlType outcome);
  Result<> sync_before_next_record(Transaction& transaction, bool with_data);
  Result<> bump_epoch(TransactionRecord& record);
  std::shared_ptr<Transaction> find(const std::string& transactional_id) const;
  Result<> check(const Transaction& transaction, ProducerIdentity producer) const;

  LogDirectory& directory_;
  Logs& logs_;
  Topics& topics_;
  Flusher& flusher_;
  Offsets& offsets_;
  std::shared_ptr<PartitionLog> state_log_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Transaction>> transactions_;
};

}  // namespace millrace::broker
