// The bundled broker, by call: topics, logs, transactions and committed offsets of one data directory, without a
// socket.
//
//   MR_ASSIGN(auto broker, Broker::open(real_env(), {.data_dir = "data"}));
//   MR_TRY(broker->create_topic("orders", 4, {}));
//   MR_ASSIGN(auto log, broker->partition({"orders", 0}));
//   MR_ASSIGN(auto appended, log->append(batch, {}));
//   MR_TRY(broker->sync({log}));
//   MR_TRY(broker->close());
//
// The embedded log client (connectors/embedded) stands on it in the same process; the server will stand on it for
// others.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/env.h"
#include "millrace/base/result.h"
#include "millrace/broker/groups/offsets.h"
#include "millrace/broker/log/flusher.h"
#include "millrace/broker/log/log_directory.h"
#include "millrace/broker/logs.h"
#include "millrace/broker/topics.h"
#include "millrace/broker/transactions.h"

namespace millrace::broker {

struct BrokerConfig {
  std::string data_dir;
  FlushMode flush = FlushMode::group;
  // How often housekeep() runs by itself; zero: only when called.
  Duration housekeeping_interval = 10s;
  // How often, at most, a housekeeping round also writes a checkpoint (where recovery may start).
  Duration checkpoint_interval = 60s;
  // Where sentences for an operator go; by default base/log.h.
  Report report;
};

// Threads: any, except close(): once, after all others.
class Broker {
 public:
  // Errors: KAFKA_STORAGE_ERROR (held by another process, disk), UNSUPPORTED_VERSION (a newer format), CORRUPT_MESSAGE
  // (acknowledged data is damaged: names file and position).
  static Result<std::unique_ptr<Broker>> open(Env& env, const BrokerConfig& config);
  // Without a close() before it: like a crash of the process, for what is on disk.
  ~Broker();

  // Durable when they return. Errors: TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS,
  // INVALID_CONFIG; UNKNOWN_TOPIC_OR_PARTITION.
  Result<Topic> create_topic(const std::string& name, int partitions,
                             const std::map<std::string, std::string>& configs);
  Result<> delete_topic(const std::string& name);
  std::vector<Topic> topics() const { return topics_->list(); }
  Result<Topic> topic(const std::string& name) const;

  // The log of a partition: append to it, read from it, be told of appends. Error: UNKNOWN_TOPIC_OR_PARTITION.
  Result<std::shared_ptr<PartitionLog>> partition(const TopicPartition& partition) const;
  // One group commit for all of them. In every flush mode.
  Result<> sync(const std::vector<std::shared_ptr<PartitionLog>>& partitions) { return flusher_->sync(partitions); }

  Transactions& transactions() { return *transactions_; }
  Offsets& offsets() { return *offsets_; }
  // The log that a transaction with offsets has as one of its partitions.
  std::shared_ptr<PartitionLog> offsets_log() const { return logs_->find({consumer_offsets_topic, 0}); }
  FlushMode flush_mode() const { return directory_->flush_mode(); }
  Env& env() { return directory_->env(); }

  // One round of upkeep: transactions that timed out, retention, compaction, a checkpoint when it is due.
  Result<> housekeep();
  // Every metric of docs/metrics.md, "The bundled broker", as it stands now. Threads: any.
  std::vector<MetricValue> metrics() const;
  // Syncs everything and notes that recovery has nothing to do.
  Result<> close();

 private:
  explicit Broker(const BrokerConfig& config) : config_(config) {}
  Result<> make_internal_topic(const std::string& name, const std::map<std::string, std::string>& configs);
  void schedule_housekeeping();

  BrokerConfig config_;
  std::unique_ptr<LogDirectory> directory_;
  std::unique_ptr<Topics> topics_;
  std::unique_ptr<Logs> logs_;
  std::unique_ptr<Flusher> flusher_;
  std::unique_ptr<Offsets> offsets_;
  std::unique_ptr<Transactions> transactions_;
  mutable std::mutex topics_mutex_;  // one creation or deletion at a time
  std::mutex housekeeping_mutex_;
  Timestamp last_checkpoint_;  // under housekeeping_mutex_
  std::unique_ptr<Executor> housekeeping_;
};

}  // namespace millrace::broker
