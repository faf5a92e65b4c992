#include "millrace/base/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "millrace/base/env.h"

namespace millrace {
namespace {

const MetricName processed{
    .group = "stream-task-metrics", .name = "process-total", .tags = {{"task-id", "0_1"}}, .doc = "Records."};

TEST(Counter, cells_of_one_metric_are_summed_and_outlive_their_owner) {
  Metrics metrics;
  Counter mine = metrics.counter(processed);
  mine.add(3);
  {
    Counter other = metrics.counter(processed);
    other.add(4);
    EXPECT_EQ(metrics.value_of(processed), 7);
  }
  EXPECT_EQ(metrics.value_of(processed), 7);
  mine.add();
  EXPECT_EQ(metrics.value_of(processed), 8);
  EXPECT_EQ(mine.value(), 4);
}

TEST(Gauge, is_forgotten_with_its_owner) {
  Metrics metrics;
  MetricName name{.group = "g", .name = "open-files"};
  Gauge first = metrics.gauge(name);
  first.set(2);
  {
    Gauge second = metrics.gauge(name);
    second.set(5);
    EXPECT_EQ(metrics.value_of(name), 7);
  }
  EXPECT_EQ(metrics.value_of(name), 2);
}

TEST(CallbackGauge, is_asked_when_read_until_it_is_gone) {
  Metrics metrics;
  MetricName name{.group = "g", .name = "lag"};
  int lag = 5;
  {
    CallbackGauge gauge = metrics.callback_gauge(name, [&] { return lag; });
    lag = 6;
    EXPECT_EQ(metrics.value_of(name), 6);
  }
  EXPECT_EQ(metrics.value_of(name), 0);
}

TEST(HistogramSnapshot, every_value_lies_in_the_bucket_that_bounds_it) {
  for (std::int64_t v : {0l, 1l, 7l, 8l, 9l, 15l, 16l, 17l, 100l, 1000l, 123456789l, INT64_MAX}) {
    int bucket = HistogramSnapshot::bucket_of(v);
    ASSERT_LT(bucket, HistogramSnapshot::bucket_count);
    EXPECT_LE(v, HistogramSnapshot::upper_bound(bucket)) << v;
    if (bucket > 0) {
      EXPECT_GT(v, HistogramSnapshot::upper_bound(bucket - 1)) << v;
    }
  }
}

TEST(Histogram, quantiles_are_at_most_an_eighth_too_high) {
  Metrics metrics;
  Histogram latency = metrics.histogram({.group = "g", .name = "latency-ns"});
  for (int i = 1; i <= 1000; ++i) latency.record(i);
  HistogramSnapshot s = latency.snapshot();
  EXPECT_EQ(s.count(), 1000);
  EXPECT_EQ(s.sum(), 500500);
  EXPECT_EQ(s.max(), 1000);
  for (double q : {0.5, 0.9, 0.99}) {
    EXPECT_GE(s.quantile(q), 1000 * q);
    EXPECT_LE(s.quantile(q), 1000 * q * 1.125);
  }
  EXPECT_EQ(s.quantile(1), 1000);
  EXPECT_EQ(HistogramSnapshot().quantile(0.5), 0);
}

// A clock that stands where it is put.
class StandingClock final : public Clock {
 public:
  Timestamp now() override { return {now_ns / 1'000'000}; }
  std::int64_t monotonic_ns() override { return now_ns; }
  std::int64_t now_ns = 1'000'000'000'000;
};

TEST(Meter, shows_total_and_rate_as_two_metrics_and_the_total_outlives_its_owner) {
  StandingClock clock;
  Metrics metrics(&clock);
  const MetricName total{.group = "g", .name = "process-total"}, rate{.group = "g", .name = "process-rate"};
  {
    Meter a = metrics.meter(&total, &rate), b = metrics.meter(&total, &rate);
    a.add(30, clock.now_ns);
    b.add(10, clock.now_ns);
    clock.now_ns += 10'000'000'000;
    EXPECT_EQ(metrics.value_of(total), 40);
    EXPECT_DOUBLE_EQ(metrics.value_of(rate), 4);
  }
  EXPECT_EQ(metrics.value_of(total), 40);
  EXPECT_EQ(metrics.value_of(rate), 0);
}

TEST(RecentValues, shows_average_and_extremes_and_is_shared_by_all_who_ask_for_it) {
  StandingClock clock;
  Metrics metrics(&clock);
  const MetricName average{.group = "g", .name = "latency-avg"}, largest{.group = "g", .name = "latency-max"};
  RecentValues a = metrics.recent(&average, nullptr, &largest), b = metrics.recent(&average, nullptr, &largest);
  EXPECT_TRUE(std::isnan(metrics.value_of(average)));
  a.record(1, clock.now_ns);
  b.record(5, clock.now_ns);
  EXPECT_EQ(metrics.value_of(average), 3);
  EXPECT_EQ(metrics.value_of(largest), 5);
}

}  // namespace
}  // namespace millrace
