#include "millrace/base/prometheus_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

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

TEST(PrometheusText, an_empty_histogram_has_its_last_bucket_alone) {
  Metrics metrics;
  Histogram h = metrics.histogram({.group = "g", .name = "h"});
  EXPECT_EQ(prometheus_text(metrics.read()),
            "# TYPE millrace_g_h histogram\n"
            "millrace_g_h_bucket{le=\"+Inf\"} 0\n"
            "millrace_g_h_sum 0\n"
            "millrace_g_h_count 0\n");
}

TEST(PrometheusText, several_tags_are_in_order_of_their_names) {
  Metrics metrics;
  Gauge g = metrics.gauge({.group = "g", .name = "n", .tags = {{"thread-id", "t"}, {"client.id", "c"}}});
  g.set(1);
  EXPECT_EQ(prometheus_text(metrics.read()),
            "# TYPE millrace_g_n gauge\nmillrace_g_n{client_id=\"c\",thread_id=\"t\"} 1\n");
}

TEST(PrometheusText, line_ends_are_escaped_in_tags_and_in_help) {
  Metrics metrics;
  Gauge g = metrics.gauge({.group = "g", .name = "n", .tags = {{"t", "a\nb"}}, .doc = "One \"line\".\nNo \\ two."});
  g.set(1);
  EXPECT_EQ(prometheus_text(metrics.read()),
            "# HELP millrace_g_n One \"line\".\\nNo \\\\ two.\n"
            "# TYPE millrace_g_n gauge\n"
            "millrace_g_n{t=\"a\\nb\"} 1\n");
}

TEST(PrometheusText, what_is_no_number_has_prometheus_words) {
  struct Case {
    double value;
    const char* text;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  for (const Case& c : {Case{infinity, "+Inf"}, Case{-infinity, "-Inf"}, Case{std::nan(""), "NaN"}, Case{-2.5, "-2.5"},
                        Case{1e300, "1e+300"}, Case{0.1, "0.1"}}) {
    Metrics metrics;
    Gauge g = metrics.gauge({.group = "g", .name = "n"});
    g.set(c.value);
    EXPECT_EQ(prometheus_text(metrics.read()), std::string("# TYPE millrace_g_n gauge\nmillrace_g_n ") + c.text + "\n");
  }
}

TEST(PrometheusText, characters_that_prometheus_does_not_know_become_underscores) {
  Metrics metrics;
  Gauge g = metrics.gauge({.group = "a.b-c", .name = "d/e f:g"});
  g.set(1);
  EXPECT_EQ(prometheus_text(metrics.read()), "# TYPE millrace_a_b_c_d_e_f_g gauge\nmillrace_a_b_c_d_e_f_g 1\n");
}

TEST(PrometheusText, no_metrics_are_an_empty_text) { EXPECT_EQ(prometheus_text({}), ""); }

}  // namespace
}  // namespace millrace
