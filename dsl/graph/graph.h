// Graph: the logical graph behind a StreamsBuilder, as the typed skin sees it: numbered nodes, made by out-of-line
// calls.
//
// It gives names and numbers exactly as Kafka's InternalStreamsBuilder does, numbers burnt by stores and
// Materialized.with included, so that topics and stores of a topology moved from Java keep their names. Handles
// (KStream, KTable) are a pointer to it and a number. Threads: one. Not for users.
#pragma once
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "millrace/dsl/operator.h"
#include "millrace/dsl/options.h"
#include "millrace/dsl/windows.h"

namespace millrace {

class Topology;
struct TopologyConfig;

using NodeId = int;
using GroupingId = int;

// A topic as a source or sink names it.
struct TopicSpec {
  std::string_view name;
  AnySerde key, value;
  const ValueType* key_type = nullptr;
  const ValueType* value_type = nullptr;
  bool nullable_key = true, nullable_value = true;
  int partitions = 0;
  Duration retention{0};
  bool compact = false;
};

// Kafka's Materialized. `given`: Java's overload with a Materialized would have been called, even though it names no
// store.
struct Materialized {
  std::string_view as;
  AnySerde key, value;
  Duration retention{0};
  std::optional<bool> in_memory;
  bool caching = true, logging = true;
  TopicConfig changelog;
  bool given = false;
};

// How a stream's record becomes an aggregate.
struct Aggregation {
  std::string_view prefix = {};  // of the node's and the store's generated names
  std::string_view name = {};
  bool count = false;                        // Java's count() burns a number more than aggregate() does
  bool reduce = false;                       // no initial value: the first record's value is the first aggregate
  std::shared_ptr<const void> initial = {};  // null: none
  Thunk fold = {};                           // emits the new aggregate as value; `other` is the old one
};

enum class TableStepKind { filter, map_values };

class Graph {
 public:
  Graph();
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Streams. Names that are empty are generated from the prefix.
  NodeId source(const TopicSpec& topic, std::string_view name, Thunk timestamp_extractor);
  NodeId stateless(NodeId from, std::string_view prefix, std::string_view name, Thunk thunk, bool rekeys = false);
  NodeId merge(NodeId from, NodeId other, std::string_view name);
  NodeId split(NodeId from, std::string_view name);
  // `name` empty: its number. Without a predicate it takes what the branches before it did not.
  NodeId branch(NodeId split, std::string_view name, Thunk predicate);
  NodeId repartition(NodeId from, std::string_view name, AnySerde key, AnySerde value, int partitions);
  void sink(NodeId from, const TopicSpec& topic, std::string_view name);
  NodeId to_table(NodeId from, std::string_view name, const Materialized& store);
  NodeId table_join(NodeId from, NodeId table, std::string_view name, bool left, AnySerde key, AnySerde value,
                    Thunk joiner);
  NodeId global_join(NodeId from, NodeId table, std::string_view name, bool left, Thunk key, Thunk joiner);

  // Tables.
  NodeId table(const TopicSpec& topic, std::string_view name, const Materialized& store);
  NodeId global_table(const TopicSpec& topic, std::string_view name, const Materialized& store);
  NodeId table_step(NodeId from, TableStepKind kind, std::string_view name, const Materialized& store, Thunk thunk,
                    const ValueType* value_type);
  NodeId to_stream(NodeId from, std::string_view name);

  // Grouped streams.
  GroupingId group(NodeId from, std::string_view name, AnySerde key, AnySerde value);
  NodeId aggregate(GroupingId grouping, const Aggregation& how, const Materialized& store);
  NodeId window_aggregate(GroupingId grouping, const Aggregation& how, const Materialized& store,
                          const TimeWindows& windows, const WindowedKeyType& windowed);

  // Keeps `object` alive as long as the topology.
  void keep(std::shared_ptr<const void> object);

  // The physical topology. Once. Throws TopologyError.
  Topology build(const TopologyConfig& config);

  struct Parts;

 private:
  std::shared_ptr<Parts> parts_;
};

// Throws TopologyError with Kafka's text for windows that cannot be.
void check_windows(const TimeWindows& windows);
// Throws: no serde for the key or value ("key", "value") of an operator.
[[noreturn]] void no_serde(std::string_view what);

}  // namespace millrace
