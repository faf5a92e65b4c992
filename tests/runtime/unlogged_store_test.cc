// Stores without a changelog (logging off): they live by their checkpoint, for as long as the committed input vouches
// for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <thread>

#include "millrace/base/env_real.h"
#include "millrace/base/metrics.h"
#include "millrace/client_factory.h"
#include "millrace/connectors/simulated/simulated_client.h"
#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/streams.h"

namespace millrace {
namespace {

constexpr Topic<std::string, std::string> events{"events", {.partitions = 2}};
constexpr Topic<std::string, std::int64_t> counts{"counts", {.partitions = 2}};

std::atomic<int> failures_left{0};

void counted(StreamsBuilder& builder) {
  builder.stream(events)
      .group_by([](const std::string& value) {
        if (value == "poison" && failures_left.fetch_sub(1) > 0) throw std::runtime_error("cannot digest it");
        return value;
      })
      .count({.as = "seen", .logging = false})
      .to_stream()
      .to(counts);
}

std::vector<std::int64_t> up_to(std::int64_t n) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = 1; i <= n; ++i) all.push_back(i);
  return all;
}

class UnloggedStore : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::temp_directory_path() / ("millrace-unlogged-" + std::to_string(real_env().random().next()));
    auto log = make_log_client(real_env(), dir_ / "data", {});
    ASSERT_TRUE(log) << log.error().text();
    log_ = *std::move(log);
    ASSERT_TRUE(log_->admin().create_topic({"events", 2, {}}));
    failures_left = 0;
  }
  void TearDown() override {
    log_.reset();
    std::filesystem::remove_all(dir_);
  }
  void send(const std::string& value, int times = 1) {
    auto producer = log_->make_producer({});
    ASSERT_TRUE(producer);
    for (int i = 0; i < times; ++i) {
      ProducerRecord record;
      record.topic = "events";
      record.key = Bytes("k" + std::to_string(i));
      record.value = Bytes(value);
      auto sent = (*producer)->send(std::move(record)).get();
      ASSERT_TRUE(sent) << sent.error().text();
    }
  }
  std::unique_ptr<Streams> app(LogClient& log, const std::string& state = "state") {
    ConfigValues config{
        {"statestore.cache.max.bytes", "0"}, {"commit.interval.ms", "5"}, {"processing.guarantee", GetParam()}};
    StreamsBuilder builder;
    counted(builder);
    auto streams = std::make_unique<Streams>("unlogged", builder.build(), StreamsOptions{config, dir_ / state, dir_},
                                             real_env(), log);
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
  std::vector<std::int64_t> updates(const std::string& key) {
    ConsumerConfig config;
    config.isolation = Isolation::read_committed;
    config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
    auto consumer = log_->make_consumer(config);
    EXPECT_TRUE(consumer);
    EXPECT_TRUE((*consumer)->assign({{"counts", 0}, {"counts", 1}}));
    std::vector<std::int64_t> result;
    for (;;) {
      auto some = (*consumer)->poll(0ms);
      if (!some || some->empty()) return result;
      for (const auto& r : *some)
        if (*r.key == key) result.push_back(from_big_endian<std::int64_t>(r.value->data()));
    }
  }

  std::filesystem::path dir_;
  std::unique_ptr<LogClient> log_;
};

TEST_P(UnloggedStore, keeps_its_rows_across_a_restart_and_logs_nothing) {
  send("a", 3);
  for (const char* other : {"b", "c", "d", "e"}) send(other, 2);  // both tasks have some
  EXPECT_EQ(run(*log_), (std::map<std::string, double>{{"new", 2}}));
  EXPECT_EQ(run(*log_), (std::map<std::string, double>{{"checkpoint", 2}})) << "a run without input";
  send("a", 2);
  EXPECT_EQ(run(*log_), (std::map<std::string, double>{{"checkpoint", 2}}));
  EXPECT_EQ(updates("a"), up_to(5));
  EXPECT_EQ(updates("b"), up_to(2));
  auto topics = log_->admin().list_topics();
  ASSERT_TRUE(topics);
  for (const auto& topic : *topics) EXPECT_EQ(topic.name.find("changelog"), std::string::npos) << topic.name;
}

TEST_P(UnloggedStore, is_emptied_where_the_committed_input_is_another) {
  send("a", 3);
  run(*log_);
  send("a", 2);
  EXPECT_EQ(run(*log_, "another state"), (std::map<std::string, double>{{"no-changelog", 1}, {"new", 1}}));
  EXPECT_EQ(updates("a"), (std::vector<std::int64_t>{1, 2, 3, 1, 2}));
  send("a", 1);
  EXPECT_EQ(run(*log_), (std::map<std::string, double>{{"no-changelog", 1}, {"new", 1}}));
  EXPECT_EQ(updates("a").back(), 1);
}

TEST_P(UnloggedStore, a_task_that_is_replaced_keeps_what_was_committed) {
  auto streams = app(*log_);
  ASSERT_TRUE(streams->start());
  for (int round = 1; round <= 5; ++round) {
    send("a", 3);
    while (updates("a").size() < static_cast<std::size_t>(3 * round)) std::this_thread::sleep_for(1ms);
    failures_left = 1;
    send("poison");
    while (updates("poison").size() < static_cast<std::size_t>(round)) std::this_thread::sleep_for(1ms);
  }
  ASSERT_TRUE(streams->close());
  if (GetParam() == "at_least_once") {  // what reached the repartition topic before the failure does so again
    EXPECT_GE(updates("a").back(), 15);
    EXPECT_GE(updates("poison").back(), 5);
    return;
  }
  EXPECT_EQ(updates("a"), up_to(15));
  EXPECT_EQ(updates("poison"), up_to(5));
}

TEST_P(UnloggedStore, holds_what_a_commit_of_unknown_outcome_turns_out_to_have_committed) {
  if (GetParam() == "at_least_once") GTEST_SKIP() << "no commit's outcome is unknown there";
  for (int round = 0; round < 5; ++round) {
    SimulatedNetwork network;
    network.seed = static_cast<std::uint64_t>(round) + 1;
    network.lost_request = network.lost_answer = 0.02;
    network.unknown_outcome = 0.4;
    SimulatedClient flaky(real_env(), *log_, network);
    auto streams = app(flaky);
    ASSERT_TRUE(streams->start());
    for (int i = 0; i < 20; ++i) send("v" + std::to_string(i % 2));
    auto ran = streams->run_until_end_of_input();
    ASSERT_TRUE(ran) << ran.error().text();
    auto closed = streams->close();
    ASSERT_TRUE(closed) << closed.error().text();
  }
  EXPECT_EQ(updates("v0"), up_to(50));
  EXPECT_EQ(updates("v1"), up_to(50));
}

INSTANTIATE_TEST_SUITE_P(Guarantees, UnloggedStore, ::testing::Values("exactly_once_v2", "at_least_once"));

}  // namespace
}  // namespace millrace
