// Node: one logical node of a Graph, as the graph's own files see it.
#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "millrace/dsl/graph/graph.h"
#include "millrace/dsl/graph/names.h"
#include "millrace/statestore/state_store.h"

namespace millrace {

enum class NodeKind {
  root,
  source,
  table_source,
  global_table,
  stateless,
  merge,
  split,
  branch,
  repartition,
  sink,
  to_table,
  to_stream,
  table_step,
  aggregate,
  window_aggregate,
  table_join,
  global_join,
};

// A source or sink's topic, owned.
struct OwnedTopic {
  explicit OwnedTopic(const TopicSpec& spec);
  std::string name;
  AnySerde key, value;
  const ValueType* key_type;
  const ValueType* value_type;
  bool nullable_key, nullable_value;
  int partitions;
  Duration retention;
  bool compact;
};

// The names of the three physical nodes of a repartitioning, and its topic.
struct Repartitioning {
  std::string topic, sink, filter, source;
  AnySerde key, value;
  std::optional<int> partitions;
  bool named = false;      // by the user: its name, or that of the store it is for
  bool mergeable = false;  // not asked for by repartition(): topology.optimization may merge it with others
};

struct Node {
  NodeKind kind = NodeKind::root;
  std::string name;  // of the physical node; what the next one's parent is called
  std::vector<NodeId> parents, children;
  std::set<std::string> sources;  // the physical source nodes whose partitioning this stream has; for co-partitioning
  bool rekeyed = false;           // a grouping or join must repartition first

  Thunk thunk;      // the operator's lambda; a source's timestamp extractor
  Thunk key_thunk;  // a global join's key function
  std::optional<OwnedTopic> topic;
  std::string source_name;  // of a table: its source node
  std::optional<Repartitioning> repartitioning;

  // Stores. A table source has a StoreSpec but makes the store only if `materialized`.
  std::optional<StoreSpec> store;
  std::optional<bool> in_memory;  // what the user said; else the configuration
  bool materialized = false;
  bool sends_old_values = false;
  std::vector<std::string> connected_stores;  // other nodes' stores that this one reads

  std::optional<Aggregation> aggregation;
  std::optional<TimeWindows> windows;
  const WindowedKeyType* windowed = nullptr;
  const ValueType* value_type = nullptr;  // of a table step's values
  TableStepKind step = TableStepKind::filter;
  NodeId table = -1;  // of a join
  bool left = false;
  NodeId join_repartition = -1;  // the repartition node that joins of this stream share
  bool null_keys_pass = false;   // a repartitioning lets null keys through if there is a left join below

  int priority = 0;          // nodes are written in this order, parents first
  bool changes_key = false;  // this very node, unlike rekeyed
  bool changes_value = false;
  bool written = false;
};

struct Grouping {
  NodeId node;
  std::string name;
  AnySerde key, value;
  NodeId repartition = -1;  // the one that aggregations of a named grouping share
};

struct Graph::Parts {
  std::vector<Node> nodes;  // in order of creation, which is Kafka's build priority; nodes[0] is the root
  std::vector<Grouping> groupings;
  std::vector<std::set<std::string>> copartitioned;
  std::vector<std::shared_ptr<const void>> kept;
  Names names;
  bool built = false;

  Node& operator[](NodeId id) { return nodes[static_cast<std::size_t>(id)]; }
  NodeId add(NodeId parent, Node node);
  void connect(NodeId parent, NodeId child);
  // Takes the four numbers of a repartitioning and names its nodes. Source: KStreamImpl.createRepartitionedSource.
  Repartitioning name_repartitioning(std::string prefix, AnySerde key, AnySerde value);
  // What reads a table's current values needs these stores; table sources are materialised by asking.
  std::vector<std::string> stores_to_read(NodeId table);
  // Kafka's enableSendingOldValues. False: it cannot without materialising, which `materialize` allows.
  bool send_old_values(NodeId table, bool materialize);
};

}  // namespace millrace
