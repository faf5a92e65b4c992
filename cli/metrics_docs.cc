// Writes docs/metrics.md from the tables of metrics. Usage: metrics_docs --print | --check FILE
#include <cstdio>
#include <string>

#include "millrace/base/env_real.h"
#include "millrace/broker/log/log_metrics.h"
#include "millrace/runtime/metric_names.h"

namespace {

std::string metrics_page() {
  return "# Metrics\n\n"
         "Written from the tables in the code by `./dev docs`; a test fails if it is not, and another runs an "
         "application "
         "and finds\neach of these names, and no other.\n\n"
         "A program shows them with `--metrics-file PATH`: Prometheus' text, written every second and at the end, "
         "whole "
         "or not at all;\n"
         "point the node exporter's textfile collector at the folder. In code: `Streams::metrics()`. The name there is "
         "`millrace_`, the\n"
         "group and the metric with `_` for every other character "
         "(`millrace_stream_task_metrics_dropped_records_total`); "
         "the broker's\n"
         "groups begin with `kafka.` and have no `millrace_` in front. Which to be woken by: "
         "`docs/guide/operations.md`.\n\n"
         "Names, groups and tags are Kafka's, but where the tags say that they are ours. Rates, averages and extremes "
         "are "
         "of the last\n30 to 60 seconds (Kafka's `metrics.num.samples` and `metrics.sample.window.ms`); where nothing "
         "happened an average is NaN, as in\nKafka. Metrics of level DEBUG are there with "
         "`metrics.recording.level=DEBUG`. Counting costs nothing a record: tasks count in\nplain integers and publish "
         "them once a slice (at most a millisecond of work), so a figure is that old at most while a task\n"
         "works, and exact when it rests. What Kafka has and Millrace does not do (rebalances, standby tasks, "
         "RocksDB's "
         "statistics, which\ncost a call) has no metric.\n\n" +
         millrace::streams_metric_table().markdown() + "\n" + millrace::broker::broker_metric_table().markdown();
}

}  // namespace

int main(int argc, char** argv) {
  std::string command = argc > 1 ? argv[1] : "";
  if (command == "--print" && argc == 2) {
    std::fputs(metrics_page().c_str(), stdout);
    return 0;
  }
  if (command == "--check" && argc == 3) {
    auto content = millrace::real_env().files().read_file(argv[2]);
    if (content && *content == metrics_page()) return 0;
    std::fprintf(stderr, "%s does not match the tables of metrics: run ./dev docs\n", argv[2]);
    return 1;
  }
  std::fprintf(stderr, "usage: metrics_docs --print | --check FILE\n");
  return 2;
}
