// RecordCollector: a task's output batches: open ones while it runs, appended at the end of its slice, held back while
// a commit is under way.
//
// Nothing here is done per record but encoding it. Buffers come from a pool that all tasks share, so that a task that
// rests holds none. Between a task's cut and the decision of the transaction, its further batches stay in memory: they
// belong to the next transaction.
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/connectors/log_client.h"
#include "millrace/runtime/checkpointer.h"
#include "millrace/runtime/task_output.h"

namespace millrace {

// Threads: any.
class BuilderPool {
 public:
  RecordBatchBuilder take();
  void give_back(RecordBatchBuilder builder);

 private:
  std::mutex mutex_;
  std::vector<RecordBatchBuilder> free_;
};

// One thread: the one that runs the task; cut() hands over to the committer through the scheduler's locks.
class RecordCollector final : public TaskOutput {
 public:
  struct Target {
    std::string topic;
    int partitions = 0;
  };
  // A changelog batch that was appended, or would have been.
  struct Logged {
    int topic = 0;
    Tail::Piece piece;  // last_sequence counts this collector's records to that topic
  };

  RecordCollector(Producer& producer, Admin& admin, BuilderPool& pool)
      : producer_(producer), admin_(admin), pool_(pool) {}

  int topic(const std::string& topic) override;
  // Batches of it are kept at the moment at which those of a topic are appended.
  int unlogged(const std::string& store) override;
  int partition_count(int topic) override { return topics_[static_cast<std::size_t>(topic)].target.partitions; }
  void send(int topic, PartitionId partition, Timestamp timestamp, BytesView key, BytesView value,
            const Headers* headers) override;
  // Batches of `topic` are kept after the append: it is a changelog.
  void keep(int topic) { topics_[static_cast<std::size_t>(topic)].keep = true; }

  // Appends all open batches (or sets them aside, while holding). At the end of a slice. Throws StreamsError where the
  // log fails.
  void append_all();
  // From now on batches are set aside. release() appends them.
  void hold() { holding_ = true; }
  void release();
  bool is_holding() const { return holding_; }
  std::size_t held_bytes() const { return held_bytes_; }
  // Kept changelog batches that were appended since the last call.
  std::vector<Logged> take_logged() { return std::exchange(logged_, {}); }
  std::size_t logged_bytes() const { return logged_bytes_; }
  void forget_logged_bytes() { logged_bytes_ = 0; }
  // Partitions appended to since the last call.
  std::vector<TopicPartition> take_touched();
  // What was sent to a topic so far, whatever becomes of it; bytes are those of closed batches. `last`: the timestamp
  // of the last record.
  struct Produced {
    const std::string& topic;
    std::int64_t records, bytes;
    Timestamp last;
    bool is_unlogged;
  };
  std::size_t topic_count() const { return topics_.size(); }
  Produced produced(std::size_t topic) const {
    const Topic& t = topics_[topic];
    return {t.target.topic, t.records, t.bytes, t.last, t.is_unlogged};
  }
  // Whether anything was sent since the last call.
  bool take_dirty() { return std::exchange(dirty_, false); }

 private:
  struct Topic {
    Target target;
    std::vector<TopicPartition> partitions;
    std::vector<std::unique_ptr<RecordBatchBuilder>> open;  // by partition; null: none
    std::vector<bool> touched;
    bool keep = false, is_unlogged = false;
    std::size_t batch_bytes_max = 0;  // a batch is closed before a record would take it over this
    std::size_t message_bytes_max = 0;
    std::int64_t records = 0, bytes = 0;
    Timestamp last{-1};
    PartitionId sticky = 0;
  };
  struct Held {
    int topic;
    PartitionId partition;
    RecordBatchBuilder batch;
    std::int64_t records;  // sent to the topic up to this batch's last
  };
  int number_of(const std::string& name, bool is_unlogged) const;  // -1: it has none yet
  int add(Topic topic);
  // The open batch that has room for a record of about `bytes`; of null keys (partition -1), the partition as well.
  RecordBatchBuilder& batch_for(int topic, PartitionId& partition, std::size_t bytes);
  void close_batch(int topic, PartitionId partition);
  void append(int topic, PartitionId partition, RecordBatchBuilder& batch, std::int64_t records);

  Producer& producer_;
  Admin& admin_;
  BuilderPool& pool_;
  std::vector<Topic> topics_;
  std::vector<std::pair<int, PartitionId>> opened_;
  std::vector<Held> held_;
  std::vector<Logged> logged_;
  std::size_t held_bytes_ = 0;
  std::size_t logged_bytes_ = 0;
  bool holding_ = false;
  bool dirty_ = false;
};

}  // namespace millrace
