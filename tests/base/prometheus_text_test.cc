#include "millrace/base/prometheus_text.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

const MetricName processed{
    .group = "stream-task-metrics", .name = "process-total", .tags = {{"task-id", "0_1"}}, .doc = "Records."};

TEST(PrometheusText, has_a_head_a_metric_and_a_line_a_set_of_tags) {
  Metrics metrics;
  Counter a = metrics.counter(processed);
  a.add(3);
  Counter b =
      metrics.counter({.group = "stream-task-metrics", .name = "process-total", .tags = {{"task-id", "x\"\\"}}});
  Gauge g = metrics.gauge({.group = "z", .name = "ratio"});
  g.set(0.5);
  EXPECT_EQ(prometheus_text(metrics.read()),
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
  EXPECT_EQ(prometheus_text(metrics.read()),
            "# TYPE millrace_g_h histogram\n"
            "millrace_g_h_bucket{t=\"1\",le=\"1\"} 2\n"
            "millrace_g_h_bucket{t=\"1\",le=\"9\"} 3\n"
            "millrace_g_h_bucket{t=\"1\",le=\"+Inf\"} 3\n"
            "millrace_g_h_sum{t=\"1\"} 11\n"
            "millrace_g_h_count{t=\"1\"} 3\n");
}

TEST(PrometheusText, puts_metrics_of_two_registries_under_one_head_and_leaves_the_brokers_names_alone) {
  Metrics one, other;
  Gauge a = one.gauge({.group = "z", .name = "n", .tags = {{"of", "1"}}});
  Gauge b = other.gauge({.group = "z", .name = "n", .tags = {{"of", "2"}}});
  Gauge c = one.gauge({.group = "kafka.log.Log", .name = "Size"});
  std::vector<MetricValue> all = one.read();
  for (MetricValue& m : other.read()) all.push_back(std::move(m));
  EXPECT_EQ(prometheus_text(all),
            "# TYPE kafka_log_Log_Size gauge\n"
            "kafka_log_Log_Size 0\n"
            "# TYPE millrace_z_n gauge\n"
            "millrace_z_n{of=\"1\"} 0\n"
            "millrace_z_n{of=\"2\"} 0\n");
}

}  // namespace
}  // namespace millrace
