// The embedded consumer: fetch() hands out bytes as stored; poll() decodes them, a fetch at a time, into records.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <vector>

#include "millrace/base/monitor.h"
#include "millrace/connectors/embedded/shared_broker.h"

namespace millrace::embedded {

class EmbeddedConsumer : public Consumer {
 public:
  EmbeddedConsumer(SharedBroker& shared, ConsumerConfig config) : shared_(shared), config_(std::move(config)) {}
  ~EmbeddedConsumer() override;

  Result<> assign(std::vector<TopicPartition> partitions) override;
  Result<> seek(const TopicPartition& partition, Offset offset) override;
  Result<Offset> position(const TopicPartition& partition) override;
  void pause(const TopicPartition& partition) override;
  void resume(const TopicPartition& partition) override;
  Result<std::vector<ConsumedRecord>> poll(Duration timeout) override;
  Result<> commit(const OffsetsToCommit& offsets) override;
  Result<> commit() override;
  Result<OffsetsToCommit> committed(const std::vector<TopicPartition>& partitions) override;
  Result<FetchedBatches> fetch(const FetchRequest& request) override;
  Result<Offset> end_offset(const TopicPartition& partition, Isolation isolation) override;
  Result<Offset> beginning_offset(const TopicPartition& partition) override;
  Result<std::optional<Offset>> offset_for_time(const TopicPartition& partition, Timestamp timestamp) override;
  Result<> notify(const TopicPartition& partition, std::function<void()> callback) override;
  void wake() override;

 private:
  struct Assigned {
    std::shared_ptr<broker::PartitionLog> log;
    std::optional<Offset> position;  // of the next record to hand out
    Offset fetch_offset = 0;         // from where on nothing is decoded yet
    LeaderEpoch leader_epoch = -1;   // of the last record handed out
    std::deque<ConsumedRecord> decoded;
    bool paused = false;
  };
  using Assignment = std::map<TopicPartition, Assigned>;
  Result<std::shared_ptr<broker::PartitionLog>> log_of(const TopicPartition& partition);
  Result<Assigned*> assigned(const TopicPartition& partition);
  Result<> start_position(const TopicPartition& partition, Assigned& state);
  Result<> reset_position(const TopicPartition& partition, Assigned& state, const std::string& why);
  Result<> fill(const TopicPartition& partition, Assigned& state);
  Result<> decode(const TopicPartition& partition, Assigned& state, const FetchedBatches& fetched);
  Result<> decode_records(const TopicPartition& partition, Assigned& state, const RecordBatchView& batch,
                          Bytes& scratch);
  Result<> take_turns(std::vector<ConsumedRecord>& records);
  Result<> take(const TopicPartition& partition, Assigned& state, std::vector<ConsumedRecord>& records);
  void listen(broker::PartitionLog& log);
  void stop_listening();

  SharedBroker& shared_;
  ConsumerConfig config_;
  Assignment assigned_;
  Assignment::iterator next_ = assigned_.end();  // whose turn it is

  std::shared_mutex logs_mutex_;
  std::map<TopicPartition, std::shared_ptr<broker::PartitionLog>> logs_;  // used by fetch() and notify()

  Monitor woken_;
  bool has_news_ = false, wake_asked_ = false;  // under woken_
};

}  // namespace millrace::embedded
