// Streams and sinks of the logical graph. Source: KStreamImpl, BranchedKStreamImpl, InternalStreamsBuilder.
#include "millrace/dsl/graph/graph.h"

#include <utility>

#include "millrace/dsl/graph/node.h"
#include "millrace/dsl/topology.h"

namespace millrace {

namespace {
// 0: nobody said how many.
int checked_partitions(int partitions, std::string_view topic) {
  if (partitions >= 0) return partitions;
  throw TopologyError("Invalid topology: Number of partitions must be at least 1, or 0 if it is not said. (" +
                      std::string(topic) + ": " + std::to_string(partitions) + ")");
}
}  // namespace

OwnedTopic::OwnedTopic(const TopicSpec& spec)
    : name(spec.name),
      key(spec.key),
      value(spec.value),
      key_type(spec.key_type),
      value_type(spec.value_type),
      nullable_key(spec.nullable_key),
      nullable_value(spec.nullable_value),
      partitions(checked_partitions(spec.partitions, spec.name)),
      retention(spec.retention),
      compact(spec.compact) {}

Graph::Graph() : parts_(std::make_shared<Parts>()) { parts_->nodes.emplace_back(); }
Graph::~Graph() = default;

void Graph::keep(std::shared_ptr<const void> object) { parts_->kept.push_back(std::move(object)); }

NodeId Graph::Parts::add(NodeId parent, Node node) {
  auto id = static_cast<NodeId>(nodes.size());
  node.priority = id;
  nodes.push_back(std::move(node));
  connect(parent, id);
  return id;
}

void Graph::Parts::connect(NodeId parent, NodeId child) {
  (*this)[parent].children.push_back(child);
  (*this)[child].parents.push_back(parent);
}

Repartitioning Graph::Parts::name_repartitioning(std::string prefix, AnySerde key, AnySerde value) {
  std::string topic = prefix.ends_with("-repartition") ? prefix : prefix + "-repartition";
  Repartitioning r{topic,
                   names.generate("KSTREAM-SINK-"),
                   names.generate("KSTREAM-FILTER-"),
                   names.generate("KSTREAM-SOURCE-"),
                   key,
                   value,
                   std::nullopt};
  if (!is_generated_stream_name(prefix)) {
    r.sink = topic + "-sink";
    r.filter = topic + "-filter";
    r.source = topic + "-source";
  }
  return r;
}

NodeId Graph::source(const TopicSpec& topic, std::string_view name, Thunk timestamp_extractor) {
  check_name(name);
  Node node{.kind = NodeKind::source, .name = parts_->names.given_or(name, "KSTREAM-SOURCE-")};
  node.thunk = std::move(timestamp_extractor);
  node.topic.emplace(topic);
  node.sources = {node.name};
  return parts_->add(0, std::move(node));
}

NodeId Graph::stateless(NodeId from, std::string_view prefix, std::string_view name, Thunk thunk, bool rekeys) {
  check_name(name);
  Node node{.kind = NodeKind::stateless, .name = parts_->names.given_or(name, prefix)};
  node.sources = (*parts_)[from].sources;
  node.rekeyed = rekeys || (*parts_)[from].rekeyed;
  node.changes_key = rekeys;
  node.changes_value = prefix == "KSTREAM-MAPVALUES-" || prefix == "KSTREAM-FLATMAPVALUES-";
  node.thunk = std::move(thunk);
  return parts_->add(from, std::move(node));
}

NodeId Graph::merge(NodeId from, NodeId other, std::string_view name) {
  check_name(name);
  Node node{.kind = NodeKind::merge, .name = parts_->names.given_or(name, "KSTREAM-MERGE-")};
  const Node& left = (*parts_)[from];
  const Node& right = (*parts_)[other];
  node.sources = left.sources;
  node.sources.insert(right.sources.begin(), right.sources.end());
  node.rekeyed = left.rekeyed || right.rekeyed;
  NodeId id = parts_->add(from, std::move(node));
  if (other != from) parts_->connect(other, id);
  return id;
}

NodeId Graph::split(NodeId from, std::string_view name) {
  check_name(name);
  Node node{.kind = NodeKind::split, .name = parts_->names.given_or(name, "KSTREAM-BRANCH-")};
  node.sources = (*parts_)[from].sources;
  node.rekeyed = (*parts_)[from].rekeyed;
  return parts_->add(from, std::move(node));
}

NodeId Graph::branch(NodeId split, std::string_view name, Thunk predicate) {
  check_name(name);
  const Node& splitter = (*parts_)[split];
  std::string suffix(name);
  if (suffix.empty()) suffix = predicate ? std::to_string(splitter.children.size() + 1) : "0";
  Node node{.kind = NodeKind::branch, .name = splitter.name + suffix};
  parts_->names.generate(node.name);
  node.sources = splitter.sources;
  node.rekeyed = splitter.rekeyed;
  node.thunk = std::move(predicate);
  return parts_->add(split, std::move(node));
}

NodeId Graph::repartition(NodeId from, std::string_view name, AnySerde key, AnySerde value, int partitions) {
  check_name(name);
  std::string prefix = name.empty() ? parts_->names.generate("KSTREAM-REPARTITION-") : std::string(name);
  Node node{.kind = NodeKind::repartition};
  node.repartitioning = parts_->name_repartitioning(prefix, key, value);
  node.repartitioning->named = !name.empty();
  if (checked_partitions(partitions, prefix) > 0) node.repartitioning->partitions = partitions;
  node.name = node.repartitioning->source;
  node.sources = {node.name};
  return parts_->add(from, std::move(node));
}

void Graph::sink(NodeId from, const TopicSpec& topic, std::string_view name) {
  check_name(name);
  Node node{.kind = NodeKind::sink, .name = parts_->names.given_or(name, "KSTREAM-SINK-")};
  node.topic.emplace(topic);
  parts_->add(from, std::move(node));
}

NodeId Graph::table_join(NodeId from, NodeId table, std::string_view name, bool left, AnySerde key, AnySerde value,
                         Thunk joiner) {
  check_name(name);
  Parts& g = *parts_;
  if (g[from].rekeyed) {  // KStreamImpl.repartitionForJoin: joins of one stream share it unless they are named
    std::string prefix = name.empty() ? g[from].name : std::string(name);
    if (!key) no_serde("key");
    if (!value) no_serde("value");
    Repartitioning repartitioning = g.name_repartitioning(prefix, key, value);
    if (g[from].join_repartition < 0 || g[from].name != prefix) {
      Node node{.kind = NodeKind::repartition, .name = repartitioning.source};
      node.sources = {node.name};
      node.repartitioning = std::move(repartitioning);
      node.null_keys_pass = true;
      node.repartitioning->named = !name.empty();
      node.repartitioning->mergeable = true;
      NodeId id = g.add(from, std::move(node));
      g[from].join_repartition = id;
    }
    from = g[from].join_repartition;
  }
  std::set<std::string> sources = g[from].sources;
  sources.insert(g[table].sources.begin(), g[table].sources.end());
  g.copartitioned.push_back(sources);
  Node node{.kind = NodeKind::table_join, .name = g.names.given_or(name, left ? "KSTREAM-LEFTJOIN-" : "KSTREAM-JOIN-")};
  node.sources = std::move(sources);
  node.connected_stores = g.stores_to_read(table);
  node.table = table;
  node.left = left;
  node.thunk = std::move(joiner);
  return g.add(from, std::move(node));
}

NodeId Graph::global_join(NodeId from, NodeId table, std::string_view name, bool left, Thunk key, Thunk joiner) {
  check_name(name);
  Node node{.kind = NodeKind::global_join, .name = parts_->names.given_or(name, "KSTREAM-LEFTJOIN-")};
  node.sources = (*parts_)[from].sources;
  node.rekeyed = (*parts_)[from].rekeyed;
  node.table = table;
  node.left = left;
  node.key_thunk = std::move(key);
  node.thunk = std::move(joiner);
  return parts_->add(from, std::move(node));
}

void no_common_builder() {
  throw TopologyError("Invalid topology: a stream is merged or joined with one of another StreamsBuilder");
}

void no_serde(std::string_view what) {
  throw TopologyError("Invalid topology: no serde for the " + std::string(what) +
                      ": give one on the topic or in the options; see docs/guide/serdes.md");
}

}  // namespace millrace
