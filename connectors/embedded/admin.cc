#include "millrace/connectors/embedded/shared_broker.h"

namespace millrace::embedded {
namespace {

TopicDescription describe(const broker::Topic& topic) {
  return {topic.name, topic.id, topic.partitions, topic.internal(), topic.configs};
}

class EmbeddedAdmin : public Admin {
 public:
  explicit EmbeddedAdmin(SharedBroker& shared) : broker_(*shared.broker) {}

  Result<> create_topic(const NewTopic& topic) override {
    MR_TRY(broker_.create_topic(topic.name, topic.partitions, topic.configs));
    return {};
  }
  Result<> delete_topic(const std::string& name) override { return broker_.delete_topic(name); }
  Result<std::vector<TopicDescription>> list_topics() override {
    std::vector<TopicDescription> topics;
    for (const auto& topic : broker_.topics()) topics.push_back(describe(topic));
    return topics;
  }
  Result<TopicDescription> describe_topic(const std::string& name) override {
    MR_ASSIGN(auto topic, broker_.topic(name));
    return describe(topic);
  }
  Result<PartitionOffsets> describe_partition(const TopicPartition& partition) override {
    MR_ASSIGN(auto log, broker_.partition(partition));
    auto o = log->offsets();
    return PartitionOffsets{o.log_start_offset, o.last_stable_offset, o.high_watermark, o.log_end_offset,
                            o.leader_epoch};
  }
  Result<std::optional<Offset>> end_of_leader_epoch(const TopicPartition& partition, LeaderEpoch epoch) override {
    MR_ASSIGN(auto log, broker_.partition(partition));
    return log->end_of_epoch(epoch);
  }
  Result<> delete_records(const TopicPartition& partition, Offset before) override {
    MR_ASSIGN(auto log, broker_.partition(partition));
    return log->delete_records(before);
  }
  Result<std::vector<GroupDescription>> describe_groups() override {
    std::vector<GroupDescription> groups;
    for (const auto& name : broker_.offsets().groups()) {
      GroupDescription group{name, {}};
      for (const auto& [partition, offset] : broker_.offsets().of_group(name)) {
        group.committed[partition] = {offset.offset, offset.leader_epoch, offset.metadata};
      }
      groups.push_back(std::move(group));
    }
    return groups;
  }

 private:
  broker::Broker& broker_;
};

}  // namespace

std::unique_ptr<Admin> make_admin(SharedBroker& shared) { return std::make_unique<EmbeddedAdmin>(shared); }

}  // namespace millrace::embedded
