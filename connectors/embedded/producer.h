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

#include "millrace/connectors/embedded/shared_broker.h"

namespace millrace::embedded {

// Life of a sent record: open batch → appended, waiting for a sync → acknowledged. A batch is appended by whoever fills
// it; the sync is done by the executor for all that wait, or by flush(), or by the commit.
class EmbeddedProducer : public Producer {
 public:
  EmbeddedProducer(SharedBroker& shared, ProducerConfig config);
  ~EmbeddedProducer() override;
  Result<> start();  // gets a producer id, unless transactional

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
  struct OpenBatch {
    RecordBatchBuilder builder;
    std::vector<Waiting> waiting;
    std::int64_t due_ns = 0;
  };
  struct AppendedRecords {
    TopicPartition partition;
    std::shared_ptr<broker::PartitionLog> log;
    Result<broker::AppendedBatch> outcome;
    std::vector<Waiting> waiting;
    std::size_t bytes = 0;
  };
  using Appended = std::vector<AppendedRecords>;

  Result<std::shared_ptr<broker::PartitionLog>> log_of(const TopicPartition& partition);
  Result<broker::AppendedBatch> append_to(const TopicPartition& partition, RecordBatchBuilder& batch,
                                          std::shared_ptr<broker::PartitionLog>& log);
  Result<> join_transaction(const std::shared_ptr<broker::PartitionLog>& log);
  Result<PartitionId> choose_partition(const ProducerRecord& record);
  Result<> check_can_send() const;
  void close_batch(const TopicPartition& partition, OpenBatch& batch);
  void close_batches(bool only_due);
  Result<> acknowledge(bool durable_already, const Result<>* failed = nullptr);
  void deliver(AppendedRecords& records, const Result<>& synced);
  Result<> end_transaction(ControlType outcome);
  void arm_linger();
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

  std::mutex
      mutex_;  // all below; held over the append of a full batch, so that batches of a partition keep their order
  std::map<TopicPartition, OpenBatch> open_;
  Appended appended_;
  std::size_t buffered_ = 0;
  std::map<std::string, PartitionId> sticky_;
  std::optional<Error> first_error_;  // since the last flush
  bool linger_armed_ = false;

  // What a posted job looks at before it touches the producer, which may be gone by then.
  struct Alive {
    std::mutex mutex;
    EmbeddedProducer* producer;
  };
  std::shared_ptr<Alive> alive_;
};

}  // namespace millrace::embedded
