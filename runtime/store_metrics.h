// StoreMetrics: one store's metrics: its calls, its record cache, and what RocksDB says of its rows.
#pragma once
#include <string>
#include <vector>

#include "millrace/runtime/streams_metrics.h"
#include "millrace/runtime/task.h"
#include "millrace/statestore/rocksdb/task_database.h"

namespace millrace {

// Threads: published by whoever runs the task; read from any.
class StoreMetrics {
 public:
  // All arguments outlive it. `database` is null for a store in memory, else `row` is the store's number in it.
  StoreMetrics(StreamsMetrics& metrics, const std::string& task, const Task::Store& store, const TaskDatabase* database,
               std::size_t row);
  // At the end of a slice.
  void publish(std::int64_t now_ns);
  void restored(std::int64_t took_ns, std::int64_t now_ns);

 private:
  struct Calls {
    CallCounter* counter;
    std::int64_t published = 0;
    Meter rate;
    RecentValues latency;
  };
  TaskStore& store_;
  std::vector<Calls> calls_;
  std::int64_t hits_published_ = 0, lookups_published_ = 0;
  RecentValues hit_ratio_, restore_latency_;
  Meter restores_;
  Gauge keys_;
  const bool in_memory_;
  std::vector<CallbackGauge> asked_;
};

}  // namespace millrace
