// RecordCache: one task's budget for updates held back before they are logged and forwarded (Kafka Streams'
// statestore.cache.max.bytes).
//
// It decides which updates are seen downstream, when and in which order, so it counts bytes exactly as Kafka's
// ThreadCache does. Each task has its own share, so that its output never depends on another task's. Ticks order
// everything: a store sorts its entries by them when it flushes or evicts, which costs the record path one store
// instead of two linked lists.
#pragma once
#include <cstddef>
#include <cstdint>

namespace millrace {

struct RecordCache {
  std::size_t max_bytes = 0;  // 0: every update is evicted at once, as in Kafka
  std::size_t bytes = 0;
  std::int64_t tick = 0;
};

}  // namespace millrace
