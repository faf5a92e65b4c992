// Topology: the physical graph that StreamsBuilder::build makes: sources, processors and sinks in sub-topologies, their
// stores and internal topics, and Kafka's description of them. It runs nothing; the runtime reads it.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "millrace/dsl/operator.h"
#include "millrace/statestore/state_store.h"

namespace millrace {

// A topology that cannot be: thrown when it is built. Messages are Kafka's where Kafka has one, and say more.
class TopologyError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// One node of the physical graph. Internal (repartition) topics are named here without the application id.
struct TopologyNode {
  enum class Kind { source, processor, sink };
  Kind kind = Kind::processor;
  std::string name;
  int sub_topology = -1;  // -1: global
  int group = 0;          // Kafka's number of its sub-topology, counting global ones too; sub_topology is that or -1
  std::vector<int> parents, children;  // indices into Topology::nodes, in the order in which they were connected

  // Source and sink.
  std::vector<std::string> topics;  // source: what it reads; sink: its one topic
  bool internal_topic = false;      // a repartition topic: the runtime puts <application.id>- before its name
  AnySerde key, value;
  // Source: whether the stream's types hold nulls. Where not, a null goes to the deserialization handler, except that a
  // table's null key is dropped and counted (null_key_is_dropped) and a table's null value is a tombstone
  // (nullable_value is true for tables).
  bool nullable_key = true, nullable_value = true, null_key_is_dropped = false;
  // Source: emits a record whose value points to a Timestamp. `other` of the record it is given points to the partition
  // time (a Timestamp). None: the record's own timestamp.
  Thunk timestamp_extractor;

  // Processor.
  std::function<std::unique_ptr<Operator>()> make;
  std::vector<std::string> stores;  // connected ones, in order
};

// How a topic is created where Millrace creates it (0 partitions: num.partitions; a negative retention: for good).
struct TopicSettings {
  int partitions = 0;
  Duration retention{0};
  bool compact = false;
};

// What of the configuration decides the shape of a topology.
struct TopologyConfig {
  // topology.optimization: reuse.ktable.source.topics and merge.repartition.topics.
  bool reuse_source_topics = false;
  bool merge_repartition_topics = false;
  // ensure.explicit.internal.resource.naming: a store or repartition topic without a name of the user's is a
  // TopologyError.
  bool require_names = false;
  bool in_memory_stores = false;  // dsl.store.suppliers.class: for stores that say nothing of their own
  bool record_cache =
      true;  // false where statestore.cache.max.bytes is 0: no store holds updates back, as Kafka rewrites it
};

class Topology {
 public:
  Topology() = default;
  Topology(Topology&&) = default;
  Topology& operator=(Topology&&) = default;

  struct InternalTopic {
    enum class Type { repartition, changelog, source_as_changelog };
    std::string name;  // with the application id, as Kafka names it
    Type type;
    std::optional<int> partitions;              // where the user said so
    std::map<std::string, std::string> config;  // what Kafka would create it with
  };

  std::vector<TopologyNode> nodes;
  std::vector<StoreSpec> stores;  // all, global ones included
  int sub_topology_count = 0;     // numbers of global ones are skipped: a number below this may have no task
  // Source topics (undecorated) that must have equal partition counts; groups of one are left out.
  std::vector<std::vector<std::string>> copartition_groups;
  // Repartition topics (undecorated) with the partition count that the user forced, if any.
  std::map<std::string, std::optional<int>> repartition_topics;
  // What the sinks' and sources' Topic constants say of their topics.
  std::map<std::string, TopicSettings> topic_settings;
  // windowstore.changelog.additional.retention.ms
  Duration window_changelog_additional_retention{24h};
  // Keeps alive what serdes and thunks refer to.
  std::vector<std::shared_ptr<const void>> kept;

  // Kafka's topology.describe().toString(): visualisers parse it.
  std::string describe() const;
  // Every repartition and changelog topic, by name.
  std::vector<InternalTopic> internal_topics(const std::string& application_id) const;
  const StoreSpec* store(std::string_view name) const;
  // The nodes that read global tables' topics, and the store that each fills.
  struct GlobalTable {
    const TopologyNode& source;
    const StoreSpec& store;
  };
  std::vector<GlobalTable> global_tables() const;
};

}  // namespace millrace
