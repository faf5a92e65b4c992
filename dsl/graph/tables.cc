// Tables and aggregations of the logical graph. Source: KTableImpl, KGroupedStreamImpl, GroupedStreamAggregateBuilder,
// TimeWindowedKStreamImpl, MaterializedInternal.
#include <algorithm>
#include <string>
#include <utility>

#include "millrace/dsl/graph/graph.h"
#include "millrace/dsl/graph/node.h"
#include "millrace/dsl/topic_config.h"
#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

StoreSpec store_spec(const Materialized& m, std::string name) {
  StoreSpec spec;
  spec.name = std::move(name);
  spec.key = m.key;
  spec.value = m.value;
  spec.caching = m.caching;
  spec.logging = m.logging;
  spec.retention = m.retention;
  spec.queryable = !m.as.empty();
  if (m.changelog.entries()) spec.changelog_config = m.changelog.entries()->list;
  return spec;
}

// A table's source: for a name "x" the source node is "x-source" and the table node "x".
void name_table(Names& names, Node& node, std::string_view name) {
  node.source_name = names.suffixed_or(name, "-source", "KSTREAM-SOURCE-");
  node.name = names.given_or(name, "KTABLE-SOURCE-");
  node.sources = {node.source_name};
}

}  // namespace

NodeId Graph::table(const TopicSpec& topic, std::string_view name, const Materialized& m) {
  check_name(name);
  check_name(m.as);
  Parts& g = *parts_;
  std::string store = m.as.empty() ? g.names.generate_store(std::string(topic.name) + "-") : std::string(m.as);
  Node node{.kind = NodeKind::table_source};
  name_table(g.names, node, name);
  node.topic.emplace(topic);
  node.store = store_spec(m, std::move(store));
  node.in_memory = m.in_memory;
  node.materialized = !m.as.empty();
  return g.add(0, std::move(node));
}

NodeId Graph::global_table(const TopicSpec& topic, std::string_view name, const Materialized& m) {
  check_name(name);
  check_name(m.as);
  Parts& g = *parts_;
  std::string store = m.as.empty() ? g.names.generate_store(std::string(topic.name) + "-") : std::string(m.as);
  Node node{.kind = NodeKind::global_table};
  name_table(g.names, node, name);
  node.topic.emplace(topic);
  node.store = store_spec(m, std::move(store));
  node.store->is_global = true;
  node.store->logging = false;
  node.store->caching = false;
  node.in_memory = m.in_memory;
  node.materialized = true;
  return g.add(0, std::move(node));
}

NodeId Graph::to_table(NodeId from, std::string_view name, const Materialized& m) {
  check_name(name);
  check_name(m.as);
  Parts& g = *parts_;
  Node node{.kind = NodeKind::to_table, .name = g.names.given_or(name, "KSTREAM-TOTABLE-")};
  node.store = store_spec(m, m.as.empty() ? g.names.generate_store("KSTREAM-TOTABLE-") : std::string(m.as));
  node.in_memory = m.in_memory;
  node.materialized = !m.as.empty();
  node.sources = g[from].sources;
  NodeId parent = from;
  if (g[from].rekeyed) {
    Node repartition{.kind = NodeKind::repartition};
    repartition.repartitioning = g.name_repartitioning(node.name, m.key, m.value);
    repartition.repartitioning->named = !name.empty();
    repartition.repartitioning->mergeable = true;
    repartition.name = repartition.repartitioning->source;
    repartition.sources = {repartition.name};
    repartition.null_keys_pass = true;
    node.sources = repartition.sources;
    parent = g.add(from, std::move(repartition));
  }
  return g.add(parent, std::move(node));
}

NodeId Graph::table_step(NodeId from, TableStepKind kind, std::string_view name, const Materialized& m, Thunk thunk,
                         const ValueType* value_type) {
  check_name(name);
  check_name(m.as);
  Parts& g = *parts_;
  std::string_view prefix = kind == TableStepKind::filter ? "KTABLE-FILTER-" : "KTABLE-MAPVALUES-";
  if (m.given && m.as.empty()) g.names.generate_store(prefix);  // Materialized.with: takes a number, makes no store
  Node node{.kind = NodeKind::table_step, .name = g.names.given_or(name, prefix)};
  node.sources = g[from].sources;
  node.step = kind;
  node.thunk = std::move(thunk);
  node.value_type = value_type;
  node.windowed = g[from].windowed;
  if (!m.as.empty()) {
    node.store = store_spec(m, std::string(m.as));
    node.in_memory = m.in_memory;
    node.materialized = true;
  }
  // A filter hears old values wherever they come without a store: it then drops updates from nothing to nothing.
  bool old_values = kind == TableStepKind::filter && g.send_old_values(from, false);
  node.sends_old_values = old_values;
  return g.add(from, std::move(node));
}

