// Topology::describe: Kafka's topology.describe().toString(), order of nodes included.
//
// Kafka sorts the nodes of a sub-topology by how many nodes hang below them, then by name. The sets of neighbours sort
// by the sizes at the time of insertion, which follows the iteration order of a Java HashMap of names: both are
// reproduced here.
#include <algorithm>
#include <cstdint>
#include <set>

#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

struct Described;
struct BySize {
  bool operator()(const Described* a, const Described* b) const;
};
struct Described {
  const TopologyNode* node;
  int size = 1;
  std::set<Described*, BySize> predecessors, successors;
};
bool BySize::operator()(const Described* a, const Described* b) const {
  if (a == b) return false;
  return a->size != b->size ? a->size > b->size : a->node->name < b->node->name;
}

void grow(Described& node, int delta) {
  node.size += delta;
  for (Described* predecessor : node.predecessors) grow(*predecessor, delta);
}

// The bucket of a string in a java.util.HashMap of `capacity` buckets. Names are ASCII.
std::uint32_t java_bucket(const std::string& name, std::uint32_t capacity) {
  std::uint32_t hash = 0;
  for (char c : name) hash = 31 * hash + static_cast<unsigned char>(c);
  return (hash ^ (hash >> 16)) & (capacity - 1);
}

std::vector<const TopologyNode*> in_java_order(std::vector<const TopologyNode*> nodes) {
  std::uint32_t capacity = 16;
  while (nodes.size() * 4 > capacity * 3) capacity *= 2;
  std::stable_sort(nodes.begin(), nodes.end(),
                   [&](auto* a, auto* b) { return java_bucket(a->name, capacity) < java_bucket(b->name, capacity); });
  return nodes;
}

std::string names_of(const std::set<Described*, BySize>& nodes) {
  std::string text;
  for (const Described* n : nodes) text += (text.empty() ? "" : ", ") + n->node->name;
  return text.empty() ? "none" : text;
}

std::string joined(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string text_of(const Described& d) {
  const TopologyNode& n = *d.node;
  if (n.kind == TopologyNode::Kind::source) {
    return "Source: " + n.name + " (topics: [" + joined(n.topics) + "])\n      --> " + names_of(d.successors);
  }
  if (n.kind == TopologyNode::Kind::sink) {
    return "Sink: " + n.name + " (topic: " + n.topics.front() + ")\n      <-- " + names_of(d.predecessors);
  }
  return "Processor: " + n.name + " (stores: [" + joined(n.stores) + "])\n      --> " + names_of(d.successors) +
         "\n      <-- " + names_of(d.predecessors);
}

std::string text_of_group(int number, const std::vector<const TopologyNode*>& nodes,
                          const std::vector<TopologyNode>& all) {
  std::map<const TopologyNode*, Described> described;
  auto in_order = in_java_order(nodes);
  for (const TopologyNode* node : in_order) described[node].node = node;
  for (const TopologyNode* node : in_order) {
    Described& d = described[node];
    for (int parent : node->parents) {
      Described& p = described[&all[static_cast<std::size_t>(parent)]];
      d.predecessors.insert(&p);
      p.successors.insert(&d);
      grow(p, d.size);
    }
  }
  std::vector<const Described*> sorted;
  for (auto& [node, d] : described) sorted.push_back(&d);
  bool is_global = nodes.front()->sub_topology < 0;
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return BySize()(a, b); });
  std::string text = "  Sub-topology: " + std::to_string(number) +
                     (is_global ? " for global store (will not generate tasks)\n" : "\n");
  for (const Described* d : sorted) text += "    " + text_of(*d) + "\n";
  return text + (is_global ? "" : "\n");
}

}  // namespace

std::string Topology::describe() const {
  std::map<int, std::vector<const TopologyNode*>> groups;
  for (const TopologyNode& node : nodes) groups[node.group].push_back(&node);
  std::string text = "Topologies:\n ";
  for (const auto& [number, group] : groups) text += text_of_group(number, group, nodes);
  return text;
}

}  // namespace millrace
