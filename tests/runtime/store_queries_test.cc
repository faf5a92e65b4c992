// Point queries from outside a task, of every kind of store, at every moment.
#include "millrace/runtime/store_queries.h"

#include <thread>

#include "millrace/runtime/read_only_store.h"
#include "tests/runtime/counting_app.h"
#include "tests/runtime/embedded_app.h"
#include "tests/runtime/message_of.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

constexpr Topic<std::string, std::string> in{"in"}, out{"out"};
constexpr Topic<std::string, std::optional<std::string>> names{"names"};

void per_window(StreamsBuilder& builder) {
  builder.stream(in)
      .group_by_key()
      .windowed_by(TimeWindows{.size = 1s, .grace = 0s})
      .count({.as = "per-second", .retention = 2s});
}
void with_a_global_table(StreamsBuilder& builder) {
  builder.global_table(names, {.as = "all-names"});
  builder.stream(in).to(out);
}

class StoreQueriesTest : public EmbeddedApp {
 protected:
  std::unique_ptr<Streams> started(const TopologyFunction& topology) {
    auto streams = app(topology);
    auto start = streams->start();
    EXPECT_TRUE(start) << start.error().text();
    auto ran = streams->run_until_end_of_input();
    EXPECT_TRUE(ran) << ran.error().text();
    return streams;
  }
};

