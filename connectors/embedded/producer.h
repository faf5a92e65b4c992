// The embedded producer: open batches a partition, appended when they are full, when linger has passed, or on flush.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "millrace/base/monitor.h"
#include "millrace/connectors/embedded/shared_broker.h"

namespace millrace::embedded {

// Life of a sent record: open batch → appended, waiting for a sync → acknowledged. A batch is appended by whoever fills
// it; the sync is done by the executor for all that wait, or by flush(), or by the commit.
//
// No lock is held over a callback. Whoever acknowledges has a number while it does, so that a flush knows whom to wait
// for, and a share in the producer, which a callback may be the last to hold: programs have a handle (make_producer),
// whose end is close().
class EmbeddedProducer final : public Producer, public std::enable_shared_from_this<EmbeddedProducer> {
 public:
  EmbeddedProducer(SharedBroker& shared, ProducerConfig config) : shared_(shared), config_(std::move(config)) {}
  Result<> start();  // gets a producer id, unless transactional
  // Aborts, or sends what is queued, and waits until no callback runs, other than those that this thread is in.
  void close();

  Result<> send(ProducerRecord record, DeliveryCallback callback) override;
  Result<> flush() override;
  Result<Offset> append(const TopicPartition& partition, RecordBatchBuilder& batch) override;
  Result<> sync(const std::vector<TopicPartition>& partitions) override;
  Result<> init_transactions() override;
  Result<> begin_transaction() override;
  Result<> send_offsets_to_transaction(const OffsetsToCommit& offsets, const std::string& group_id) override;
  Result<> commit_transaction() override;
  Result<> abort_transaction() override;
  ProducerId producer_id() const override { return id_.load(); }

 private:
  struct Waiting {  // a record whose sender has not heard yet
    DeliveryCallback callback;
    Timestamp timestamp;
  };
  struct AppendedRecords {
    TopicPartition partition;
    std::shared_ptr<broker::PartitionLog> log;
    Result<broker::AppendedBatch> outcome;
    std::vector<Waiting> waiting;
    std::size_t buffered = 0;
  };
  struct OpenBatch {
    RecordBatchBuilder builder;
    std::vector<Waiting> waiting;
    std::size_t buffered = 0;  // its share of buffered_
    std::int64_t due_ns = 0;
    void move_to(AppendedRecords& records);
  };
  using Appended = std::vector<AppendedRecords>;

  Result<std::shared_ptr<broker::PartitionLog>> log_of(const TopicPartition& partition);
  Result<broker::AppendedBatch> append_to(const TopicPartition& partition, RecordBatchBuilder& batch,
                                          std::shared_ptr<broker::PartitionLog>& log);
  Result<> join_transaction(const std::shared_ptr<broker::PartitionLog>& log);
  Result<PartitionId> choose_partition(const ProducerRecord& record);
  Result<> check_can_send() const;
  Result<> check_in_transaction() const;
  Result<> check_size(const TopicPartition& partition, const broker::TopicConfig& topic, std::size_t size) const;
  void append_open(OpenBatch& batch, const ProducerRecord& record, std::size_t size, DeliveryCallback callback);
  void close_batch(const TopicPartition& partition, OpenBatch& batch);
  void close_batches(bool only_due);
  void drop_batches(const Error& why);
  Result<> acknowledge(bool durable_already, const Result<>* failed = nullptr);
  void deliver(AppendedRecords& records, const Result<>& synced);
  bool wait_for_acknowledgements(MonitorLock& lock);
  Result<> end_transaction(ControlType outcome);
  void forget(const Result<>& aborted);
  void arm_linger();
  void send_due();
  void post_acknowledge();

  SharedBroker& shared_;
  ProducerConfig config_;
  std::atomic<ProducerId> id_{-1};
  std::atomic<ProducerEpoch> epoch_{-1};
  std::atomic<bool> in_transaction_{false};
  bool initialised_ = false;

  std::shared_mutex logs_mutex_;
  std::map<TopicPartition, std::shared_ptr<broker::PartitionLog>> logs_;
  std::mutex joined_mutex_;
  std::set<const broker::PartitionLog*> joined_;  // partitions of this transaction

  // All below; held over the append of a full batch, so that batches of a partition keep their order.
  Monitor monitor_;
  std::map<TopicPartition, OpenBatch> open_;
  Appended appended_;
  std::size_t buffered_ = 0;
  std::map<std::string, PartitionId> sticky_;
  std::optional<Error> first_error_;  // since the last flush, or in this transaction
  bool linger_armed_ = false;
  std::set<std::uint64_t> acknowledging_;  // who has taken of appended_ and not yet told all senders
  std::uint64_t next_acknowledging_ = 0;
};

}  // namespace millrace::embedded
