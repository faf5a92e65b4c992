// Stores without a changelog (logging off): they live by their checkpoint, for as long as the committed input vouches
// for it.
#include <thread>

#include "tests/runtime/counting_app.h"

namespace millrace {
namespace {

class UnloggedStore : public CountingApp, public ::testing::WithParamInterface<std::string> {
 protected:
  using CountingApp::send;
  void send(const std::string& value, int times = 1) {
    for (int i = 0; i < times; ++i) send("k" + std::to_string(i), value);
  }
  std::unique_ptr<Streams> app(LogClient& log, const std::string& state = "state") {
    auto streams =
        CountingApp::app(log, {{"commit.interval.ms", "5"}, {"processing.guarantee", GetParam()}}, false, state);
    streams->set_uncaught_exception_handler([](const Error&) { return StreamThreadExceptionResponse::replace_thread; });
    return streams;
  }
  // To the end of the input. The reasons for which stores were restored, as counted.
  std::map<std::string, double> run(LogClient& log, const std::string& state = "state") {
    std::map<std::string, double> reasons;
    auto streams = app(log, state);
    auto started = streams->start();
    EXPECT_TRUE(started) << started.error().text();
    auto ran = streams->run_until_end_of_input();
    EXPECT_TRUE(ran) << ran.error().text();
    for (const MetricValue& m : streams->metrics())
      if (m.name.name == "restores-total" && m.value > 0) reasons[m.name.tags.at("reason")] = m.value;
    auto closed = streams->close();
    EXPECT_TRUE(closed) << closed.error().text();
    return reasons;
  }
};

TEST_P(UnloggedStore, keeps_its_rows_across_a_restart_and_logs_nothing) {
  send("a", 3);
  for (const char* other : {"b", "c", "d", "e"}) send(other, 2);  // both tasks have some
  EXPECT_EQ(run(*log_), (std::map<std::string, double>{{"new", 2}}));
  EXPECT_EQ(run(*log_), (std::map<std::string, double>{{"checkpoint", 2}})) << "a run without input";
  send("a", 2);
  EXPECT_EQ(run(*log_), (std::map<std::string, double>{{"checkpoint", 2}}));
  EXPECT_EQ(updates()["a"], up_to(5));
  EXPECT_EQ(updates()["b"], up_to(2));
  auto topics = log_->admin().list_topics();
  ASSERT_TRUE(topics);
  for (const auto& topic : *topics) EXPECT_EQ(topic.name.find("changelog"), std::string::npos) << topic.name;
}

TEST_P(UnloggedStore, is_emptied_where_the_committed_input_is_another) {
  send("a", 3);
  run(*log_);
  send("a", 2);
  EXPECT_EQ(run(*log_, "another state"), (std::map<std::string, double>{{"no-changelog", 1}, {"new", 1}}));
  EXPECT_EQ(updates()["a"], (std::vector<std::int64_t>{1, 2, 3, 1, 2}));
  send("a", 1);
  EXPECT_EQ(run(*log_), (std::map<std::string, double>{{"no-changelog", 1}, {"new", 1}}));
  EXPECT_EQ(updates()["a"].back(), 1);
}

TEST_P(UnloggedStore, a_task_that_is_replaced_keeps_what_was_committed) {
  auto streams = app(*log_);
  ASSERT_TRUE(streams->start());
  for (int round = 1; round <= 5; ++round) {
    send("a", 3);
    while (updates()["a"].size() < static_cast<std::size_t>(3 * round)) std::this_thread::sleep_for(1ms);
    failures_left = 1;
    send("poison");
    while (updates()["poison"].size() < static_cast<std::size_t>(round)) std::this_thread::sleep_for(1ms);
  }
  ASSERT_TRUE(streams->close());
  if (GetParam() == "at_least_once") {  // what reached the repartition topic before the failure does so again
    EXPECT_GE(updates()["a"].back(), 15);
    EXPECT_GE(updates()["poison"].back(), 5);
    return;
  }
  EXPECT_EQ(updates()["a"], up_to(15));
  EXPECT_EQ(updates()["poison"], up_to(5));
}

TEST_P(UnloggedStore, holds_what_a_commit_of_unknown_outcome_turns_out_to_have_committed) {
  if (GetParam() == "at_least_once") GTEST_SKIP() << "no commit's outcome is unknown there";
  for (int round = 0; round < 5; ++round) {
    SimulatedClient flaky(real_env(), *log_, unknown_outcomes(round + 1));
    auto streams = app(flaky);
    ASSERT_TRUE(streams->start());
    for (int i = 0; i < 20; ++i) send("v" + std::to_string(i % 2));
    auto ran = streams->run_until_end_of_input();
    ASSERT_TRUE(ran) << ran.error().text();
    auto closed = streams->close();
    ASSERT_TRUE(closed) << closed.error().text();
  }
  EXPECT_EQ(updates()["v0"], up_to(50));
  EXPECT_EQ(updates()["v1"], up_to(50));
}

INSTANTIATE_TEST_SUITE_P(Guarantees, UnloggedStore, ::testing::Values("exactly_once_v2", "at_least_once"));

}  // namespace
}  // namespace millrace
