#include "millrace/dsl/graph/topology_builder.h"

#include <algorithm>
#include <utility>

namespace millrace {
namespace {

[[noreturn]] void invalid(const std::string& what) { throw TopologyError("Invalid topology: " + what); }

// Whether Kafka takes two stores of one name for the same one: it never does for those of the DSL.
bool is_same_store(const StoreSpec&, const StoreSpec&) { return false; }

}  // namespace

int TopologyBuilder::add(TopologyNode node, const std::vector<std::string>& parents) {
  if (index_.contains(node.name)) invalid("Processor " + node.name + " is already added.");
  int id = static_cast<int>(topology_.nodes.size());
  group_.push_back(id);
  for (const std::string& parent : parents) {
    if (parent == node.name) invalid("Processor " + node.name + " cannot be a predecessor of itself.");
    auto found = index_.find(parent);
    if (found == index_.end()) invalid("Predecessor processor " + parent + " is not added yet for " + node.name);
    TopologyNode& parent_node = topology_.nodes[static_cast<std::size_t>(found->second)];
    if (parent_node.kind == TopologyNode::Kind::sink) invalid("Sink " + parent + " cannot be used a parent.");
    node.parents.push_back(found->second);
    parent_node.children.push_back(id);
  }
  index_.emplace(node.name, id);
  topology_.nodes.push_back(std::move(node));
  for (int parent : topology_.nodes.back().parents) unite(parent, id);
  return id;
}

int TopologyBuilder::find(int node) {
  auto& up = group_[static_cast<std::size_t>(node)];
  return up == node ? node : up = find(up);
}

void TopologyBuilder::unite(int a, int b) { group_[static_cast<std::size_t>(find(b))] = find(a); }

void TopologyBuilder::check_topic_is_new(const std::string& topic) const {
  if (source_topics_.contains(topic)) invalid("Topic " + topic + " has already been registered by another source.");
}

void TopologyBuilder::add_source(TopologyNode source) {
  if (index_.contains(source.name)) invalid("Processor " + source.name + " is already added.");
  for (const std::string& topic : source.topics) {
    check_topic_is_new(topic);
    source_topics_.insert(topic);
  }
  source.kind = TopologyNode::Kind::source;
  add(std::move(source), {});
}

void TopologyBuilder::add_processor(const std::string& name, const std::vector<std::string>& parents, Make make) {
  TopologyNode node;
  node.kind = TopologyNode::Kind::processor;
  node.name = name;
  node.make = std::move(make);
  add(std::move(node), parents);
}

void TopologyBuilder::add_sink(TopologyNode sink, const std::vector<std::string>& parents) {
  sink.kind = TopologyNode::Kind::sink;
  add(std::move(sink), parents);
}

void TopologyBuilder::add_global_store(StoreSpec store, TopologyNode source, const std::string& processor, Make make) {
  if (const StoreSpec* other = topology_.store(store.name)) {
    invalid("A different " + std::string(other->is_global ? "Global" : "") +
            "StateStore has already been added with the name " + store.name);
  }
  std::string source_name = source.name;
  std::string store_name = store.name;
  add_source(std::move(source));
  add_processor(processor, {source_name}, std::move(make));
  global_nodes_.insert(source_name);
  global_nodes_.insert(processor);
  topology_.nodes.back().stores = {store_name};
  topology_.stores.push_back(std::move(store));
}

void TopologyBuilder::add_store(const StoreSpec& store, const std::string& processor) {
  if (const StoreSpec* other = topology_.store(store.name); other && !is_same_store(*other, store)) {
    invalid("A different " + std::string(other->is_global ? "Global" : "") +
            "StateStore has already been added with the name " + store.name);
  }
  topology_.stores.push_back(store);
  connect(processor, store.name);
}

void TopologyBuilder::connect(const std::string& processor, const std::string& store) {
  if (!topology_.store(store)) invalid("StateStore " + store + " is not added yet.");
  int id = index_.at(processor);
  auto [user, is_first] = store_user_.emplace(store, id);
  if (!is_first) unite(user->second, id);
  auto& stores = topology_.nodes[static_cast<std::size_t>(id)].stores;
  if (std::find(stores.begin(), stores.end(), store) == stores.end()) stores.push_back(store);
}

void TopologyBuilder::add_repartition_topic(const std::string& topic, std::optional<int> partitions) {
  topology_.repartition_topics.emplace(topic, partitions);
}

void TopologyBuilder::copartition(const std::vector<std::set<std::string>>& groups_of_sources) {
  std::vector<std::set<std::string>> merged;  // of topics; groups that share one are one
  for (const auto& sources : groups_of_sources) {
    std::set<std::string> topics;
    for (const std::string& source : sources) {
      auto found = index_.find(source);
      if (found == index_.end()) continue;
      const auto& of_source = topology_.nodes[static_cast<std::size_t>(found->second)].topics;
      topics.insert(of_source.begin(), of_source.end());
    }
    for (auto group = merged.begin(); group != merged.end();) {
      bool shares = std::any_of(topics.begin(), topics.end(), [&](const std::string& t) { return group->contains(t); });
      if (shares) topics.insert(group->begin(), group->end());
      group = shares ? merged.erase(group) : group + 1;
    }
    merged.push_back(std::move(topics));
  }
  for (const auto& topics : merged) {
    if (topics.size() > 1) topology_.copartition_groups.emplace_back(topics.begin(), topics.end());
  }
}

Topology TopologyBuilder::finish() && {
  std::map<int, int> number;  // of groups, in the order in which their first nodes were added
  for (std::size_t i = 0; i < topology_.nodes.size(); ++i) {
    TopologyNode& node = topology_.nodes[i];
    node.group = number.emplace(find(static_cast<int>(i)), static_cast<int>(number.size())).first->second;
    node.sub_topology = global_nodes_.contains(node.name) ? -1 : node.group;
  }
  topology_.sub_topology_count = static_cast<int>(number.size());
  return std::move(topology_);
}

}  // namespace millrace
