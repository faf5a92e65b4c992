// The metrics of a running application: Kafka Streams' names, groups and tags, and Millrace's own.
//
// docs/metrics.md is written from this table (and the broker's) by ./dev docs; DocumentedMetrics refuses any other
// name. Source: Kafka's ClientMetrics, ThreadMetrics, TaskMetrics, ProcessorNodeMetrics, TopicMetrics,
// StateStoreMetrics, RocksDBMetrics, NamedCacheMetrics; KIP-444, KIP-471, KIP-607, KIP-613, KIP-869, KIP-973.
#pragma once
#include <span>

#include "millrace/base/metric_table.h"

namespace millrace {

const MetricTable& streams_metric_table();

// What RocksDB knows of a column family without being asked before: its properties "rocksdb.<name>", each a metric of
// the name in stream-state-metrics.
struct RocksdbProperty {
  std::string_view name, unit, doc;
};
std::span<const RocksdbProperty> rocksdb_properties();

// The reasons that a store was restored for, as tag `reason` of restores-total, in the order of RestoreReason.
inline constexpr std::string_view restore_reasons[] = {
    "checkpoint",    // it went on from its checkpoint: all is well
    "new",           // there is no checkpoint yet: the first start, or the state directory is gone
    "in-memory",     // the store lives in memory only
    "no-changelog",  // logging is off: the store was emptied
    "topic-id",      // the changelog is another topic of the same name
    "beyond-end",    // the checkpoint is ahead of the changelog
    "below-start",   // the changelog no longer has what follows the checkpoint
    "leader-epoch",  // the checkpoint is of an epoch that the changelog does not have
    "expired",       // tombstones that the checkpoint has not seen may be gone
    // A table's source topic is its changelog, and the checkpoint is ahead of the committed input.
    "beyond-committed",
};

}  // namespace millrace
