// What is not committed is aborted and done again: after a commit of unknown outcome, and after a task's code failed.
#include <set>
#include <thread>

#include "tests/runtime/counting_app.h"
#include "tests/runtime/metric_value.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

class TaskGroupTest : public CountingApp {
 protected:
  static double redone(const Streams& streams) { return metric_value(streams, "redo-metrics", "redo-total"); }
};

TEST_F(TaskGroupTest, a_task_whose_code_fails_is_replaced_and_nothing_is_lost_or_repeated) {
  for (int i = 0; i < 50; ++i) send("k" + std::to_string(i), "fine");
  send("k", "poison");
  for (int i = 0; i < 50; ++i) send("k" + std::to_string(i), "fine");
  failures_left = 3;
  auto streams = app(*log_);
  int asked = 0;
  streams->set_uncaught_exception_handler([&](const Error& e) {
    ++asked;
    EXPECT_THAT(e.message(), HasSubstr("cannot digest it"));
    EXPECT_THAT(e.message(), HasSubstr("topic events"));
    return StreamThreadExceptionResponse::replace_thread;
  });
  ASSERT_TRUE(streams->start());
  auto ran = streams->run_until_end_of_input();
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(redone(*streams), 3);
  ASSERT_TRUE(streams->close());
  EXPECT_EQ(updates()["fine"], up_to(100));
  EXPECT_EQ(updates()["poison"], up_to(1));
}

TEST_F(TaskGroupTest, the_other_tasks_commit_while_the_failing_one_waits) {
  std::string poisoned = "k";
  send(poisoned, "poison");
  for (int i = 0; i < 40; ++i) send("k" + std::to_string(i), "fine");
  failures_left = 1'000'000;
  auto streams = app(*log_, {{"commit.interval.ms", "10"}});
  streams->set_uncaught_exception_handler([](const Error&) { return StreamThreadExceptionResponse::replace_thread; });
  ASSERT_TRUE(streams->start());
  while (updates()["fine"].empty()) std::this_thread::sleep_for(10ms);
  failures_left = 0;
  auto ran = streams->run_until_end_of_input();
  ASSERT_TRUE(ran) << ran.error().text();
  ASSERT_TRUE(streams->close());
  EXPECT_EQ(updates()["fine"], up_to(40));
  EXPECT_EQ(updates()["poison"], up_to(1));
}

TEST_F(TaskGroupTest, a_repartition_topic_that_was_deleted_is_missed_at_the_next_start) {
  const auto run = [&]() -> Result<> {
    auto streams = app(*log_);
    MR_TRY(streams->start());
    MR_TRY(streams->run_until_end_of_input());
    return streams->close();
  };
  send("k", "v");
  ASSERT_TRUE(run());
  ASSERT_TRUE(log_->admin().delete_topic("counting-counts-by-value-repartition"));
  send("k", "v");
  auto refused = run();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("counting-counts-by-value-repartition was deleted"));
  const auto state = dir_ / "state", kept = dir_ / "kept";
  std::filesystem::rename(state, kept);
  ASSERT_FALSE(run()) << "its store shows that it was there";
  ASSERT_TRUE(log_->admin().create_topic({"counting-counts-by-value-repartition", 2, {}}));
  std::filesystem::rename(kept, state);
  refused = run();
  ASSERT_FALSE(refused) << "it is there again, but not the one that it was";
  EXPECT_THAT(refused.error().text(), HasSubstr("counting-counts-by-value-repartition was deleted"));
  std::filesystem::remove_all(state);
  auto ran = run();
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(updates()["v"], up_to(2));
}

TEST_F(TaskGroupTest, markers_and_aborted_records_that_retention_has_taken_are_not_missed_at_the_next_start) {
  for (const char* guarantee : {"at_least_once", "exactly_once_v2"}) {
    const bool is_aborted = guarantee == std::string_view("exactly_once_v2");
    const auto run = [&]() -> Result<> {
      auto streams = app(*log_, {{"processing.guarantee", guarantee}});
      MR_TRY(streams->start());
      MR_TRY(streams->run_until_end_of_input());
      return streams->close();
    };
    send("k", guarantee);
    ProducerConfig config;
    config.transactional_id = "input";
    auto producer = log_->make_producer(config);
    ASSERT_TRUE(producer);
    ASSERT_TRUE((*producer)->init_transactions());
    ASSERT_TRUE((*producer)->begin_transaction());
    for (PartitionId p = 0; p < 2; ++p)
      ASSERT_TRUE((*producer)->send(ProducerRecord{"events", p, Bytes("k"), Bytes(guarantee), Timestamp{1}, {}}, {}));
    ASSERT_TRUE((*producer)->flush());
    ASSERT_TRUE(run());
    ASSERT_TRUE(is_aborted ? (*producer)->abort_transaction() : (*producer)->commit_transaction());
    ASSERT_TRUE(run()) << "it sees that the transaction has ended";
    for (PartitionId p = 0; p < 2; ++p) ASSERT_TRUE(log_->admin().delete_records({"events", p}, -1));
    auto ran = run();
    ASSERT_TRUE(ran) << ran.error().text();
    EXPECT_EQ(updates()[guarantee].size(), is_aborted ? 1u : 3u);
  }
}

