#include "millrace/base/metrics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>
#include <tuple>

#include "millrace/base/assert.h"
#include "millrace/base/env.h"

namespace millrace {

struct Metrics::Registry {
  // What two series, total and rate, have of a meter; the cell has one more holder as long as its owner lives.
  struct KeptMeter {
    std::shared_ptr<MeterCell> cell;
  };
  struct Series {
    MetricKind kind;
    std::string doc;
    std::vector<std::shared_ptr<std::atomic<std::int64_t>>> counters;
    std::vector<std::shared_ptr<std::atomic<double>>> gauges;
    std::vector<std::shared_ptr<Histogram::Cell>> histograms;
    std::vector<std::shared_ptr<std::function<double()>>> functions;
    std::vector<std::shared_ptr<KeptMeter>> meters;
    double scale = 1;                    // of meters' rates
    std::shared_ptr<RecentCell> window;  // kept for good: its values leave it by themselves
    double RecentCell::Snapshot::* of_window = nullptr;
    std::int64_t counted_before = 0;  // by owners that are gone
    HistogramSnapshot recorded_before;
  };
  using Key = std::tuple<std::string, std::string, std::map<std::string, std::string>>;

  Series& series(const MetricName& name, MetricKind kind) {
    auto [at, made] = all.try_emplace(Key(name.group, name.name, name.tags));
    if (made) at->second.kind = kind;
    MR_ASSERT(at->second.kind == kind, "one metric is used as two kinds");
    if (at->second.doc.empty()) at->second.doc = name.doc;
    fold(at->second);
    return at->second;
  }

  // Takes over what owners that are gone have left.
  static void fold(Series& s) {
    std::erase_if(s.counters, [&](const auto& cell) {
      if (cell.use_count() > 1) return false;
      std::atomic_thread_fence(std::memory_order_acquire);  // use_count() alone doesn't order the owner's last adds
      s.counted_before += cell->load(std::memory_order_relaxed);
      return true;
    });
    std::erase_if(s.meters, [&](const auto& kept) {
      if (kept->cell.use_count() > 1) return false;
      std::atomic_thread_fence(std::memory_order_acquire);
      s.counted_before += kept->cell->total();
      return true;
    });
    std::erase_if(s.gauges, [](const auto& cell) { return cell.use_count() == 1; });
    std::erase_if(s.histograms, [&](const auto& cell) {
      if (cell.use_count() > 1) return false;
      std::atomic_thread_fence(std::memory_order_acquire);  // use_count() alone doesn't order the owner's last adds
      cell->add_to(s.recorded_before);
      return true;
    });
  }

  MetricValue value_of(const Key& key, Series& s) const {
    fold(s);
    const std::int64_t now_ns = clock ? clock->monotonic_ns() : 0;
    MetricValue v{{std::get<0>(key), std::get<1>(key), std::get<2>(key), s.doc}, s.kind, 0, nullptr};
    if (s.kind == MetricKind::counter) {
      std::int64_t total = s.counted_before;
      for (const auto& cell : s.counters) total += cell->load(std::memory_order_relaxed);
      for (const auto& kept : s.meters) total += kept->cell->total();
      v.value = static_cast<double>(total);
    } else if (s.kind == MetricKind::gauge) {
      for (const auto& cell : s.gauges) v.value += cell->load(std::memory_order_relaxed);
      for (const auto& function : s.functions) v.value += (*function)();
      for (const auto& kept : s.meters) v.value += kept->cell->rate(now_ns) * s.scale;
      if (s.window) v.value = s.window->snapshot(now_ns).*s.of_window;
    } else {
      auto total = std::make_shared<HistogramSnapshot>(s.recorded_before);
      for (const auto& cell : s.histograms) cell->add_to(*total);
      v.value = total->mean();
      v.histogram = std::move(total);
    }
    return v;
  }

