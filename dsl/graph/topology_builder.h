// TopologyBuilder: the physical graph while it is made: unique names, stores connected to processors, sub-topologies.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "millrace/dsl/topology.h"

namespace millrace {

// Kafka's InternalTopologyBuilder: its checks, its messages, its numbering. Throws TopologyError. One thread.
class TopologyBuilder {
 public:
  using Make = std::function<std::unique_ptr<Operator>()>;

  void add_source(TopologyNode source);
  void add_processor(const std::string& name, const std::vector<std::string>& parents, Make make);
  void add_sink(TopologyNode sink, const std::vector<std::string>& parents);
  // A source and the processor that fills a global store from it.
  void add_global_store(StoreSpec store, TopologyNode source, const std::string& processor, Make make);
  void add_store(const StoreSpec& store, const std::string& processor);
  void connect(const std::string& processor, const std::string& store);
  void add_repartition_topic(const std::string& topic, std::optional<int> partitions);
  // The topics of these source nodes must have the same number of partitions.
  void copartition(const std::vector<std::set<std::string>>& groups_of_sources);
  void create_topic_as(const std::string& topic, TopicSettings settings) {
    topology_.topic_settings.emplace(topic, settings);
  }

  Topology finish() &&;

 private:
  int add(TopologyNode node, const std::vector<std::string>& parents);
  int find(int node);
  void unite(int a, int b);
  void check_topic_is_new(const std::string& topic) const;

  Topology topology_;
  std::map<std::string, int> index_;  // of nodes by name
  std::vector<int> group_;            // union-find
  std::set<std::string> source_topics_, global_nodes_;
  std::map<std::string, int> store_user_;  // the first processor connected to a store
};

}  // namespace millrace
