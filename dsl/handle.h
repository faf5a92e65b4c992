// Handle: what every stream and table of the DSL is: a graph, a node, and the serdes that travel along.
//
// Trivially copyable. It refers to its StreamsBuilder's graph and must not outlive the builder and its topology.
#pragma once
#include <optional>
#include <string_view>

#include "millrace/dsl/graph/graph.h"
#include "millrace/dsl/topic.h"

namespace millrace {

template <class K, class V>
struct Handle {
  Graph* graph = nullptr;
  NodeId node = 0;
  SerdeRef<plain<K>> key_serde = {};  // empty: none came along; Serde<K> is used
  SerdeRef<plain<V>> value_serde = {};
};

// Throws TopologyError: two streams or tables are of two builders.
[[noreturn]] void no_common_builder();

// The rest is for the operators' headers.

template <>
struct Serde<Unfit> : RuntimeSerde {};

// Which serde: the option's, else the one that came along, else Serde<T>. Throws TopologyError for a type of runtime
// serdes with none.
template <class T>
SerdeRef<T> pick(SerdeRef<T> option, SerdeRef<T> carried, std::string_view what) {
  if (option) return option;
  if (carried) return carried;
  if constexpr (HasSerde<T> && !HasRuntimeSerde<T>) {
    return the_serde<T>;
  } else {
    no_serde(what);
  }
}
// The same without the error: for what is written only perhaps.
template <class T>
SerdeRef<T> maybe(SerdeRef<T> option, SerdeRef<T> carried) {
  if (option) return option;
  if (carried) return carried;
  if constexpr (HasSerde<T> && !HasRuntimeSerde<T>) return the_serde<T>;
  return {};
}
// A serde stays with the stream as long as the type does.
template <class T2, class T>
SerdeRef<plain<T2>> carry(SerdeRef<T> serde) {
  if constexpr (std::same_as<plain<T2>, plain<T>>) {
    return serde;
  } else {
    return {};
  }
}

template <class O>
Materialized materialized(const O& o, AnySerde key, AnySerde value) {
  Materialized m{o.as, key, value, o.retention, o.in_memory, o.caching, o.logging, o.changelog, false};
  m.given = !o.as.empty() || o.key_serde || o.retention != Duration{0} || o.in_memory || !o.caching || !o.logging ||
            o.changelog.entries();
  return m;
}

template <class K, class V>
TopicSpec topic_spec(const Topic<K, V>& topic, AnySerde key, AnySerde value) {
  return {topic.name,
          key,
          value,
          &value_type_of<plain<K>>,
          &value_type_of<plain<V>>,
          nullable<K>,
          nullable<V>,
          topic.options.partitions,
          topic.options.retention,
          topic.options.compact};
}

template <class K, class V>
class KStream;
template <class K, class V>
class KTable;
template <class K, class V>
class GlobalKTable;
template <class K, class V>
class KGroupedStream;
template <class K, class V>
class TimeWindowedKStream;

}  // namespace millrace
