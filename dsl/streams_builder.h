// StreamsBuilder: where a topology starts. Streams, tables and global tables come from topics; build() makes the
// Topology.
//
// A topology is a function of its builder, so that program, test driver and --describe share it:
//   void word_count(StreamsBuilder& builder) { builder.stream(lines)…; }
// Names, store names and topics are Kafka's, as Topology::describe shows. Threads: one. Source: Kafka Streams'
// StreamsBuilder.
#pragma once
#include <memory>
#include <type_traits>

#include "millrace/dsl/global_ktable.h"
#include "millrace/dsl/grouped.h"
#include "millrace/dsl/kstream.h"
#include "millrace/dsl/ktable.h"
#include "millrace/dsl/topic.h"

namespace millrace {

class StreamsBuilder {
 public:
  StreamsBuilder();
  ~StreamsBuilder();
  StreamsBuilder(const StreamsBuilder&) = delete;
  StreamsBuilder& operator=(const StreamsBuilder&) = delete;

  // The records of a topic. Two streams over one topic share one source, as in Kafka. Options: `.name`, `.timestamp`.
  template <class K, class V>
  KStream<K, V> stream(const Topic<K, V>& topic, std::type_identity_t<StreamOptions<K, V>> o = {}) {
    auto k = pick(topic.options.key_serde, {}, "key");
    auto v = pick(topic.options.value_serde, {}, "value");
    return {{graph_.get(), graph_->source(topic_spec(topic, k, v), o.name, std::move(o.timestamp.thunk)), k, v}};
  }
  // A topic as a table: a null value deletes, a null key is dropped and counted. It is kept in a store if it has `.as`
  // or if something needs to read it; the changelog is one of its own, the topic is left alone
  // (topology.optimization=none).
  template <class K, class V>
  KTable<plain<K>, std::optional<plain<V>>> table(const Topic<K, V>& topic,
                                                  std::type_identity_t<StoreOptions<plain<K>, plain<V>>> o = {}) {
    auto k = pick(topic.options.key_serde, {}, "key");
    auto v = pick(topic.options.value_serde, {}, "value");
    auto store = materialized(o, o.key_serde ? o.key_serde : k, o.value_serde ? o.value_serde : v);
    return {{graph_.get(), graph_->table(topic_spec(topic, k, v), o.name, store), k, v}};
  }
  // A whole topic as a table for every task; for joins.
  template <class K, class V>
  GlobalKTable<plain<K>, plain<V>> global_table(const Topic<K, V>& topic,
                                                std::type_identity_t<StoreOptions<plain<K>, plain<V>>> o = {}) {
    auto k = pick(topic.options.key_serde, {}, "key");
    auto v = pick(topic.options.value_serde, {}, "value");
    auto store = materialized(o, o.key_serde ? o.key_serde : k, o.value_serde ? o.value_serde : v);
    return {{graph_.get(), graph_->global_table(topic_spec(topic, k, v), o.name, store), k, v}};
  }

  // The physical topology; it keeps alive the lambdas and what the builder made. Once: a second call throws. Handles
  // are of no use afterwards. Errors: TopologyError, with Kafka's messages, for names, topics and stores that clash.
  // (Include millrace/dsl/topology.h to use it; programs leave it to run().)
  Topology build();
  Topology build(const TopologyConfig& config);

 private:
  std::unique_ptr<Graph> graph_;
};

}  // namespace millrace
