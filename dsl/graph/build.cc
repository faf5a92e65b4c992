// Graph::build: from the logical to the physical graph, in the order in which Kafka writes it.
// Source: InternalStreamsBuilder.buildAndOptimizeTopology and the writeToTopology of its nodes. what
// topology.optimization asks for is done to the logical graph first (optimization.h).
#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <utility>

#include "millrace/dsl/graph/node.h"
#include "millrace/dsl/graph/optimization.h"
#include "millrace/dsl/graph/topology_builder.h"
#include "millrace/dsl/operators/aggregate.h"
#include "millrace/dsl/operators/stateless.h"
#include "millrace/dsl/operators/table_join.h"
#include "millrace/dsl/operators/table_source.h"
#include "millrace/dsl/operators/table_step.h"
#include "millrace/dsl/operators/window_aggregate.h"
#include "millrace/dsl/topology.h"

// NOLINTBEGIN(bugprone-unchecked-optional-access): which parts a node has follows from its kind (node.h)
namespace millrace {
namespace {

template <class O, class... Args>
TopologyBuilder::Make maker(Args... args) {
  return [=]() -> std::unique_ptr<Operator> { return std::make_unique<O>(args...); };
}

// Writes one graph into a TopologyBuilder.
class GraphWriter {
 public:
  GraphWriter(Graph::Parts& graph, const TopologyConfig& config) : graph_(graph), config_(config) {}
  Topology write();

 private:
  void merge_duplicate_sources();
  void let_null_keys_pass();
  void write_by_priority();
  void write(Node& node);
  void write_source(const Node& node);
  void write_table_source(const Node& node);
  void write_global_table(const Node& node);
  void write_repartition(const Node& node);
  void write_sink(const Node& node);
  void write_aggregate(const Node& node);
  void write_join(const Node& node);
  void write_split(const Node& node);
  std::vector<std::string> parents(const Node& node) const;
  void add(const Node& node, TopologyBuilder::Make make) {
    builder_.add_processor(node.name, parents(node), std::move(make));
  }
  StoreSpec store(const Node& node) const;
  TableStore table_store(const Node& node) const;
  std::shared_ptr<const ValueSource> values(NodeId table) const;
  TopologyNode topic_node(const std::string& name, const OwnedTopic& topic);

