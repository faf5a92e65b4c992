// StreamsMetrics: the metrics of one application: those of the process as a whole, and what its tasks' metrics share.
//
// Kafka Streams has stream threads; here workers share tasks and commit as one, so that all of stream-thread-metrics
// has one thread-id. See runtime/metric_names.h for the names.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/base/env.h"
#include "millrace/runtime/metric_names.h"

namespace millrace {

// Threads: any.
class StreamsMetrics {
 public:
  using Tags = DocumentedMetrics::Tags;
  // `clock` outlives it.
  StreamsMetrics(const std::string& application_id, RecordingLevel level, Clock& clock);
  // How many tasks run at once. Before the first task's metrics are made.
  void set_workers(int workers) { workers_.store(workers); }

  DocumentedMetrics& documented() { return documented_; }
  bool is_debug() const { return documented_.records(RecordingLevel::debug); }
  Clock& clock() { return clock_; }
  int workers() const { return workers_.load(); }
  Tags client_tags() const { return {{"client-id", application_id_}}; }
  Tags thread_tags() const { return {{"thread-id", application_id_ + "-StreamThread-1"}}; }
  Tags task_tags(const std::string& task) const;
  // Of the task that fills global tables.
  Tags global_tags(const std::string& task) const {
    return {{"thread-id", application_id_ + "-GlobalStreamThread"}, {"task-id", task}};
  }
  std::vector<MetricValue> read() const;

  // The application's state is asked when metrics are read: as Kafka's number, and its name.
  void watch_state(std::function<std::pair<int, std::string>()> state);
  // What a crash would replay, asked when metrics are read.
  void watch_tail(std::function<double()> bytes);

  // From the committer and from the start of the application.
  void committed(std::int64_t took_ns);
  void checkpoint_written(std::int64_t rows, std::int64_t took_ns);
  void restored(std::size_t reason);  // an index of restore_reasons
  void tasks_created(std::int64_t n);
  void tasks_closed(std::int64_t n);
  void redone();  // what was not committed was aborted and is done again
  // The task is closed and another will come: takes back add_busy() and add_lag().
  void forget_task(const std::string& task);

  // A task takes part in active-process-ratio, and one of its inputs in records-lag-max; for as long as the metrics
  // live. `busy_ns` counts the time that the task was processed; it is returned as a ratio of all tasks' time, which
  // read() sums once.
  std::function<double()> add_busy(const std::string& task, Meter busy_ns);
  void add_lag(const std::string& task, std::function<double()> lag);

 private:
  double largest_lag() const;
  double busy_in_all() const;
  const std::string application_id_;
  std::atomic<int> workers_{1};
  Clock& clock_;
  DocumentedMetrics documented_;

  mutable std::atomic<double> busy_in_all_{0};  // at the last read()
  mutable std::mutex mutex_;                    // all below: several threads report
  std::multimap<std::string, Meter> busy_;      // by task
  std::multimap<std::string, std::function<double()>> lags_;
  Meter commits_, checkpoints_, checkpoint_rows_, created_, closed_, redone_;
  RecentValues commit_latency_, checkpoint_latency_;
  std::vector<Meter> restores_;  // by reason
  std::vector<Gauge> facts_;
  std::vector<CallbackGauge> asked_;  // destroyed first
};

}  // namespace millrace
