// GlobalKTable<K, V>: a whole topic as a table that every task can look up. It is filled before the topology starts,
// and only joins read it.
#pragma once
#include <utility>

#include "millrace/dsl/handle.h"

namespace millrace {

// Source: Kafka Streams' GlobalKTable.
template <class K, class V>
class GlobalKTable : public Handle<K, V> {
 public:
  GlobalKTable(Handle<K, V> handle) : Handle<K, V>(std::move(handle)) {}
};

}  // namespace millrace