  Graph::Parts& graph_;
  const TopologyConfig& config_;
  TopologyBuilder builder_;
};

// Two streams over one topic share a source. Source: InternalStreamsBuilder.mergeDuplicateSourceNodes.
void GraphWriter::merge_duplicate_sources() {
  std::map<std::string, NodeId> by_topic;
  auto children = graph_[0].children;
  for (NodeId id : children) {
    Node& node = graph_[id];
    if (node.kind != NodeKind::source) continue;
    auto [main, is_new] = by_topic.emplace(node.topic->name, id);
    if (is_new) continue;
    Node& first = graph_[main->second];
    const OwnedTopic& a = *first.topic;
    const OwnedTopic& b = *node.topic;
    if (a.key_type != b.key_type || a.value_type != b.value_type || a.nullable_key != b.nullable_key ||
        a.nullable_value != b.nullable_value) {
      throw TopologyError("Invalid topology: two streams read topic " + a.name + " with different key or value types");
    }
    for (NodeId child : node.children) {  // the source becomes the last of the child's parents, as describe() shows
      std::erase(graph_[child].parents, id);
      graph_.connect(main->second, child);
    }
    node.children.clear();
    std::erase(graph_[0].children, id);
  }
}

// Left joins take records without a key, so a repartitioning above one lets them through, unless the stream's type
// after it says that there are none. Source: InternalStreamsBuilder.rewriteRepartitionNodes.
void GraphWriter::let_null_keys_pass() {
  std::vector<std::optional<bool>> above(graph_.nodes.size());  // whether there is a left join below a node
  auto is_above_left_join = [&](auto& self, NodeId id) -> bool {
    auto& known = above[static_cast<std::size_t>(id)];
    if (known) return *known;
    bool found = false;
    for (NodeId child : graph_[id].children) {
      const Node& c = graph_[child];
      bool is_left_join = (c.kind == NodeKind::table_join || c.kind == NodeKind::global_join) && c.left;
      found = self(self, child) || is_left_join || found;
    }
    return *(known = found);
  };
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    bool passes = is_above_left_join(is_above_left_join, static_cast<NodeId>(i));
    graph_.nodes[i].null_keys_pass = graph_.nodes[i].null_keys_pass && passes;
  }
}

void add_to(std::string& list, const std::string& name) { list += (list.empty() ? "" : ", ") + name; }
std::string line_of(const std::string& what, const std::string& list) {
  return list.empty() ? "" : "Following " + what + " has not been named: " + list + "\n";
}

// Kafka's one message for all that got a generated name when it was described: also stores that nothing materialises,
// and whatever optimisation makes of changelogs and repartition topics. A step of a table names a store only if the
// user does. Source: MaterializedInternal.
std::string all_not_named(const Graph::Parts& graph) {
  std::string changelogs, stores, topics;
  for (const Node& node : graph.nodes) {
    if (node.repartitioning && !node.repartitioning->named) add_to(topics, node.repartitioning->topic);
    if (!node.store || node.store->queryable || node.kind == NodeKind::table_step) continue;
    add_to(stores, node.store->name);
    if (node.store->logging && !node.store->is_global) add_to(changelogs, node.store->name + "-changelog");
  }
  return line_of("changelog topic(s)", changelogs) + line_of("state store(s)", stores) +
         line_of("repartition topic(s)", topics);
}

Topology GraphWriter::write() {
  const std::string not_named = all_not_named(graph_);
  merge_duplicate_sources();
  optimize(graph_, config_);
  let_null_keys_pass();
  write_by_priority();
  if (config_.require_names && !not_named.empty()) throw TopologyError("Invalid topology: " + not_named);
  builder_.copartition(graph_.copartitioned);
  Topology topology = std::move(builder_).finish();
  topology.kept = graph_.kept;
  return topology;
}

// As Kafka's queue does: the node of the lowest number whose parents are all written. Optimisation gives a node the
// number of another.
void GraphWriter::write_by_priority() {
  using Entry = std::pair<int, NodeId>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> next;
  next.emplace(-1, 0);
  while (!next.empty()) {
    Node& node = graph_[next.top().second];
    next.pop();
    bool ready = std::all_of(node.parents.begin(), node.parents.end(), [&](NodeId p) { return graph_[p].written; });
    if (ready && !node.written) {
      write(node);
      node.written = true;
    }
    for (NodeId child : node.children) {
      if (!graph_[child].written) next.emplace(graph_[child].priority, child);
    }
  }
}

std::vector<std::string> GraphWriter::parents(const Node& node) const {
  std::vector<std::string> names;
  for (NodeId parent : node.parents) {
    const std::string& name = graph_[parent].name;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

StoreSpec GraphWriter::store(const Node& node) const {
  StoreSpec spec = *node.store;
  spec.caching = spec.caching && config_.record_cache;
  spec.in_memory = node.in_memory.value_or(config_.in_memory_stores);
  return spec;
}

TableStore GraphWriter::table_store(const Node& node) const {
  TableStore kept;
  kept.sends_old_values = node.sends_old_values;
  if (!node.store) return kept;
  kept.name = node.store->name;
  kept.key = node.store->key;
  kept.window_size = node.store->window_size;
  if (node.store->kind == StoreSpec::Kind::window) kept.windowed = node.windowed;
  return kept;
}

std::shared_ptr<const ValueSource> GraphWriter::values(NodeId table) const {
  const Node& node = graph_[table];
  auto source = std::make_shared<ValueSource>();
  if (node.store) {
    source->store = table_store(node);
  } else {
    source->parent = values(node.parents.front());
    source->thunk = node.thunk;
  }
  return source;
}

TopologyNode GraphWriter::topic_node(const std::string& name, const OwnedTopic& topic) {
  TopologyNode node;
  node.name = name;
  node.topics = {topic.name};
  node.key = topic.key;
  node.value = topic.value;
  node.nullable_key = topic.nullable_key;
  node.nullable_value = topic.nullable_value;
  builder_.create_topic_as(topic.name, {topic.partitions, topic.retention, topic.compact});
  return node;
}

void GraphWriter::write_source(const Node& node) {
  TopologyNode source = topic_node(node.name, *node.topic);
  source.timestamp_extractor = node.thunk;
  builder_.add_source(std::move(source));
}

void GraphWriter::write_table_source(const Node& node) {
  TopologyNode source = topic_node(node.source_name, *node.topic);
  source.nullable_key = source.nullable_value = true;  // the operator drops null keys, and counts them
  builder_.add_source(std::move(source));
  builder_.add_processor(node.name, {node.source_name}, maker<TableSource>(table_store(node), node.materialized));
  if (node.materialized) builder_.add_store(store(node), node.name);
}

void GraphWriter::write_global_table(const Node& node) {
  TopologyNode source = topic_node(node.source_name, *node.topic);
  source.nullable_key = source.nullable_value = true;
  builder_.add_global_store(store(node), std::move(source), node.name, maker<TableSource>(table_store(node), true));
}

void GraphWriter::write_repartition(const Node& node) {
  const Repartitioning& r = *node.repartitioning;
  builder_.add_repartition_topic(r.topic, r.partitions);
  builder_.add_processor(r.filter, parents(node), node.null_keys_pass ? maker<PassThrough>() : maker<NullKeyFilter>());
  TopologyNode sink;
  sink.name = r.sink;
  sink.topics = {r.topic};
  sink.internal_topic = true;
  sink.key = r.key;
  sink.value = r.value;
  TopologyNode source = sink;
  source.name = r.source;
  builder_.add_sink(std::move(sink), {r.filter});
  builder_.add_source(std::move(source));
}

void GraphWriter::write_sink(const Node& node) { builder_.add_sink(topic_node(node.name, *node.topic), parents(node)); }

void GraphWriter::write_aggregate(const Node& node) {
  Fold fold{node.aggregation->reduce, node.aggregation->initial, node.thunk};
  if (node.kind == NodeKind::aggregate) {
    add(node, maker<Aggregate>(table_store(node), fold));
  } else {
    add(node, maker<WindowAggregate>(table_store(node), fold, *node.windows));
  }
  builder_.add_store(store(node), node.name);
}

void GraphWriter::write_join(const Node& node) {
  auto table = values(node.table);
  add(node, [table, node]() -> std::unique_ptr<Operator> {
    return std::make_unique<TableJoin>(*table, node.left, node.key_thunk, node.thunk);
  });
  for (const std::string& name : node.connected_stores) builder_.connect(node.name, name);
}

void GraphWriter::write_split(const Node& node) {
  std::vector<Thunk> predicates;
  for (NodeId child : node.children) predicates.push_back(graph_[child].thunk);
  add(node, maker<Split>(std::move(predicates)));
}

void GraphWriter::write(Node& node) {
  switch (node.kind) {
    case NodeKind::root:
      return;
    case NodeKind::source:
      return write_source(node);
    case NodeKind::table_source:
      return write_table_source(node);
    case NodeKind::global_table:
      return write_global_table(node);
    case NodeKind::stateless:
      return add(node, maker<Stateless>(node.thunk));
    case NodeKind::merge:
    case NodeKind::branch:
      return add(node, maker<PassThrough>());
    case NodeKind::split:
      return write_split(node);
    case NodeKind::repartition:
      return write_repartition(node);
    case NodeKind::sink:
      return write_sink(node);
    case NodeKind::to_stream:
      return add(node, maker<ToStream>());
    case NodeKind::to_table:
      add(node, maker<TableSource>(table_store(node), node.materialized));
      if (node.materialized) builder_.add_store(store(node), node.name);
      return;
    case NodeKind::table_step:
      add(node, maker<TableStep>(table_store(node), node.materialized, node.step == TableStepKind::filter, node.thunk));
      if (node.materialized) builder_.add_store(store(node), node.name);
      return;
    case NodeKind::aggregate:
    case NodeKind::window_aggregate:
      return write_aggregate(node);
    case NodeKind::table_join:
    case NodeKind::global_join:
      return write_join(node);
  }
}

}  // namespace

Topology Graph::build(const TopologyConfig& config) {
  if (parts_->built) throw TopologyError("Invalid topology: build() was called already; make a new StreamsBuilder");
  parts_->built = true;
  return GraphWriter(*parts_, config).write();
}

}  // namespace millrace
// NOLINTEND(bugprone-unchecked-optional-access)
