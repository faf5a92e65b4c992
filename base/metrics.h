// Metrics by Kafka's group, name and tags: counters, gauges, histograms; read as a list or as Prometheus text.
//
// Cheap where they are written: an owner (a task, a partition, a client) asks for a cell of its own and adds to it
// without a lock or a locked instruction; cells of one metric are folded when somebody reads. What an owner that is
// gone has counted stays counted.
//
//   Counter records = metrics.counter({.group = "stream-task-metrics", .name = "process-total", .tags = {{"task-id",
//   "0_1"}}}); records.add(batch_size);                                                     // once a batch, not a
//   record
//
// (Shared atomics were the alternative: 5 ns and more an increment, and cache lines bouncing between workers.)
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/meter.h"

namespace millrace {

class Clock;

struct MetricName {
  std::string group;  // Kafka's: "stream-thread-metrics", "producer-metrics", …
  std::string name;   // Kafka's: "process-total", "commit-latency-max", …
  std::map<std::string, std::string> tags = {};
  std::string doc = {};  // one sentence; the first one given for a name is shown
};

// Goes up only. Threads: add() from one at a time; value() from any.
class Counter {
 public:
  void add(std::int64_t n = 1) {
    cell_->store(cell_->load(std::memory_order_relaxed) + n, std::memory_order_relaxed);  // no lock prefix: one writer
  }
  // What this owner has added.
  std::int64_t value() const { return cell_->load(std::memory_order_relaxed); }

 private:
  friend class Metrics;
  std::shared_ptr<std::atomic<std::int64_t>> cell_;
};

// A value that goes up and down; cells of one name are summed, and forgotten with their owner. Threads: any.
class Gauge {
 public:
  void set(double value) { cell_->store(value, std::memory_order_relaxed); }
  double value() const { return cell_->load(std::memory_order_relaxed); }

 private:
  friend class Metrics;
  std::shared_ptr<std::atomic<double>> cell_;
};

// A gauge that is asked when read. Destruction takes it away, after which its function isn't called any more. Threads:
// the function is called from readers' threads, under the registry's lock: it must be quick and must not use the
// registry.
class CallbackGauge {
 public:
  CallbackGauge() = default;
  CallbackGauge(CallbackGauge&&) = default;
  CallbackGauge& operator=(CallbackGauge&& other) noexcept;
  ~CallbackGauge();

 private:
  friend class Metrics;
  std::shared_ptr<std::function<double()>> function_;
  class Metrics* metrics_ = nullptr;
};

// How values are distributed, in log-linear buckets: eight a power of two, so that a quantile is at most 12.5 % too
// high. Negative values count as 0. (As HdrHistogram with one significant digit.)
class HistogramSnapshot {
 public:
  static constexpr int bucket_count = 61 * 8;
  static int bucket_of(std::int64_t value);
  // The largest value that falls into `bucket`.
  static std::int64_t upper_bound(int bucket);
  // The upper bound of the bucket that holds the `q`-quantile (0 to 1), but never above max(); 0 if empty.
  std::int64_t quantile(double q) const;
  std::int64_t count() const { return count_; }
  std::int64_t sum() const { return sum_; }
  std::int64_t max() const { return max_; }
  double mean() const { return count_ ? static_cast<double>(sum_) / static_cast<double>(count_) : 0; }
  std::int64_t in_bucket(int bucket) const { return buckets_[static_cast<std::size_t>(bucket)]; }

 private:
  friend class Histogram;
  friend class Metrics;
  std::array<std::int64_t, bucket_count> buckets_{};
  std::int64_t count_ = 0, sum_ = 0, max_ = 0;
};

// Threads: record() from one at a time; snapshot() from any (a record that is being added may be half in it).
class Histogram {
 public:
  void record(std::int64_t value);
  // What this owner has recorded.
  HistogramSnapshot snapshot() const;

 private:
  friend class Metrics;
  struct Cell {
    std::array<std::atomic<std::int64_t>, HistogramSnapshot::bucket_count> buckets{};
    std::atomic<std::int64_t> sum{0}, max{0};
    void add_to(HistogramSnapshot& total) const;
  };
  std::shared_ptr<Cell> cell_;
};

// A total with its rate a second over the last minute: two metrics, Kafka's "<name>-total" and "<name>-rate". Threads:
// add() from one at a time; total() from any.
class Meter {
 public:
  void add(std::int64_t n, std::int64_t now_ns) {
    if (cell_) cell_->add(n, now_ns);
  }
  std::int64_t total() const { return cell_ ? cell_->total() : 0; }
  double rate(std::int64_t now_ns) const { return cell_ ? cell_->rate(now_ns) : 0; }

 private:
  friend class Metrics;
  std::shared_ptr<MeterCell> cell_;  // null: nobody looks
};

// Average, smallest and largest value of the last minute: Kafka's "<name>-avg", "<name>-min", "<name>-max". All who ask
// for one name share it. Threads: any.
class RecentValues {
 public:
  void record(double value, std::int64_t now_ns) {
    if (cell_) cell_->record(value, now_ns);
  }
  void record(double sum, double largest, std::int64_t count, std::int64_t now_ns) {
    if (cell_) cell_->record(sum, largest, count, now_ns);
  }

 private:
  friend class Metrics;
  std::shared_ptr<RecentCell> cell_;  // null: nobody looks
};

enum class MetricKind : std::uint8_t { counter, gauge, histogram };

struct MetricValue {
  MetricName name;
  MetricKind kind = MetricKind::gauge;
  double value = 0;                                    // a histogram's is its mean
  std::shared_ptr<const HistogramSnapshot> histogram;  // null for counters and gauges
};

// A registry. It must outlive its CallbackGauges; the other handles may outlive it. Threads: any.
class Metrics {
 public:
  // `clock`, which outlives it, is for meters and recent values; without one there can be none.
  explicit Metrics(Clock* clock = nullptr);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // A new cell of the metric. One name is one kind: asking for it as another is our mistake and aborts.
  Counter counter(const MetricName& name);
  Gauge gauge(const MetricName& name);
  Histogram histogram(const MetricName& name);
  CallbackGauge callback_gauge(const MetricName& name, std::function<double()> function);
  // Each of the names may be null: it isn't shown then. RecentValues without any name records nothing. `scale`
  // multiplies the rate: a meter of nanoseconds spent makes a ratio with 1e-9.
  Meter meter(const MetricName* total, const MetricName* rate, double scale = 1);
  RecentValues recent(const MetricName* average, const MetricName* smallest, const MetricName* largest);

  // All of them, by group, name and tags.
  std::vector<MetricValue> read() const;
  // The value of one; 0 if there is none.
  double value_of(const MetricName& name) const;

 private:
  friend class CallbackGauge;
  struct Registry;
  void forget(const std::shared_ptr<std::function<double()>>& function);
  std::unique_ptr<Registry> registry_;
};

}  // namespace millrace
