// MeterCell and RecentCell: what a rate, an average and a maximum over the last minute are kept in.
//
// Kafka's Rate, Avg and Max over metrics.num.samples = 2 windows of metrics.sample.window.ms = 30 s. Nothing runs by
// itself: who writes says what time it is, which it knows anyway (once a slice, a fetch or a commit), and who reads
// says it again. A writer that rests changes nothing, so that its rate is known all the same.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

namespace millrace {

// A total and its rate. Threads: add() from one at a time; the others from any.
class MeterCell {
 public:
  explicit MeterCell(std::int64_t now_ns) : created_ns_(now_ns), sampled_ns_(now_ns) {}
  // Adds `n` at `now_ns` (of Clock::monotonic_ns). One comparison, but once in five seconds.
  void add(std::int64_t n, std::int64_t now_ns) {
    if (now_ns - sampled_ns_ >= sample_ns) sample(now_ns);
    total_.store(total() + n, std::memory_order_relaxed);
    last_ns_.store(now_ns, std::memory_order_relaxed);
  }
  std::int64_t total() const { return total_.load(std::memory_order_relaxed); }
  // Per second, over the last minute, or since the cell was made if that is shorter.
  double rate(std::int64_t now_ns) const;

 private:
  static constexpr std::int64_t sample_ns = 5'000'000'000, window_ns = 60'000'000'000;
  struct Sample {
    std::int64_t at_ns = 0, total = 0;
  };
  void sample(std::int64_t now_ns);

  const std::int64_t created_ns_;
  std::int64_t sampled_ns_;  // the writer's
  std::atomic<std::int64_t> total_{0}, last_ns_{0};
  mutable std::mutex mutex_;  // of the samples
  std::array<Sample, 14> samples_{};
  std::size_t sample_count_ = 0;  // so far; the newest is at (sample_count_ - 1) % size
};

// Average, smallest and largest of what was recorded in the last 30 to 60 seconds. Threads: any; a lock for a moment.
class RecentCell {
 public:
  struct Snapshot {
    double average, smallest, largest;  // all NaN where nothing was recorded, as in Kafka
  };
  void record(double value, std::int64_t now_ns) { record(value, value, 1, now_ns); }
  // `count` values of the sum `sum`, the largest of them `largest` (their smallest is not known and not recorded).
  void record(double sum, double largest, std::int64_t count, std::int64_t now_ns);
  Snapshot snapshot(std::int64_t now_ns) const;

 private:
  static constexpr std::int64_t window_ns = 30'000'000'000;
  struct Window {
    std::int64_t start_ns = 0, count = 0;
    double sum = 0, smallest = 0, largest = 0;
  };
  mutable std::mutex mutex_;
  Window current_, before_;
};

}  // namespace millrace
