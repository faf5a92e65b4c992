#include "millrace/dsl/topology.h"

#include <algorithm>

namespace millrace {

const StoreSpec* Topology::store(std::string_view name) const {
  auto found = std::find_if(stores.begin(), stores.end(), [&](const StoreSpec& s) { return s.name == name; });
  return found == stores.end() ? nullptr : &*found;
}

std::vector<Topology::GlobalTable> Topology::global_tables() const {
  std::vector<GlobalTable> tables;
  for (const TopologyNode& node : nodes) {
    if (node.sub_topology >= 0 || node.kind != TopologyNode::Kind::source) continue;
    const TopologyNode& reader = nodes[static_cast<std::size_t>(node.children.at(0))];
    tables.push_back({node, *store(reader.stores.at(0))});
  }
  return tables;
}

std::vector<Topology::InternalTopic> Topology::internal_topics(const std::string& application_id) const {
  std::map<std::string, InternalTopic> topics;
  for (const auto& [name, partitions] : repartition_topics) {
    std::string full = application_id + "-" + name;
    topics[full] = {full,
                    InternalTopic::Type::repartition,
                    partitions,
                    {{"cleanup.policy", "delete"},
                     {"message.timestamp.type", "CreateTime"},
                     {"retention.ms", "-1"},
                     {"segment.bytes", "52428800"}}};
  }
  for (const StoreSpec& store : stores) {
    if (store.is_global || !store.logging) continue;
    bool is_source = !store.source_changelog.empty();
    InternalTopic topic;
    topic.name = is_source ? store.source_changelog : application_id + "-" + store.name + "-changelog";
    topic.type = is_source ? InternalTopic::Type::source_as_changelog : InternalTopic::Type::changelog;
    topic.config = {{"cleanup.policy", "compact"}, {"message.timestamp.type", "CreateTime"}};
    if (store.kind == StoreSpec::Kind::window) {
      topic.config["cleanup.policy"] = "compact,delete";
      const Duration left = Duration::max() - store.retention;  // for ever is not longer than that
      topic.config["retention.ms"] =
          std::to_string((store.retention + std::min(left, window_changelog_additional_retention)).count());
    }
    for (const auto& [key, value] : store.changelog_config) topic.config[key] = value;
    topics[topic.name] = std::move(topic);
  }
  std::vector<InternalTopic> result;
  for (auto& [name, topic] : topics) result.push_back(std::move(topic));
  return result;
}

}  // namespace millrace