NodeId Graph::to_stream(NodeId from, std::string_view name) {
  check_name(name);
  Node node{.kind = NodeKind::to_stream, .name = parts_->names.given_or(name, "KTABLE-TOSTREAM-")};
  node.sources = (*parts_)[from].sources;
  return parts_->add(from, std::move(node));
}

GroupingId Graph::group(NodeId from, std::string_view name, AnySerde key, AnySerde value) {
  check_name(name);
  parts_->groupings.push_back({from, std::string(name), key, value});
  return static_cast<GroupingId>(parts_->groupings.size()) - 1;
}

NodeId Graph::aggregate(GroupingId grouping_id, const Aggregation& how, const Materialized& m) {
  check_name(how.name);
  check_name(m.as);
  Parts& g = *parts_;
  if (how.count && m.given && m.as.empty()) g.names.generate_store(how.prefix);
  std::string store = m.as.empty() ? g.names.generate_store(how.prefix) : std::string(m.as);
  Node node{.kind = NodeKind::aggregate, .name = g.names.given_or(how.name, how.prefix)};
  node.store = store_spec(m, std::move(store));
  node.in_memory = m.in_memory;
  node.materialized = true;
  node.aggregation = how;
  node.thunk = how.fold;
  Grouping& grouping = g.groupings[static_cast<std::size_t>(grouping_id)];
  NodeId parent = grouping.node;
  node.sources = g[parent].sources;
  if (g[parent].rekeyed) {
    if (!grouping.key) no_serde("key");
    if (!grouping.value) no_serde("value");
    Node repartition{.kind = NodeKind::repartition};
    repartition.repartitioning =
        g.name_repartitioning(grouping.name.empty() ? node.store->name : grouping.name, grouping.key, grouping.value);
    repartition.repartitioning->named = !grouping.name.empty() || !m.as.empty();
    repartition.repartitioning->mergeable = true;
    repartition.name = repartition.repartitioning->source;
    repartition.sources = {repartition.name};
    repartition.null_keys_pass = true;
    node.sources = repartition.sources;
    if (grouping.repartition < 0 || grouping.name.empty()) grouping.repartition = g.add(parent, std::move(repartition));
    parent = grouping.repartition;
  }
  return g.add(parent, std::move(node));
}

NodeId Graph::window_aggregate(GroupingId grouping, const Aggregation& how, const Materialized& m,
                               const TimeWindows& windows, const WindowedKeyType& windowed) {
  NodeId id = aggregate(grouping, how, m);
  Node& node = (*parts_)[id];
  node.kind = NodeKind::window_aggregate;
  node.windows = windows;
  node.windowed = &windowed;
  StoreSpec& store = *node.store;  // NOLINT(bugprone-unchecked-optional-access): aggregate() has made it
  store.kind = StoreSpec::Kind::window;
  store.window_size = windows.size.value;
  const Duration left = Duration::max() - windows.grace.value;  // for ever is not longer than that
  const Duration least = windows.grace.value + std::min(left, windows.size.value);
  if (store.retention == Duration{0}) store.retention = least;
  if (store.retention < least) {
    throw TopologyError("The retention period of the window store " + store.name +
                        " must be no smaller than its window size plus the grace period. Got size=[" +
                        std::to_string(windows.size.value.count()) + "], grace=[" +
                        std::to_string(windows.grace.value.count()) + "], retention=[" +
                        std::to_string(store.retention.count()) + "]");
  }
  return id;
}

void check_windows(const TimeWindows& w) {
  std::string size = std::to_string(w.size.value.count());
  if (w.size.value <= Duration{0}) throw TopologyError("Window size (sizeMs) must be larger than zero.");
  if (w.grace.value < Duration{0}) throw TopologyError("Grace period must not be negative.");
  if (w.advance < Duration{0} || w.advance > w.size.value) {
    throw TopologyError("Window advancement interval should be more than zero and less than window duration which is " +
                        size + " ms, but given advancement interval is: " + std::to_string(w.advance.count()) + " ms");
  }
}

std::vector<std::string> Graph::Parts::stores_to_read(NodeId table) {
  Node& node = (*this)[table];
  if (node.store) {
    node.materialized = true;
    return {node.store->name};
  }
  return stores_to_read(node.parents.front());
}

bool Graph::Parts::send_old_values(NodeId table, bool materialize) {
  Node& node = (*this)[table];
  if (node.sends_old_values) return true;
  bool source = node.kind == NodeKind::table_source || node.kind == NodeKind::to_table;
  if (source && !node.materialized && !materialize) return false;
  if (source) node.materialized = true;
  if (!node.store && !send_old_values(node.parents.front(), materialize)) return false;
  (*this)[table].sends_old_values = true;
  return true;
}

}  // namespace millrace
