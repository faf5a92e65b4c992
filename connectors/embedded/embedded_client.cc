#include "millrace/connectors/embedded/embedded_client.h"

#include "millrace/connectors/embedded/shared_broker.h"

namespace millrace {
namespace embedded {

Result<std::shared_ptr<broker::PartitionLog>> SharedBroker::log_to_write(const TopicPartition& partition) {
  auto log = broker->partition(partition);
  const auto topic = broker->topic(partition.topic);
  if (topic && topic->internal())  // what is no record of the broker's there keeps the directory from opening again
    return Error(ErrorCode::invalid_topic_exception,
                 "topic " + partition.topic + " is the broker's own: nobody else writes to it");
  if (log || config.num_partitions == 0 || topic) return log;
  auto made = broker->create_topic(partition.topic, config.num_partitions, {});
  if (!made && made.error().code() != ErrorCode::topic_already_exists) return std::move(made).error();
  return broker->partition(partition);
}

std::vector<std::shared_ptr<broker::PartitionLog>> SharedBroker::logs_of(const OffsetsToCommit& offsets) const {
  std::vector<std::shared_ptr<broker::PartitionLog>> logs;
  for (const auto& [partition, offset] : offsets)
    if (auto log = broker->partition(partition)) logs.push_back(*std::move(log));
  return logs;
}

namespace {

class EmbeddedClient : public LogClient {
 public:
  explicit EmbeddedClient(std::unique_ptr<SharedBroker> shared)
      : shared_(std::move(shared)), admin_(make_admin(*shared_)) {}
  ~EmbeddedClient() override {
    shared_->io->drain();
    if (auto closed = shared_->broker->close(); !closed && shared_->config.report) {
      shared_->config.report("closing: " + closed.error().text());
    }
  }
  Result<std::unique_ptr<Producer>> make_producer(const ProducerConfig& config) override {
    return embedded::make_producer(*shared_, config);
  }
  Result<std::unique_ptr<Consumer>> make_consumer(const ConsumerConfig& config) override {
    return embedded::make_consumer(*shared_, config);
  }
  Admin& admin() override { return *admin_; }
  bool is_embedded() const override { return true; }
  std::vector<MetricValue> metrics() const override { return shared_->broker->metrics(); }

 private:
  std::unique_ptr<SharedBroker> shared_;
  std::unique_ptr<Admin> admin_;
};

}  // namespace
}  // namespace embedded

Result<std::unique_ptr<LogClient>> open_embedded(Env& env, const EmbeddedConfig& config) {
  broker::BrokerConfig options;
  options.data_dir = config.data_dir;
  options.flush = config.flush == EmbeddedConfig::Flush::group ? broker::FlushMode::group : broker::FlushMode::os;
  options.housekeeping_interval = config.housekeeping_interval;
  options.report = config.report;
  auto shared = std::make_unique<embedded::SharedBroker>(embedded::SharedBroker{env, config, nullptr, nullptr});
  MR_ASSIGN(shared->broker, broker::Broker::open(env, options));
  shared->io = env.make_io_executor(1, "embedded-io");
  return std::unique_ptr<LogClient>(std::make_unique<embedded::EmbeddedClient>(std::move(shared)));
}

}  // namespace millrace