  Clock* clock = nullptr;
  std::mutex mutex;
  std::map<Key, Series> all;  // ordered, so that the text is the same for the same values
};

Metrics::Metrics(Clock* clock) : registry_(std::make_unique<Registry>()) { registry_->clock = clock; }
Metrics::~Metrics() = default;

Counter Metrics::counter(const MetricName& name) {
  std::lock_guard lock(registry_->mutex);
  Counter counter;
  counter.cell_ = std::make_shared<std::atomic<std::int64_t>>(0);
  registry_->series(name, MetricKind::counter).counters.push_back(counter.cell_);
  return counter;
}

Gauge Metrics::gauge(const MetricName& name) {
  std::lock_guard lock(registry_->mutex);
  Gauge gauge;
  gauge.cell_ = std::make_shared<std::atomic<double>>(0.0);
  registry_->series(name, MetricKind::gauge).gauges.push_back(gauge.cell_);
  return gauge;
}

Histogram Metrics::histogram(const MetricName& name) {
  std::lock_guard lock(registry_->mutex);
  Histogram histogram;
  histogram.cell_ = std::make_shared<Histogram::Cell>();
  registry_->series(name, MetricKind::histogram).histograms.push_back(histogram.cell_);
  return histogram;
}

CallbackGauge Metrics::callback_gauge(const MetricName& name, std::function<double()> function) {
  std::lock_guard lock(registry_->mutex);
  CallbackGauge gauge;
  gauge.function_ = std::make_shared<std::function<double()>>(std::move(function));
  gauge.metrics_ = this;
  registry_->series(name, MetricKind::gauge).functions.push_back(gauge.function_);
  return gauge;
}

Meter Metrics::meter(const MetricName* total, const MetricName* rate, double scale) {
  MR_ASSERT(registry_->clock, "a meter needs a registry with a clock");
  std::lock_guard lock(registry_->mutex);
  Meter meter;
  meter.cell_ = std::make_shared<MeterCell>(registry_->clock->monotonic_ns());
  auto kept = std::make_shared<Registry::KeptMeter>(Registry::KeptMeter{meter.cell_});
  if (total) registry_->series(*total, MetricKind::counter).meters.push_back(kept);
  if (!rate) return meter;
  Registry::Series& series = registry_->series(*rate, MetricKind::gauge);
  series.meters.push_back(kept);
  series.scale = scale;
  return meter;
}

RecentValues Metrics::recent(const MetricName* average, const MetricName* smallest, const MetricName* largest) {
  MR_ASSERT(registry_->clock, "recent values need a registry with a clock");
  std::lock_guard lock(registry_->mutex);
  using Snapshot = RecentCell::Snapshot;
  RecentValues recent;
  for (auto [name, part] : {std::pair(average, &Snapshot::average), std::pair(smallest, &Snapshot::smallest),
                            std::pair(largest, &Snapshot::largest)}) {
    if (!name) continue;
    Registry::Series& series = registry_->series(*name, MetricKind::gauge);
    if (!recent.cell_) recent.cell_ = series.window ? series.window : std::make_shared<RecentCell>();
    series.window = recent.cell_;
    series.of_window = part;
  }
  return recent;
}

void Metrics::forget(const std::shared_ptr<std::function<double()>>& function) {
  std::lock_guard lock(registry_->mutex);
  for (auto& [key, series] : registry_->all) std::erase(series.functions, function);
}

CallbackGauge::~CallbackGauge() {
  if (function_) metrics_->forget(function_);
}

CallbackGauge& CallbackGauge::operator=(CallbackGauge&& other) noexcept {
  std::swap(function_, other.function_);
  std::swap(metrics_, other.metrics_);
  return *this;
}

std::vector<MetricValue> Metrics::read() const {
  std::lock_guard lock(registry_->mutex);
  std::vector<MetricValue> values;
  values.reserve(registry_->all.size());
  for (auto& [key, series] : registry_->all) values.push_back(registry_->value_of(key, series));
  return values;
}

double Metrics::value_of(const MetricName& name) const {
  std::lock_guard lock(registry_->mutex);
  auto found = registry_->all.find(Registry::Key(name.group, name.name, name.tags));
  return found == registry_->all.end() ? 0 : registry_->value_of(found->first, found->second).value;
}

// ---------------------------------------------------------------- Histogram

namespace {
void add_relaxed(std::atomic<std::int64_t>& to, std::int64_t n) {
  to.store(to.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}
}  // namespace

int HistogramSnapshot::bucket_of(std::int64_t value) {
  if (value < 8) return static_cast<int>(std::max<std::int64_t>(value, 0));
  int power = 63 - std::countl_zero(static_cast<std::uint64_t>(value));  // 3 to 62
  return (power - 2) * 8 + static_cast<int>(value >> (power - 3) & 7);
}

std::int64_t HistogramSnapshot::upper_bound(int bucket) {
  if (bucket < 8) return bucket;
  int power = bucket / 8 + 2;
  auto lowest = static_cast<std::uint64_t>(8 + bucket % 8) << (power - 3);
  return static_cast<std::int64_t>(lowest + (std::uint64_t{1} << (power - 3)) - 1);
}

std::int64_t HistogramSnapshot::quantile(double q) const {
  if (count_ == 0) return 0;
  auto wanted = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(q * static_cast<double>(count_))));
  std::int64_t seen = 0;
  for (int i = 0; i < bucket_count; ++i) {
    seen += in_bucket(i);
    if (seen >= wanted) return std::min(upper_bound(i), max_);
  }
  return max_;
}

void Histogram::record(std::int64_t value) {
  value = std::max<std::int64_t>(value, 0);
  add_relaxed(cell_->buckets[static_cast<std::size_t>(HistogramSnapshot::bucket_of(value))], 1);
  add_relaxed(cell_->sum, value);
  if (value > cell_->max.load(std::memory_order_relaxed)) cell_->max.store(value, std::memory_order_relaxed);
}

HistogramSnapshot Histogram::snapshot() const {
  HistogramSnapshot snapshot;
  cell_->add_to(snapshot);
  return snapshot;
}

void Histogram::Cell::add_to(HistogramSnapshot& total) const {
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    std::int64_t n = buckets[i].load(std::memory_order_relaxed);
    total.buckets_[i] += n;
    total.count_ += n;
  }
  total.sum_ += sum.load(std::memory_order_relaxed);
  total.max_ = std::max(total.max_, max.load(std::memory_order_relaxed));
}

}  // namespace millrace
