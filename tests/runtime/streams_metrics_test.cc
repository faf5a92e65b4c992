// The metrics of the application as a whole.
#include "millrace/runtime/streams_metrics.h"

#include "millrace/base/sim/sim_env.h"
#include "tests/runtime/metered_streams.h"

namespace millrace {
namespace {

constexpr const char *client = "stream-metrics", *checkpoint = "checkpoint-metrics";

using StreamsMetricsTest = MeteredStreams;

TEST_F(StreamsMetricsTest, tell_the_state_from_before_the_start_to_after_the_end) {
  say("k", "v");
  Streams& app = make(count_by_key, {{"num.stream.threads", "2"}});
  EXPECT_EQ(value(client, "state", {{"state", "CREATED"}}), 1);
  EXPECT_EQ(value(client, "alive-stream-threads"), 0);
  ASSERT_TRUE(app.start());
  EXPECT_EQ(value(client, "state", {{"state", "RUNNING"}}), 1);
  EXPECT_EQ(value(client, "state"), 1) << "it is in one state only";
  EXPECT_EQ(value(client, "client-state"), 2);
  EXPECT_EQ(value(client, "alive-stream-threads"), 2);
  ASSERT_TRUE(app.close());
  EXPECT_EQ(value(client, "client-state"), 4);
  EXPECT_EQ(value(client, "application-id", {{"application-id", "app"}}), 1);
  EXPECT_EQ(value("stream-thread-metrics", "task-created-total"), 1);
  EXPECT_EQ(value("stream-thread-metrics", "task-closed-total"), 1);
}

void failing(StreamsBuilder& builder) {
  constexpr Topic<std::optional<std::string>, std::string> in{"in"};
  builder.stream(in).for_each([](const std::string&) { throw std::runtime_error("boom"); });
}

TEST_F(StreamsMetricsTest, say_that_it_has_failed) {
  say("k", "v");
  Streams& app = make(failing);
  ASSERT_TRUE(app.start());
  EXPECT_FALSE(app.run_until_end_of_input());
  EXPECT_EQ(value(client, "failed-stream-threads"), 1);
  EXPECT_EQ(value(client, "state", {{"state", "ERROR"}}), 1);
  EXPECT_EQ(value(client, "alive-stream-threads"), 0);
}

TEST_F(StreamsMetricsTest, count_checkpoints_and_the_rows_in_them) {
  for (int i = 0; i < 9; ++i) say("k" + std::to_string(i % 3), "v");
  run(count_by_key);
  EXPECT_EQ(value(checkpoint, "checkpoint-total"), 1);
  EXPECT_EQ(value(checkpoint, "checkpoint-rows-total"), 3);
  EXPECT_GT(value(checkpoint, "checkpoint-latency-avg"), 0);
  EXPECT_EQ(value(checkpoint, "changelog-tail-bytes"), 0) << "the last checkpoint has it all";
}

TEST_F(StreamsMetricsTest, count_restores_by_their_reason) {
  say("k", "v");
  run(count_by_key);
  EXPECT_EQ(value("restore-metrics", "restores-total", {{"reason", "new"}}), 1);
  run(count_by_key);
  EXPECT_EQ(value("restore-metrics", "restores-total", {{"reason", "checkpoint"}}), 1);
  EXPECT_EQ(value("restore-metrics", "restores-total"), 1);
  const std::string changelog = "app-counts-changelog";
  ASSERT_TRUE(log_->admin().delete_topic(changelog));
  run(count_by_key);
  EXPECT_EQ(value("restore-metrics", "restores-total", {{"reason", "topic-id"}}), 1);
}

TEST(StreamsMetricsOfTasks, have_a_part_of_what_all_were_busy_at_that_reading) {
  sim::SimEnv env(1);
  StreamsMetrics metrics("app", RecordingLevel::info, env.clock());
  Meter one = metrics.documented().unshown_meter(), other = metrics.documented().unshown_meter();
  const auto of_one = metrics.add_busy("0_0", one), of_other = metrics.add_busy("0_1", other);
  (void)metrics.read();
  EXPECT_EQ(of_one(), 0) << "nobody was";
  env.advance(10s);
  one.add(100'000, env.clock().monotonic_ns());
  other.add(300'000, env.clock().monotonic_ns());
  (void)metrics.read();
  EXPECT_NEAR(of_one(), 0.25, 0.01);
  EXPECT_NEAR(of_other(), 0.75, 0.01);
  metrics.forget_task("0_1");
  (void)metrics.read();
  EXPECT_NEAR(of_one(), 1, 0.01);
}

}  // namespace
}  // namespace millrace
