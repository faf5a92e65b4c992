#include "shape.h"

#include <algorithm>
#include <map>
#include <set>

namespace millrace::conformance {
namespace {

class Ways {
 public:
  explicit Ways(const Topology& topology) : topology_(topology) {
    for (std::size_t i = 0; i < topology.nodes.size(); ++i)
      if (topology.nodes[i].kind == TopologyNode::Kind::source && topology.nodes[i].sub_topology >= 0)
        for (const std::string& topic : topology.nodes[i].topics) readers_[topic].push_back(static_cast<int>(i));
  }
  // From each topic that comes from outside.
  void follow(Shape& shape) {
    std::set<std::string> written;
    for (const TopologyNode& node : topology_.nodes)
      if (node.kind == TopologyNode::Kind::sink) written.insert(node.topics.begin(), node.topics.end());
    for (const auto& [topic, nodes] : readers_) {
      if (written.contains(topic)) continue;
      into_.clear();
      from_.clear();
      depth_ = 0;
      follow_topic(topic, {topic}, 0);
      shape.repartitions = std::max(shape.repartitions, depth_);
      for (const auto& [sub_topology, topics] : into_) shape.meets_itself |= topics.size() > 1;
      for (const auto& [sink, sub_topologies] : from_) shape.meets_itself |= sub_topologies.size() > 1;
    }
  }

 private:
  void follow_topic(const std::string& topic, const std::set<std::string>& passed, int depth) {
    depth_ = std::max(depth_, depth);
    auto readers = readers_.find(topic);
    if (readers == readers_.end()) return;
    for (int source : readers->second) {
      const int sub_topology = node(source).sub_topology;
      into_[sub_topology].insert(topic);
      std::set<std::string> sinks;
      follow_node(source, sinks);
      for (const std::string& sink : sinks) {
        from_[sink].insert(sub_topology);
        std::set<std::string> further = passed;
        if (further.insert(sink).second)
          follow_topic(sink, further, depth + 1);
        else
          into_[sub_topology].insert("a circle through " + sink);
      }
    }
  }
  void follow_node(int at, std::set<std::string>& sinks) {
    if (node(at).kind == TopologyNode::Kind::sink) sinks.insert(node(at).topics.at(0));
    for (int child : node(at).children) follow_node(child, sinks);
  }
  const TopologyNode& node(int i) const { return topology_.nodes[static_cast<std::size_t>(i)]; }

  const Topology& topology_;
  std::map<std::string, std::vector<int>> readers_;
  std::map<int, std::set<std::string>> into_;  // by sub-topology: the topics by which it is reached
  std::map<std::string, std::set<int>> from_;  // by topic: the sub-topologies that write to it
  int depth_ = 0;
};

}  // namespace

Shape shape_of(const nlohmann::json& the_case, const Topology& topology) {
  Shape shape;
  Ways(topology).follow(shape);
  for (const StoreSpec& store : topology.stores) {
    shape.is_windowed |= store.kind == StoreSpec::Kind::window;
    if (store.logging || store.is_global || !store.source_changelog.empty()) continue;
    shape.has_unlogged = true;
    shape.has_unlogged_in_memory |= store.in_memory;
  }
  for (const auto& step : the_case.at("topology"))
    shape.asks_partition_time |= step.value("timestamps", "") == "partition_time";
  return shape;
}

}  // namespace millrace::conformance