TEST_F(TaskGroupTest, without_a_handler_a_failing_task_stops_the_application) {
  send("k", "poison");
  failures_left = 1;
  auto streams = app(*log_);
  ASSERT_TRUE(streams->start());
  auto ran = streams->run_until_end_of_input();
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message(), HasSubstr("cannot digest it"));
  EXPECT_EQ(streams->state(), StreamsState::error);
}

TEST_F(TaskGroupTest, a_commit_of_unknown_outcome_counts_once) {
  for (int round = 0; round < 5; ++round) {
    SimulatedClient flaky(real_env(), *log_, unknown_outcomes(round + 1));
    auto streams = app(flaky, {{"commit.interval.ms", "2"}});
    ASSERT_TRUE(streams->start());
    for (int i = 0; i < 60; ++i) send("k" + std::to_string(i % 7), "v" + std::to_string(i % 3));
    auto ran = streams->run_until_end_of_input();
    ASSERT_TRUE(ran) << ran.error().text();
    auto closed = streams->close();
    ASSERT_TRUE(closed) << closed.error().text();
  }
  for (int v = 0; v < 3; ++v) {
    const auto seen = updates()["v" + std::to_string(v)];
    EXPECT_EQ(seen, up_to(100)) << v << ": " << seen.size() << " up to " << (seen.empty() ? 0 : seen.back());
  }
}

// Nothing is committed before.
TEST_F(TaskGroupTest, a_close_whose_commit_has_an_unknown_outcome_says_whether_it_was_taken_back) {
  std::set<bool> met;
  for (int round = 0; met.size() < 2 && round < 60; ++round) {
    const std::string value = "v" + std::to_string(round);
    SimulatedNetwork network;
    network.seed = static_cast<std::uint64_t>(round) + 1;
    network.unknown_outcome = 1;
    SimulatedClient flaky(real_env(), *log_, network);
    auto streams = app(flaky, {{"commit.interval.ms", "600000"}, {"transaction.timeout.ms", "900000"}});
    for (int i = 0; i < 5; ++i) send("k" + std::to_string(i), value);
    ASSERT_TRUE(streams->start());
    while (streams->processed() < 10) std::this_thread::sleep_for(1ms);
    auto closed = streams->close();
    met.insert(closed.has_value());
    EXPECT_EQ(updates()[value], closed ? up_to(5) : up_to(0)) << round;
    if (!closed) {
      EXPECT_THAT(closed.error().text(), HasSubstr("not all that was processed is committed"));
      EXPECT_THAT(closed.error().text(), HasSubstr("REQUEST_TIMED_OUT"));
    }
    streams = app(*log_);
    ASSERT_TRUE(streams->start());
    ASSERT_TRUE(streams->run_until_end_of_input());
    ASSERT_TRUE(streams->close());
    EXPECT_EQ(updates()[value], up_to(5)) << round << ": lost or repeated";
  }
  EXPECT_EQ(met.size(), 2u) << "one of the outcomes was not met";
}

TEST_F(TaskGroupTest, a_commit_of_unknown_outcome_counts_once_also_where_a_task_is_tried_alone) {
  for (int round = 0; round < 4; ++round) {
    SimulatedClient flaky(real_env(), *log_, unknown_outcomes(round + 11));
    auto streams = app(flaky, {{"commit.interval.ms", "5"}});
    streams->set_uncaught_exception_handler([](const Error&) { return StreamThreadExceptionResponse::replace_thread; });
    failures_left = 3;
    ASSERT_TRUE(streams->start());
    for (int i = 0; i < 30; ++i) send("k" + std::to_string(i % 7), i % 10 == 5 ? "poison" : "fine");
    auto ran = streams->run_until_end_of_input();
    ASSERT_TRUE(ran) << ran.error().text();
    EXPECT_LE(failures_left.load(), 0);
    auto closed = streams->close();
    ASSERT_TRUE(closed) << closed.error().text();
  }
  EXPECT_EQ(updates()["fine"], up_to(4 * 27));
  EXPECT_EQ(updates()["poison"], up_to(4 * 3));
}

TEST_F(TaskGroupTest, the_end_of_input_is_asked_for_where_the_log_tells_late) {
  for (int round = 0; round < 3; ++round) {
    SimulatedNetwork network;
    network.seed = static_cast<std::uint64_t>(round) + 1;
    network.late_notification = 1;
    network.delay_max = 40ms;
    SimulatedClient late(real_env(), *log_, network);
    auto streams = app(late, {{"commit.interval.ms", "3000"}});
    ASSERT_TRUE(streams->start());
    for (int i = 0; i < 10; ++i) send("k" + std::to_string(i), "v");
    auto ran = streams->run_until_end_of_input();
    ASSERT_TRUE(ran) << ran.error().text();
    ASSERT_TRUE(streams->close());
    ASSERT_EQ(updates()["v"], up_to(10 * (round + 1)));
  }
}

TEST_F(TaskGroupTest, stops_at_the_first_failure_where_the_task_timeout_is_zero) {
  send("k", "v");
  SimulatedNetwork network;
  network.unknown_outcome = 1;
  SimulatedClient flaky(real_env(), *log_, network);
  auto streams = app(flaky, {{"task.timeout.ms", "0"}, {"commit.interval.ms", "5"}});
  ASSERT_TRUE(streams->start());
  auto ran = streams->run_until_end_of_input();
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code(), ErrorCode::request_timed_out);
}

}  // namespace
}  // namespace millrace
