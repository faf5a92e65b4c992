#include "millrace/broker/broker.h"

#include "millrace/base/log.h"

namespace millrace::broker {

namespace {
constexpr int close_threads = 8;  // they wait for the disk
}  // namespace

Result<std::unique_ptr<Broker>> Broker::open(Env& env, const BrokerConfig& config) {
  std::unique_ptr<Broker> broker(new Broker(config));
  auto report = config.report ? config.report : [](const std::string& sentence) { log_warn(sentence); };
  MR_ASSIGN(broker->directory_, LogDirectory::open(env, config.data_dir, config.flush, report));
  auto& directory = *broker->directory_;
  MR_ASSIGN(broker->topics_, Topics::open(directory));
  broker->flusher_ = std::make_unique<Flusher>(directory);
  MR_ASSIGN(broker->logs_, Logs::open(directory, *broker->topics_));
  MR_TRY(broker->topics_->repair());
  MR_TRY(broker->make_internal_topic(consumer_offsets_topic,
                                     {{"cleanup.policy", "compact"}, {"segment.bytes", "104857600"}}));
  MR_TRY(broker->make_internal_topic(transaction_state_topic,
                                     {{"cleanup.policy", "compact"}, {"segment.bytes", "104857600"}}));
  MR_ASSIGN(broker->offsets_, Offsets::load(broker->offsets_log(), *broker->flusher_));
  MR_ASSIGN(broker->transactions_,
            Transactions::open(directory, *broker->logs_, *broker->topics_, *broker->flusher_, *broker->offsets_));
  broker->last_checkpoint_ = env.clock().now();
  if (config.housekeeping_interval > 0ms) {
    broker->housekeeping_ = env.make_io_executor(1, "housekeeping");
    broker->schedule_housekeeping();
  }
  return broker;
}

Broker::~Broker() {
  if (housekeeping_) housekeeping_->drain();
}

Result<> Broker::make_internal_topic(const std::string& name, const std::map<std::string, std::string>& configs) {
  if (topics_->find(name)) return {};
  MR_TRY(create_topic(name, 1, configs));
  return {};
}

void Broker::schedule_housekeeping() {
  housekeeping_->post_at(later(env().clock().monotonic_ns(), config_.housekeeping_interval), [this] {
    if (auto result = housekeep(); !result) directory_->report("housekeeping: " + result.error().text());
    schedule_housekeeping();
  });
}

Result<Topic> Broker::create_topic(const std::string& name, int partitions,
                                   const std::map<std::string, std::string>& configs) {
  std::lock_guard lock(topics_mutex_);
  MR_TRY(directory_->check());
  MR_ASSIGN(Topic topic, topics_->propose(name, partitions, configs));
  // What a deletion that was cut short has left of a topic of this name. (The internal ones are made before offsets.)
  if (offsets_) MR_TRY(offsets_->remove_topic(name));
  MR_ASSIGN(auto logs, logs_->create(topic));
  env().fault_point("broker.topic.created");
  MR_TRY(topics_->add(topic));
  logs_->publish(std::move(logs));
  return topic;
}

Result<> Broker::delete_topic(const std::string& name) {
  std::lock_guard lock(topics_mutex_);
  MR_ASSIGN(Topic topic, this->topic(name));
  if (topic.internal()) {
    return Error(ErrorCode::invalid_topic_exception, "topic " + name + " is the broker's own and cannot be deleted");
  }
  MR_TRY(topics_->remove(name));
  env().fault_point("broker.topic.removed");
  MR_TRY(logs_->remove(topic));
  return offsets_->remove_topic(name);
}

Result<Topic> Broker::topic(const std::string& name) const {
  auto found = topics_->find(name);
  if (!found) return Error(ErrorCode::unknown_topic_or_partition, "there is no topic " + name);
  return *std::move(found);
}

Result<std::shared_ptr<PartitionLog>> Broker::partition(const TopicPartition& partition) const {
  auto log = logs_->find(partition);
  if (!log && topics_->find(partition.topic)) {  // it may have only just come into the list
    std::lock_guard lock(topics_mutex_);
    log = logs_->find(partition);
  }
  if (log) return log;
  auto topic = topics_->find(partition.topic);
  return Error(ErrorCode::unknown_topic_or_partition,
               topic ? "topic " + partition.topic + " has " + std::to_string(topic->partitions) +
                           " partitions, and no number " + std::to_string(partition.partition)
                     : "there is no topic " + partition.topic);
}

Result<> Broker::housekeep() {
  std::lock_guard lock(housekeeping_mutex_);
  MR_TRY(directory_->check());
  MR_TRY(transactions_->abort_timed_out());
  MR_TRY(logs_->enforce_retention());
  MR_TRY(logs_->compact());
  auto now = env().clock().now();
  if (now - last_checkpoint_ >= config_.checkpoint_interval) {
    MR_TRY(logs_->checkpoint());
    last_checkpoint_ = now;
  }
  return {};
}

Result<> Broker::close() {
  if (housekeeping_) {
    housekeeping_->drain();
    housekeeping_.reset();
  }
  std::lock_guard lock(housekeeping_mutex_);
  auto at_once = env().make_io_executor(close_threads, "close");
  auto written = logs_->checkpoint(at_once.get());
  at_once->drain();
  return written;
}

}  // namespace millrace::broker
