#include "millrace/dsl/graph/optimization.h"

#include <algorithm>
#include <utility>

// NOLINTBEGIN(bugprone-unchecked-optional-access): which parts a node has follows from its kind (node.h)
namespace millrace {
namespace {

// Repartition nodes that one change of key made necessary, in order.
using ChangeOfKey = std::pair<NodeId, std::vector<NodeId>>;

bool contains(const std::vector<NodeId>& nodes, NodeId id) {
  return std::find(nodes.begin(), nodes.end(), id) != nodes.end();
}

// Merges the repartition topics below each change of key into one, placed right after it.
// Source: InternalStreamsBuilder.mergeRepartitionTopics.
class RepartitionMerger {
 public:
  explicit RepartitionMerger(Graph::Parts& graph) : graph_(graph) {}
  void merge();

 private:
  // The nearest node upwards that `matches`, the node itself included; -1 if there is none. Of several parents Kafka
  // keeps what the last one gives, unless a parent matches itself.
  template <class Matches>
  NodeId find_up(NodeId node, Matches matches) const;
  NodeId find_child_of(NodeId ancestor, NodeId node) const {
    return find_up(node, [&](const Node& n) { return contains(n.parents, ancestor); });
  }
  void collect_changes();
  void move_changes_below_merges();
  void replace(const ChangeOfKey& change);
  void add_child(NodeId parent, NodeId child);
  void remove_child(NodeId parent, NodeId child);

  Graph::Parts& graph_;
  std::vector<ChangeOfKey> changes_;
};

template <class Matches>
NodeId RepartitionMerger::find_up(NodeId node, Matches matches) const {
  if (matches(graph_[node])) return node;
  NodeId found = -1;
  for (NodeId parent : graph_[node].parents) {
    if (matches(graph_[parent])) return parent;
    found = find_up(parent, matches);
  }
  return found;
}

void RepartitionMerger::add_child(NodeId parent, NodeId child) {
  if (!contains(graph_[parent].children, child)) graph_[parent].children.push_back(child);
  if (!contains(graph_[child].parents, parent)) graph_[child].parents.push_back(parent);
}

void RepartitionMerger::remove_child(NodeId parent, NodeId child) {
  std::erase(graph_[parent].children, child);
  std::erase(graph_[child].parents, parent);
}

// A change of values between the change of key and the repartitioning keeps them apart: the topic would hold other
// values.
void RepartitionMerger::collect_changes() {
  for (std::size_t i = 1; i < graph_.nodes.size(); ++i) {
    auto id = static_cast<NodeId>(i);
    const Node& node = graph_[id];
    if (node.changes_key) changes_.push_back({id, {}});
    if (!node.repartitioning || !node.repartitioning->mergeable) continue;
    NodeId nearest = find_up(id, [](const Node& n) { return n.changes_key || n.changes_value; });
    NodeId key_change = find_up(id, [](const Node& n) { return n.changes_key; });
    if (nearest < 0 || nearest != key_change) continue;
    for (auto& [key, repartitions] : changes_) {
      if (key == key_change) repartitions.push_back(id);
    }
  }
}

// Several changes of key that meet in a merge are one change there.
void RepartitionMerger::move_changes_below_merges() {
  std::vector<ChangeOfKey> below;
  std::vector<NodeId> moved;
  for (std::size_t i = 1; i < graph_.nodes.size(); ++i) {
    auto merge = static_cast<NodeId>(i);
    if (graph_[merge].kind != NodeKind::merge) continue;
    ChangeOfKey at_merge{merge, {}};
    for (auto& [key, repartitions] : changes_) {
      bool all_below =
          std::all_of(repartitions.begin(), repartitions.end(), [&](NodeId r) { return find_child_of(merge, r) >= 0; });
      if (!all_below || find_child_of(key, merge) < 0) continue;
      for (NodeId r : repartitions) {
        if (!contains(at_merge.second, r)) at_merge.second.push_back(r);
      }
      moved.push_back(key);
    }
    below.push_back(std::move(at_merge));
  }
  std::erase_if(changes_, [&](const ChangeOfKey& c) { return contains(moved, c.first); });
  for (ChangeOfKey& change : below) changes_.push_back(std::move(change));
}

void RepartitionMerger::replace(const ChangeOfKey& change) {
  const auto& [key, repartitions] = change;
  const Repartitioning first = *graph_[repartitions.front()].repartitioning;
  Node merged{.kind = NodeKind::repartition};
  merged.repartitioning = graph_.name_repartitioning(first.topic, first.key, first.value);
  merged.repartitioning->named = first.named;
  merged.name = merged.repartitioning->source;
  merged.sources = {merged.name};
  merged.null_keys_pass = true;
  merged.priority = graph_[key].priority;
  auto id = static_cast<NodeId>(graph_.nodes.size());
  graph_.nodes.push_back(std::move(merged));
  for (NodeId replaced : repartitions) {
    NodeId below_key = find_child_of(key, replaced);
    if (below_key < 0) {  // two repartitionings behind one child of the key's change: Kafka has moved it for the first
      throw TopologyError("Found a null keyChangingChild node for OptimizableRepartitionNode{ " +
                          graph_[replaced].repartitioning->topic +
                          ": topology.optimization cannot merge it; leave merge.repartition.topics out");
    }
    add_child(id, below_key);
    remove_child(key, below_key);
    auto parents = graph_[replaced].parents, children = graph_[replaced].children;
    for (NodeId child : children) {
      for (NodeId parent : parents) add_child(parent, child);
    }
    for (NodeId parent : parents) remove_child(parent, replaced);
    for (NodeId child : children) remove_child(replaced, child);
    for (auto& group : graph_.copartitioned) {
      if (group.erase(graph_[replaced].name)) group.insert(graph_[id].name);
    }
  }
  add_child(key, id);
}

void RepartitionMerger::merge() {
  collect_changes();
  move_changes_below_merges();
  for (const ChangeOfKey& change : changes_) {
    if (!change.second.empty()) replace(change);
  }
}

}  // namespace

void optimize(Graph::Parts& graph, const TopologyConfig& config) {
  if (config.reuse_source_topics) {
    for (Node& node : graph.nodes) {
      if (node.kind != NodeKind::table_source) continue;
      node.store->source_changelog = node.topic->name;
      node.store->logging = true;  // whatever the user said: nothing is logged, and all comes back (TableSourceNode)
      node.store->changelog_config.clear();  // the topic is the user's own
    }
  }
  if (config.merge_repartition_topics) RepartitionMerger(graph).merge();
}

}  // namespace millrace
// NOLINTEND(bugprone-unchecked-optional-access)
