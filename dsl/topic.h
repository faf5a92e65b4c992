// Topic: a topic's name, types and serdes, spelled once, as a constant that streams, tables, sinks, sources and tests
// share.
#pragma once
#include <string_view>

#include "millrace/base/types.h"
#include "millrace/dsl/serde.h"
#include "millrace/dsl/serdes/primitives.h"

namespace millrace {

// For .retention: records are kept for good.
inline constexpr Duration forever{-1};

// The serdes, and how the topic is created where Millrace creates it. The latter never changes a topic that exists.
template <class K, class V>
struct TopicOptions {
  SerdeRef<plain<K>> key_serde = default_serde<plain<K>>();
  SerdeRef<plain<V>> value_serde = default_serde<plain<V>>();
  int partitions = 0;  // 0: num.partitions
  Duration retention = 168h;
  bool compact = false;
};

// constexpr Topic<std::string, std::int64_t> counts{"counts"};
// A plain K or V says that the topic holds no null there: one that arrives goes to the deserialization handler.
// std::optional says that it may. The name is a view; builders copy it.
template <class K, class V>
struct Topic {
  std::string_view name;
  TopicOptions<K, V> options{};
};

}  // namespace millrace
