#include "millrace/base/metrics.h"

#include <gtest/gtest.h>

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

TEST(PrometheusText, has_a_head_a_metric_and_a_line_a_set_of_tags) {
  Metrics metrics;
  Counter a = metrics.counter(processed);
  a.add(3);
  Counter b =
      metrics.counter({.group = "stream-task-metrics", .name = "process-total", .tags = {{"task-id", "x\"\\"}}});
  Gauge g = metrics.gauge({.group = "z", .name = "ratio"});
  g.set(0.5);
  EXPECT_EQ(metrics.prometheus_text(),
            "# HELP millrace_stream_task_metrics_process_total Records.\n"
            "# TYPE millrace_stream_task_metrics_process_total counter\n"
            "millrace_stream_task_metrics_process_total{task_id=\"0_1\"} 3\n"
            "millrace_stream_task_metrics_process_total{task_id=\"x\\\"\\\\\"} 0\n"
            "# TYPE millrace_z_ratio gauge\n"
            "millrace_z_ratio 0.5\n");
}

TEST(PrometheusText, a_histogram_is_cumulative) {
  Metrics metrics;
  Histogram h = metrics.histogram({.group = "g", .name = "h", .tags = {{"t", "1"}}});
  for (int v : {1, 1, 9}) h.record(v);
  EXPECT_EQ(metrics.prometheus_text(),
            "# TYPE millrace_g_h histogram\n"
            "millrace_g_h_bucket{t=\"1\",le=\"1\"} 2\n"
            "millrace_g_h_bucket{t=\"1\",le=\"9\"} 3\n"
            "millrace_g_h_bucket{t=\"1\",le=\"+Inf\"} 3\n"
            "millrace_g_h_sum{t=\"1\"} 11\n"
            "millrace_g_h_count{t=\"1\"} 3\n");
}

}  // namespace
}  // namespace millrace
