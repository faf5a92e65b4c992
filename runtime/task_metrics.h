// TaskMetrics: one task's metrics: takes the integers that the task counted and publishes them once a slice.
//
// Nothing is done per record here. What a slice publishes is what changed in it; a rate costs a comparison.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "millrace/runtime/record_collector.h"
#include "millrace/runtime/store_metrics.h"
#include "millrace/runtime/streams_metrics.h"
#include "millrace/runtime/task.h"

namespace millrace {

// Threads: published by whoever runs the task; read from any.
class TaskMetrics {
 public:
  // The end that the task may read of a partition; -1 if the log does not say.
  using VisibleEnd = std::function<Offset(const TopicPartition&)>;
  // All arguments outlive it. `database` may be null; `rows` are the names of its stores.
  TaskMetrics(StreamsMetrics& metrics, Task& task, const RecordCollector& output, const Topology& topology,
              const TaskDatabase* database, const std::vector<std::string>& rows, VisibleEnd visible_end);

  // Where the task stands in its inputs: from here on lag is known.
  void publish_positions();
  // How a slice spent its time; fetches are counted apart.
  void slice_ended(std::int64_t started_ns, std::int64_t ended_ns, std::size_t held_bytes);
  void fetched(std::int64_t records, std::int64_t started_ns, std::int64_t ended_ns);
  void cut(std::int64_t started_ns, std::int64_t ended_ns);
  void committed();
  // Of the restore under way, and when a store is restored.
  void restoring(std::int64_t records, std::int64_t remaining);
  void restored(std::size_t store, std::int64_t took_ns);

 private:
  struct Input {
    const RecordQueue* queue;
    InputCounters published;
    Meter processed, records, bytes;
    RecentValues latency;
    std::shared_ptr<std::atomic<Offset>> position;
  };
  struct Output {
    std::size_t topic;  // of the collector
    std::int64_t records_published = 0, bytes_published = 0;
    Meter records, bytes;
    RecentValues latency;
  };
  void add_inputs(const VisibleEnd& visible_end);
  void add_outputs(const Topology& topology);
  void publish_inputs(std::int64_t now_ns);
  void publish_outputs(std::int64_t now_ns);
  void record_latency(RecentValues& window, Timestamp of, std::int64_t now_ns);

  StreamsMetrics& metrics_;
  Task& task_;
  const RecordCollector& output_;
  const StreamsMetrics::Tags tags_;
  TaskCounters published_;
  std::int64_t fetch_ns_ = 0;        // of the slice under way
  std::int64_t wall_clock_ms_ = -1;  // of the slice that ends, once it was needed
  Meter thread_processed_, thread_polled_, process_ratio_, poll_ratio_, commit_ratio_;
  RecentValues thread_process_latency_, thread_process_records_, thread_poll_latency_, thread_poll_records_;
  Meter processed_, dropped_, commits_, restored_, busy_ns_;
  RecentValues process_latency_, lateness_;
  Gauge buffered_, cache_bytes_, restore_remaining_, value_cache_bytes_, held_bytes_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  std::vector<std::unique_ptr<StoreMetrics>> stores_;
  std::vector<CallbackGauge> asked_;  // destroyed first
};

}  // namespace millrace
