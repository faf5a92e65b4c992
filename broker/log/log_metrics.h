// LogMetrics: how long the log directory's writes and syncs take; and the names of all metrics of the broker.
//
// What is per partition (bytes, offsets) is kept by the partition itself and read when somebody asks (Broker::metrics),
// so that it goes with the topic.
#pragma once
#include <mutex>

#include "millrace/base/env.h"
#include "millrace/base/metric_table.h"

namespace millrace::broker {

// Kafka's names where Kafka has one. docs/metrics.md is written from it.
const MetricTable& broker_metric_table();

// Threads: any.
class LogMetrics {
 public:
  // `clock` outlives it.
  explicit LogMetrics(Clock& clock);
  std::int64_t now_ns() const { return clock_.monotonic_ns(); }
  void appended(std::int64_t took_ns);
  void synced(std::int64_t took_ns);
  void sync_failed();
  std::vector<MetricValue> read() const { return documented_.read(); }

 private:
  Clock& clock_;
  DocumentedMetrics documented_;
  std::mutex mutex_;  // histograms have one writer at a time; an append is a system call, this is nothing beside it
  Histogram append_us_, sync_us_;
  Meter failures_;
};

}  // namespace millrace::broker
