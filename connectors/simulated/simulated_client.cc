#include "millrace/connectors/simulated/simulated_client.h"

#include "millrace/base/metrics.h"
#include "millrace/connectors/simulated/network.h"

namespace millrace {
namespace {

class SimulatedAdmin : public Admin {
 public:
  SimulatedAdmin(Admin& behind, std::shared_ptr<Network> network) : behind_(behind), network_(std::move(network)) {}
  Result<> create_topic(const NewTopic& topic) override {
    return network_->idempotent([&] { return behind_.create_topic(topic); });
  }
  Result<> delete_topic(const std::string& name) override {
    return network_->idempotent([&] { return behind_.delete_topic(name); });
  }
  Result<std::vector<TopicDescription>> list_topics() override {
    return network_->idempotent([&] { return behind_.list_topics(); });
  }
  Result<TopicDescription> describe_topic(const std::string& name) override {
    return network_->idempotent([&] { return behind_.describe_topic(name); });
  }
  Result<PartitionOffsets> describe_partition(const TopicPartition& partition) override {
    return network_->idempotent([&] { return behind_.describe_partition(partition); });
  }
  Result<std::optional<Offset>> end_of_leader_epoch(const TopicPartition& partition, LeaderEpoch epoch) override {
    return network_->idempotent([&] { return behind_.end_of_leader_epoch(partition, epoch); });
  }
  Result<> delete_records(const TopicPartition& partition, Offset before) override {
    return network_->idempotent([&] { return behind_.delete_records(partition, before); });
  }
  Result<std::vector<GroupDescription>> describe_groups() override {
    return network_->idempotent([&] { return behind_.describe_groups(); });
  }

 private:
  Admin& behind_;
  std::shared_ptr<Network> network_;
};

}  // namespace

struct SimulatedClient::Parts {
  Parts(Env& env, LogClient& client, SimulatedNetwork settings)
      : behind(client), network(std::make_shared<Network>(env, std::move(settings))), admin(client.admin(), network) {}
  LogClient& behind;
  std::shared_ptr<Network> network;
  SimulatedAdmin admin;
};

SimulatedClient::SimulatedClient(Env& env, LogClient& behind, SimulatedNetwork network)
    : parts_(std::make_shared<Parts>(env, behind, std::move(network))) {}
SimulatedClient::~SimulatedClient() { parts_->network->drain(); }

Result<std::unique_ptr<Producer>> SimulatedClient::make_producer(const ProducerConfig& config) {
  MR_ASSIGN(auto producer, parts_->behind.make_producer(config));
  return behind_network(std::move(producer), parts_->network);
}

Result<std::unique_ptr<Consumer>> SimulatedClient::make_consumer(const ConsumerConfig& config) {
  MR_ASSIGN(auto consumer, parts_->behind.make_consumer(config));
  return behind_network(std::move(consumer), parts_->network);
}

Admin& SimulatedClient::admin() { return parts_->admin; }
std::vector<MetricValue> SimulatedClient::metrics() const { return parts_->behind.metrics(); }
bool SimulatedClient::is_embedded() const { return parts_->behind.is_embedded(); }
SimulatedNetworkCounts SimulatedClient::counts() const { return parts_->network->counts(); }

}  // namespace millrace