TEST_F(StoreQueriesTest, a_window_is_asked_for_by_key_and_start) {
  create("in", 3);
  for (PartitionId p = 0; p < 3; ++p)  // whatever the key: other tasks are asked too
    send({{"in", "k" + std::to_string(p), "a", {1'200}, {}, p}, {"in", "k" + std::to_string(p), "b", {1'900}, {}, p}});
  auto streams = started(per_window);
  auto store = streams->window_store<std::string, std::int64_t>("per-second");
  for (const char* key : {"k0", "k1", "k2"}) {
    EXPECT_EQ(store.fetch(key, {1'000}), 2) << key;
    EXPECT_EQ(store.fetch(key, {2'000}), std::nullopt) << key;
    EXPECT_EQ(store.fetch(key, {1'200}), std::nullopt) << key;
  }
  EXPECT_EQ(store.fetch("other", {1'000}), std::nullopt);
  ASSERT_TRUE(streams->close());
}

TEST_F(StoreQueriesTest, a_window_that_has_expired_is_not_given) {
  create("in");
  send({{"in", "k", "a", {1'000}}});
  auto streams = started(per_window);
  EXPECT_EQ((streams->window_store<std::string, std::int64_t>("per-second").fetch("k", {1'000})), 1);
  ASSERT_TRUE(streams->close());
  streams.reset();
  send({{"in", "k", "a", {60'000}}});
  streams = started(per_window);
  EXPECT_EQ((streams->window_store<std::string, std::int64_t>("per-second").fetch("k", {1'000})), std::nullopt);
  EXPECT_EQ((streams->window_store<std::string, std::int64_t>("per-second").fetch("k", {60'000})), 1);
  ASSERT_TRUE(streams->close());
}

TEST_F(StoreQueriesTest, a_global_table_answers_for_all_partitions_and_follows_its_topic) {
  create("in");
  create("names", 2);
  send({{"names", "a", "Ann", {1}, {}, 0}, {"names", "b", "Bob", {1}, {}, 1}});
  auto streams = started(with_a_global_table);
  auto store = streams->store<std::string, std::string>("all-names");
  EXPECT_EQ(store.get("a"), "Ann");
  EXPECT_EQ(store.get("b"), "Bob");
  EXPECT_EQ(store.get("c"), std::nullopt);
  send({{"names", "a", std::nullopt, {2}, {}, 0}, {"names", "c", "Cid", {2}, {}, 1}});
  while (store.get("a") || !store.get("c")) std::this_thread::sleep_for(1ms);
  ASSERT_TRUE(streams->close());
}

TEST_F(StoreQueriesTest, a_store_of_another_kind_or_type_is_refused_by_name) {
  create("in");
  create("names");
  auto streams = app(per_window);
  EXPECT_THAT(message_of<ConfigError>([&] { streams->store<std::string, std::int64_t>("per-second"); }),
              HasSubstr("store per-second is a window store: ask window_store()"));
  EXPECT_THAT(message_of<ConfigError>([&] { streams->window_store<std::string, std::string>("per-second"); }),
              HasSubstr("store per-second has values of type long int, not std::string"));
  EXPECT_THAT(message_of<ConfigError>([&] { streams->window_store<std::string, std::string>("per-hour"); }),
              HasSubstr("there is no store per-hour"));
  streams = app(with_a_global_table);
  EXPECT_THAT(message_of<ConfigError>([&] { streams->window_store<std::string, std::string>("all-names"); }),
              HasSubstr("store all-names is a key-value store: ask store()"));
}

TEST_F(StoreQueriesTest, nobody_is_kept_waiting_by_an_application_that_does_not_run) {
  create("in");
  auto streams = app(per_window);
  auto store = streams->window_store<std::string, std::int64_t>("per-second");
  const auto ask = [&] { store.fetch("k", {1'000}); };
  EXPECT_THAT(message_of<std::runtime_error>(ask), HasSubstr("the application is CREATED"));
  ASSERT_TRUE(streams->start());
  EXPECT_EQ(message_of<std::runtime_error>(ask), "no such exception");
  ASSERT_TRUE(streams->close());
  EXPECT_THAT(message_of<std::runtime_error>(ask), HasSubstr("the application is NOT_RUNNING"));
}

TEST_F(StoreQueriesTest, an_operator_that_asks_is_refused_at_once) {
  create("in");
  create("names");
  send({{"in", "k", "v"}, {"names", "k", "Kay"}});
  Streams* running = nullptr;
  std::vector<std::string> answers;
  const auto topology = [&](StreamsBuilder& builder) {
    builder.table(names, {.as = "table"});
    builder.global_table(Topic<std::string, std::string>{"all"}, {.as = "all-names"});
    builder.stream(in).peek([&](const std::string& value) {
      for (const char* store : {"table", "all-names"}) {
        auto asked = running->query(store, value, [](ValueAndTimestamp) {}, 1h);
        answers.push_back(asked ? "answered" : asked.error().message());
      }
    });
  };
  create("all");
  auto streams = app(topology);
  running = streams.get();
  ASSERT_TRUE(streams->start());
  ASSERT_TRUE(streams->run_until_end_of_input());
  ASSERT_TRUE(streams->close());
  ASSERT_EQ(answers.size(), 2u);
  for (const std::string& answer : answers) EXPECT_THAT(answer, HasSubstr("from inside an operator"));
}

using StoreQueriesOfACountingApp = CountingApp;

TEST_F(StoreQueriesOfACountingApp, a_question_outlasts_the_tasks_being_opened_anew) {
  for (int i = 0; i < 20; ++i) send("k" + std::to_string(i), "fine");
  auto streams = app(*log_, {{"commit.interval.ms", "10"}});
  streams->set_uncaught_exception_handler([](const Error&) { return StreamThreadExceptionResponse::replace_thread; });
  ASSERT_TRUE(streams->start());
  while (updates()["fine"].size() < 20) std::this_thread::sleep_for(5ms);
  failures_left = 4;
  send("k", "poison");
  auto store = streams->store<std::string, std::int64_t>("counts-by-value");
  int asked = 0;
  while (failures_left > 0 || updates()["poison"].empty()) {
    EXPECT_EQ(store.get("fine"), 20);  // committed: never less
    ++asked;
  }
  EXPECT_GT(asked, 0);
  ASSERT_TRUE(streams->close());
}

TEST_F(StoreQueriesTest, a_question_of_the_wrong_kind_is_refused_before_a_key_is_read_as_what_it_is_not) {
  create("in");
  create("names");
  send({{"in", "k", "a", {1'000}}});
  const auto ignore = [](ValueAndTimestamp) {};
  auto streams = started(per_window);
  auto asked = streams->query("per-second", "k", ignore);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code(), ErrorCode::invalid_request);
  EXPECT_THAT(asked.error().message(), HasSubstr("per-second is a window store"));
  ASSERT_TRUE(streams->close());
  streams = app([](StreamsBuilder& builder) { builder.table(names, {.as = "all-names"}); },
                {{"application.id", "other"}, {"state.dir", dir_ / "other"}});
  ASSERT_TRUE(streams->start());
  asked = streams->query("all-names", "k", Timestamp{1'000}, ignore);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code(), ErrorCode::invalid_request);
  EXPECT_THAT(asked.error().message(), HasSubstr("all-names is a key-value store"));
  asked = streams->query("nowhere", "k", Timestamp{1'000}, ignore);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code(), ErrorCode::invalid_config);
  ASSERT_TRUE(streams->close());
}

TEST_F(StoreQueriesTest, a_global_table_follows_its_topic_while_tasks_are_busy) {
  constexpr int partitions = 6, records_each = 600;
  create("names");
  create("in", partitions);
  std::vector<Sent> work;
  for (PartitionId p = 0; p < partitions; ++p)
    for (int i = 0; i < records_each; ++i) work.push_back({"in", "k", "v", {1'000}, {}, p});
  send(work);
  std::atomic<int> done{0};
  auto streams = app(
      [&](StreamsBuilder& builder) {
        builder.global_table(names, {.as = "all-names"});
        builder.stream(in).for_each([&](const std::string&) {
          std::this_thread::sleep_for(5ms);  // a call of something slow
          ++done;
        });
      },
      {{"num.stream.threads", "7"}});
  ASSERT_TRUE(streams->start());
  while (done.load() < 2 * partitions) std::this_thread::sleep_for(1ms);
  send({{"names", "a", "ann"}});
  const auto store = streams->store<std::string, std::string>("all-names");
  while (!store.get("a") && done.load() < partitions * records_each) std::this_thread::sleep_for(1ms);
  EXPECT_LT(done.load(), partitions * records_each / 2);
  EXPECT_TRUE(streams->close());
}

}  // namespace
}  // namespace millrace
