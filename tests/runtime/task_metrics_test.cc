// What a task counts is what it was given.
#include "millrace/runtime/task_metrics.h"

#include <atomic>
#include <thread>

#include "tests/runtime/metered_streams.h"

namespace millrace {
namespace {

constexpr const char *task = "stream-task-metrics", *thread = "stream-thread-metrics",
                     *node = "stream-processor-node-metrics", *topic = "stream-topic-metrics";

using TaskMetricsTest = MeteredStreams;

TEST_F(TaskMetricsTest, count_every_record_and_every_null_that_was_dropped) {
  for (int i = 0; i < 10; ++i) say("k" + std::to_string(i % 2), i % 3 == 0 ? std::nullopt : std::optional("v"));
  run(count_by_key);
  EXPECT_EQ(value(task, "process-total"), 10);
  EXPECT_EQ(value(task, "process-total", {{"task-id", "0_0"}, {"thread-id", "app-StreamThread-1"}}), 10);
  EXPECT_EQ(value(thread, "process-total"), 10);
  EXPECT_EQ(value(node, "process-total", {{"processor-node-id", "KSTREAM-SOURCE-0000000000"}}), 10);
  EXPECT_EQ(value(task, "dropped-records-total"), 4);
  EXPECT_GT(value(task, "process-rate"), 0);
  EXPECT_GT(value(task, "process-latency-avg"), 0);
  EXPECT_GE(value(task, "process-latency-max"), value(task, "process-latency-avg"));
  EXPECT_LE(value(thread, "process-records-avg"), value(thread, "process-records-max"));
}

TEST_F(TaskMetricsTest, count_what_was_read_and_what_a_sink_wrote_and_not_the_changelog) {
  for (int i = 0; i < 10; ++i) say("k" + std::to_string(i), "v");
  run(count_by_key);
  EXPECT_EQ(value(topic, "records-consumed-total", {{"topic-name", "in"}}), 10);
  EXPECT_EQ(value(topic, "bytes-consumed-total"),
            value("kafka.server.BrokerTopicMetrics", "BytesInTotal", {{"topic", "in"}}));
  EXPECT_EQ(value(topic, "records-produced-total", {{"topic-name", "out"}}), 10);
  EXPECT_EQ(value(topic, "records-produced-total"), 10) << "the changelog has no sink";
  EXPECT_GT(value(topic, "bytes-produced-total"), 10 * 8);
}

TEST_F(TaskMetricsTest, measure_lateness_against_stream_time) {
  for (std::int64_t ms : {1000, 2000, 1400, 1900}) say("k", "v", {ms});
  run(count_by_key);
  EXPECT_EQ(value(task, "record-lateness-max"), 600);
  EXPECT_EQ(value(task, "record-lateness-avg"), (600.0 + 100) / 4);
}

TEST_F(TaskMetricsTest, count_commits_and_the_time_from_a_records_timestamp_to_its_output) {
  say("k", "v", real_env().clock().now() - 60s);
  run(count_by_key);
  EXPECT_GE(value(task, "commit-total"), 1);
  EXPECT_GE(value(thread, "commit-total"), 1);
  EXPECT_GT(value(thread, "commit-latency-avg"), 0);
  EXPECT_GE(value(node, "record-e2e-latency-min", {{"processor-node-id", "KSTREAM-SOURCE-0000000000"}}), 60'000);
  EXPECT_GE(value(node, "record-e2e-latency-min", {{"processor-node-id", "KSTREAM-SINK-0000000003"}}), 60'000);
}

TEST_F(TaskMetricsTest, count_what_a_restore_read) {
  for (int i = 0; i < 7; ++i) say("k" + std::to_string(i), "v");
  run(count_by_key);
  EXPECT_EQ(value(task, "restore-total"), 0);
  std::filesystem::remove_all(dir_ / "state");
  run(count_by_key);
  EXPECT_EQ(value(task, "restore-total"), 7);
  EXPECT_EQ(value(task, "restore-remaining-records-total"), 0);
  EXPECT_EQ(value("restore-metrics", "restores-total", {{"reason", "new"}}), 1);
}

std::atomic<bool> may_go_on{false}, is_asleep{false};
void sleeping(StreamsBuilder& builder) {
  constexpr Topic<std::optional<std::string>, std::string> in{"in"};
  builder.stream(in).for_each([](const std::string&) {
    is_asleep = true;
    while (!may_go_on.load()) std::this_thread::yield();
  });
}

TEST_F(TaskMetricsTest, show_how_far_a_task_that_hangs_in_a_lambda_is_behind) {
  may_go_on = is_asleep = false;
  say("k", "v");
  Streams& app = make(sleeping);
  ASSERT_TRUE(app.start());
  while (!is_asleep.load()) std::this_thread::yield();
  for (int i = 0; i < 5; ++i) say("k", "v");
  const Tags partition{{"topic", "in"}, {"partition", "0"}};
  EXPECT_EQ(value("consumer-fetch-manager-metrics", "records-lag", partition), 6);
  EXPECT_EQ(value("consumer-fetch-manager-metrics", "records-lag-max"), 6);
  may_go_on = true;
  ASSERT_TRUE(app.run_until_end_of_input());
  ASSERT_TRUE(app.close());
  EXPECT_EQ(value("consumer-fetch-manager-metrics", "records-lag", partition), 0);
}

TEST_F(TaskMetricsTest, hold_nothing_and_wait_for_nothing_once_all_is_committed) {
  for (int i = 0; i < 100; ++i) say("k" + std::to_string(i), "v");
  run(count_by_key);
  EXPECT_EQ(value("task-metrics", "held-bytes"), 0);
  EXPECT_EQ(value(task, "active-buffer-count"), 0);
  EXPECT_GT(value("task-metrics", "value-cache-bytes"), 100 * 8);
  EXPECT_GT(value(task, "cache-size-bytes-total"), 0);
}

}  // namespace
}  // namespace millrace
