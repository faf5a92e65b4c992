#include "millrace/broker/log/log_metrics.h"

namespace millrace::broker {

namespace {
constexpr std::int64_t ns_per_us = 1000;
constexpr const char* timings = "log-metrics";

std::vector<MetricSpec> specs() {
  constexpr MetricKind counter = MetricKind::counter, gauge = MetricKind::gauge, histogram = MetricKind::histogram;
  constexpr RecordingLevel info = RecordingLevel::info;
  constexpr std::string_view topics = "kafka.server.BrokerTopicMetrics", logs = "kafka.log.Log",
                             partition = "kafka.cluster.Partition", directory = "kafka.log.LogManager",
                             replicas = "kafka.server.ReplicaManager";
  constexpr std::string_view by_topic = "`topic`", by_partition = "`topic`, `partition`", none = "none",
                             own = "none. Millrace's own";
  return {
      {topics, "MessagesInTotal", counter, "records", info, by_topic, "Records appended, markers included."},
      {topics, "MessagesInPerSec", gauge, "records/s", info, by_topic, "The same, a second."},
      {topics, "BytesInTotal", counter, "bytes", info, by_topic, "Bytes of batches appended."},
      {topics, "BytesInPerSec", gauge, "bytes/s", info, by_topic, "The same, a second."},
      {topics, "BytesOutTotal", counter, "bytes", info, by_topic, "Bytes of batches read."},
      {topics, "BytesOutPerSec", gauge, "bytes/s", info, by_topic, "The same, a second."},
      {logs, "LogStartOffset", gauge, "offset", info, by_partition, "The first offset there is."},
      {logs, "LogEndOffset", gauge, "offset", info, by_partition, "The offset that the next record will have."},
      {logs, "NumLogSegments", gauge, "segments", info, by_partition, "Segment files."},
      {logs, "Size", gauge, "bytes", info, by_partition, "Bytes in them."},
      {partition, "LastStableOffsetLag", gauge, "records", info, by_partition,
       "Offsets behind an undecided transaction, which read_committed readers do not see yet."},
      {directory, "OfflineLogDirectoryCount", gauge, "directories", info, none,
       "1 if the data directory is fenced: a sync has failed, and nothing more is written until a restart."},
      {replicas, "PartitionCount", gauge, "partitions", info, none, "Partitions in the data directory."},
      {timings, "append-latency-us", histogram, "µs", info, own, "Time of an append of a batch, its write included."},
      {timings, "sync-latency-us", histogram, "µs", info, own,
       "Time of a group commit's sync, all its files together."},
      {timings, "sync-failures-total", counter, "syncs", info, own, "Syncs that failed: the directory is fenced then."},
      {timings, "sync-failures-rate", gauge, "syncs/s", info, own, "The same, a second."},
      {timings, "open-transactions", gauge, "transactions", info, own, "Transactions that are not decided."},
      {timings, "oldest-open-transaction-ms", gauge, "ms", info, own, "How long the oldest of them has been open."},
  };
}
}  // namespace

const MetricTable& broker_metric_table() {
  static const MetricTable table("The bundled broker", specs());
  return table;
}

LogMetrics::LogMetrics(Clock& clock)
    : clock_(clock),
      documented_(broker_metric_table(), RecordingLevel::info, clock),
      append_us_(documented_.histogram(timings, "append-latency-us", {})),
      sync_us_(documented_.histogram(timings, "sync-latency-us", {})),
      failures_(documented_.meter(timings, "sync-failures", {})) {}

void LogMetrics::appended(std::int64_t took_ns) {
  std::lock_guard lock(mutex_);
  append_us_.record(took_ns / ns_per_us);
}

void LogMetrics::synced(std::int64_t took_ns) {
  std::lock_guard lock(mutex_);
  sync_us_.record(took_ns / ns_per_us);
}

void LogMetrics::sync_failed() {
  std::lock_guard lock(mutex_);
  failures_.add(1, now_ns());
}

}  // namespace millrace::broker
