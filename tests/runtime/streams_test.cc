// Streams over the embedded broker, on a real disk: what a program sees.
#include "millrace/runtime/streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <thread>

#include "millrace/base/env_real.h"
#include "millrace/client_factory.h"
#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"
#include "millrace/streams.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr Topic<std::optional<std::string>, std::string> lines{"lines", {.partitions = 4}};
constexpr Topic<std::string, std::int64_t> counts{"counts", {.partitions = 4}};

std::vector<std::string> words(const std::string& line) {
  std::vector<std::string> result;
  std::string word;
  for (char c : line + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      result.push_back(std::exchange(word, {}));
    }
  }
  return result;
}

void word_count(StreamsBuilder& builder) {
  builder.stream(lines)
      .flat_map_values(words)
      .group_by([](const std::string& word) { return word; })
      .count({.as = "word-counts"})
      .to_stream()
      .to(counts);
}

class StreamsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::temp_directory_path() / ("millrace-streams-" + std::to_string(real_env().random().next()));
    open();
    ASSERT_TRUE(log_->admin().create_topic({"lines", 4, {}}));
  }
  void TearDown() override {
    log_.reset();
    std::filesystem::remove_all(dir_);
  }
  void open() {
    auto log = make_log_client(real_env(), dir_ / "data", {});
    ASSERT_TRUE(log) << log.error().text();
    log_ = *std::move(log);
  }
  void say(const std::string& line, Timestamp at = {1000}) {
    auto producer = log_->make_producer({});
    ASSERT_TRUE(producer);
    ProducerRecord record;
    record.topic = "lines";
    record.value = Bytes(line);
    record.timestamp = at;
    auto sent = (*producer)->send(std::move(record)).get();
    ASSERT_TRUE(sent) << sent.error().text();
  }
  std::unique_ptr<Streams> app(ConfigValues config = {}, void (*topology)(StreamsBuilder&) = word_count) {
    StreamsBuilder builder;
    topology(builder);
    return std::make_unique<Streams>("wc", builder.build(), StreamsOptions{config, dir_ / "state", dir_}, real_env(),
                                     *log_);
  }
  Result<> run(ConfigValues config = {}, void (*topology)(StreamsBuilder&) = word_count) {
    auto streams = app(std::move(config), topology);
    MR_TRY(streams->start());
    auto ran = streams->run_until_end_of_input();
    auto closed = streams->close();
    if (!ran) return ran;
    return closed;
  }
  // Last value of each key, committed records only, and how many records there were.
  std::map<std::string, std::int64_t> last_counts(std::size_t* records = nullptr) {
    ConsumerConfig config;
    config.isolation = Isolation::read_committed;
    config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
    auto consumer = log_->make_consumer(config);
    EXPECT_TRUE(consumer);
    std::vector<TopicPartition> all;
    for (PartitionId p = 0; p < 4; ++p) all.push_back({"counts", p});
    EXPECT_TRUE((*consumer)->assign(all));
    std::map<std::string, std::int64_t> result;
    for (;;) {
      auto some = (*consumer)->poll(0ms);
      EXPECT_TRUE(some) << some.error().text();
      if (!some || some->empty()) break;
      if (records) *records += some->size();
      for (const auto& r : *some) result[*r.key] = from_big_endian<std::int64_t>(r.value->data());
    }
    return result;
  }

  std::filesystem::path dir_;
  std::unique_ptr<LogClient> log_;
};

using Counts = std::map<std::string, std::int64_t>;

TEST_F(StreamsTest, counts_words_across_a_repartition_topic_exactly_once) {
  say("a b a");
  say("b c");
  auto ran = run();
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(last_counts(), (Counts{{"a", 2}, {"b", 2}, {"c", 1}}));
}

TEST_F(StreamsTest, goes_on_where_it_stopped_and_reads_nothing_twice) {
  say("a b a");
  ASSERT_TRUE(run());
  ASSERT_TRUE(run());
  std::size_t records = 0;
  EXPECT_EQ(last_counts(&records), (Counts{{"a", 2}, {"b", 1}}));
  const std::size_t before = records;
  say("a");
  ASSERT_TRUE(run());
  records = 0;
  EXPECT_EQ(last_counts(&records), (Counts{{"a", 3}, {"b", 1}}));
  EXPECT_EQ(records, before + 1);
}

TEST_F(StreamsTest, restores_its_state_from_the_changelog_when_the_state_directory_is_gone) {
  say("a b a");
  ASSERT_TRUE(run());
  std::filesystem::remove_all(dir_ / "state");
  say("a");
  ASSERT_TRUE(run());
  EXPECT_EQ(last_counts(), (Counts{{"a", 3}, {"b", 1}}));
}

TEST_F(StreamsTest, gives_the_same_counts_at_least_once) {
  say("a b a");
  auto ran = run({{"processing.guarantee", "at_least_once"}});
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(last_counts(), (Counts{{"a", 2}, {"b", 1}}));
}

TEST_F(StreamsTest, gives_the_same_output_with_no_value_cache) {
  for (int i = 0; i < 50; ++i) say("w" + std::to_string(i % 7) + " w" + std::to_string(i % 5));
  ASSERT_TRUE(run({{"state.value.cache.max.bytes", "0"}}));
  ASSERT_TRUE(run({{"state.value.cache.max.bytes", "0"}}));
  Counts expected;
  for (int i = 0; i < 50; ++i) {
    ++expected["w" + std::to_string(i % 7)];
    ++expected["w" + std::to_string(i % 5)];
  }
  EXPECT_EQ(last_counts(), expected);
}

// Nothing that the stores hold could be evicted: all of it is younger than the last commit.
TEST_F(StreamsTest, commits_and_writes_a_checkpoint_early_when_its_stores_take_more_memory_than_they_may) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "800 thousand words take minutes there; the other sanitizers run it";
#endif
  constexpr int lines_in_all = 400, words_a_line = 1000;
  auto commits_with = [&](const std::string& value_cache_bytes) {
    auto producer = log_->make_producer({});
    EXPECT_TRUE(producer);
    for (int n = 0; n < lines_in_all; ++n) {
      std::string line;
      for (int i = 0; i < words_a_line; ++i) line += "w" + std::to_string(n * words_a_line + i) + " ";
      RecordBatchBuilder batch;
      batch.append(real_env().clock().now(), {}, line);
      EXPECT_TRUE((*producer)->append({"lines", n % 4}, batch));
    }
    auto streams = app({{"processing.guarantee", "at_least_once"},
                        {"commit.interval.ms", "600000"},
                        {"transaction.timeout.ms", "900000"},
                        {"state.checkpoint.interval.ms", "3600000"},
                        {"state.value.cache.max.bytes", value_cache_bytes}});
    EXPECT_TRUE(streams->start());
    auto ran = streams->run_until_end_of_input();
    EXPECT_TRUE(ran) << ran.error().text();
    const std::int64_t commits = streams->commits();
    EXPECT_TRUE(streams->close());
    return commits;
  };
  const std::int64_t early = commits_with("1048576");
  const Counts counted = last_counts();
  EXPECT_EQ(counted.size(), static_cast<std::size_t>(lines_in_all * words_a_line));
  EXPECT_TRUE(std::all_of(counted.begin(), counted.end(), [](auto& c) { return c.second == 1; }));
  TearDown();
  SetUp();
  EXPECT_GT(early, commits_with("1073741824"));
}

TEST_F(StreamsTest, answers_a_point_query_and_refuses_a_wrong_type) {
  say("a b a");
  auto streams = app();
  ASSERT_TRUE(streams->start());
  ASSERT_TRUE(streams->run_until_end_of_input());
  EXPECT_EQ((streams->store<std::string, std::int64_t>("word-counts").get("a")), 2);
  EXPECT_EQ((streams->store<std::string, std::int64_t>("word-counts").get("z")), std::nullopt);
  try {
    streams->store<std::string, std::string>("word-counts");
    ADD_FAILURE() << "a store of another type";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("store word-counts has values of type long int, not std::string"));
  }
  EXPECT_THROW((streams->store<std::string, std::int64_t>("no-such-store")), ConfigError);
  EXPECT_TRUE(streams->close());
}

TEST_F(StreamsTest, names_the_command_that_makes_a_missing_source_topic) {
  ASSERT_TRUE(log_->admin().delete_topic("lines"));
  auto started = app()->start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::unknown_topic_or_partition);
  EXPECT_THAT(started.error().message(), HasSubstr("millrace topics create lines"));
}

void failing(StreamsBuilder& builder) {
  builder.stream(lines).for_each([](const std::string& line) {
    if (line == "boom") throw std::runtime_error("it went boom");
  });
}

TEST_F(StreamsTest, an_exception_of_a_lambda_stops_it_and_says_where) {
  say("fine");
  say("boom");
  auto ran = run({}, failing);
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message(), HasSubstr("topic lines, partition"));
  EXPECT_THAT(ran.error().message(), HasSubstr("offset"));
  EXPECT_THAT(ran.error().message(), HasSubstr("it went boom"));
}

TEST_F(StreamsTest, an_exception_of_a_lambda_is_skipped_where_the_handler_says_continue) {
  say("boom");
  EXPECT_TRUE(run({{"processing.exception.handler", "continue"}}, failing));
}

void numbers(StreamsBuilder& builder) {
  constexpr Topic<std::optional<std::string>, std::int64_t> in{"lines"};
  builder.stream(in).for_each([](std::int64_t) {});
}

TEST_F(StreamsTest, a_record_that_does_not_deserialise_is_named_by_topic_partition_and_offset) {
  say("no eight bytes");
  auto ran = run({}, numbers);
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message(), HasSubstr("topic lines, partition"));
  EXPECT_THAT(ran.error().message(), HasSubstr("offset 0"));
  EXPECT_THAT(ran.error().message(), HasSubstr("deserialization.exception.handler"));
}

TEST_F(StreamsTest, a_record_that_is_skipped_is_named_in_the_log_and_never_met_again) {
  say("no eight bytes");
  testing::internal::CaptureStderr();
  auto ran = run({{"deserialization.exception.handler", "continue"}}, numbers);
  const std::string told = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_THAT(told, HasSubstr("topic lines, partition"));
  EXPECT_THAT(told, HasSubstr("offset 0\" why=\"the value does not deserialise"));
  ran = run({}, numbers);
  EXPECT_TRUE(ran) << "its offset was not committed: " << ran.error().text();
}

void without_nulls(StreamsBuilder& builder) {
  constexpr Topic<std::string, std::string> in{"lines"};
  builder.stream(in).for_each([](const std::string&) {});
}

TEST_F(StreamsTest, a_null_key_in_a_topic_of_a_plain_type_says_which_type_to_declare) {
  say("a line without a key");
  auto ran = run({}, without_nulls);
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message(), HasSubstr("std::optional<K>"));
}

TEST_F(StreamsTest, a_committed_offset_that_fell_off_the_log_is_an_error_that_names_the_gap) {
  for (int i = 0; i < 5; ++i) say("x");
  ASSERT_TRUE(run());
  for (int i = 0; i < 40; ++i) say("y");
  for (PartitionId p = 0; p < 4; ++p) ASSERT_TRUE(log_->admin().delete_records({"lines", p}, -1));
  auto started = app()->start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::offset_out_of_range);
  EXPECT_THAT(started.error().message(), HasSubstr("are gone and were never processed"));
}

void growing(StreamsBuilder& builder) {
  builder.stream(lines)
      .group_by([](const std::string&) { return std::string("all"); })
      .aggregate(std::string(), [](const std::string& line, std::string& all) { all += std::string(300'000, line[0]); },
                 {.as = "everything"});
}

TEST_F(StreamsTest, an_aggregate_that_outgrew_the_message_limit_is_named_with_store_and_key) {
  for (int i = 0; i < 5; ++i) say("x");
  auto ran = run({}, growing);
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message(), HasSubstr("store everything, key \"all\""));
  EXPECT_THAT(ran.error().message(), HasSubstr("max.message.bytes"));
}

TEST_F(StreamsTest, a_store_that_fails_is_no_record_to_skip) {
  for (int i = 0; i < 5; ++i) say("x");
  auto ran = run({{"processing.exception.handler", "continue"}}, growing);
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message(), HasSubstr("store everything, key \"all\""));
  EXPECT_THAT(ran.error().message(), Not(HasSubstr("processing.exception.handler")));
}

TEST_F(StreamsTest, reads_a_source_topic_that_was_made_anew_from_its_start) {
  say("a b");
  say("a");
  ASSERT_TRUE(run());
  ASSERT_TRUE(log_->admin().delete_topic("lines"));
  ASSERT_TRUE(log_->admin().create_topic({"lines", 4, {}}));
  say("a");
  auto ran = run();
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(last_counts(), (Counts{{"a", 3}, {"b", 1}}));
}

TEST_F(StreamsTest, a_committed_offset_behind_the_end_of_the_log_says_that_records_are_lost) {
  ConsumerConfig config;
  config.group_id = "wc";
  auto consumer = log_->make_consumer(config);
  ASSERT_TRUE(consumer);
  ASSERT_TRUE((*consumer)->commit({{{"lines", 0}, {.offset = 5}}}));
  auto ran = run();
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message(), HasSubstr("lines-0: offset 5 was committed, but the log ends at 0"));
}

void growing_with_room(StreamsBuilder& builder) {
  builder.stream(lines)
      .group_by([](const std::string&) { return std::string("all"); })
      .aggregate(std::string(), [](const std::string& line, std::string& all) { all += std::string(300'000, line[0]); },
                 {.as = "everything", .changelog = {{"max.message.bytes", "2000000"}}});
}

TEST_F(StreamsTest, an_aggregate_may_be_as_large_as_its_changelog_takes) {
  for (int i = 0; i < 5; ++i) say("x");
  auto ran = run({}, growing_with_room);
  ASSERT_TRUE(ran) << ran.error().text();
  for (int i = 0; i < 3; ++i) say("x");
  ran = run({}, growing_with_room);
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message(), HasSubstr("= 2000000"));
}

TEST_F(StreamsTest, many_records_go_to_a_topic_that_takes_small_batches) {
  ASSERT_TRUE(log_->admin().create_topic({"counts", 4, {{"max.message.bytes", "500"}}}));
  Counts expected;
  std::string line;
  for (int i = 0; i < 400; ++i) {
    line += "word-" + std::to_string(i) + " ";
    expected["word-" + std::to_string(i)] = 1;
  }
  say(line);
  auto ran = run();
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(last_counts(), expected);
}

TEST_F(StreamsTest, a_record_over_the_limit_of_its_topic_is_named_with_what_made_it) {
  ASSERT_TRUE(log_->admin().create_topic({"counts", 4, {{"max.message.bytes", "500"}}}));
  say("a");
  say(std::string(600, 'b'));
  auto ran = run({{"statestore.cache.max.bytes", "0"}});  // else it is made by a commit
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message(), HasSubstr("topic wc-word-counts-repartition, partition "));
  EXPECT_THAT(ran.error().message(), HasSubstr("a record for counts-"));
  EXPECT_THAT(ran.error().message(), HasSubstr("= 500 of that topic. Store the data elsewhere"));
}

void other_store(StreamsBuilder& builder) {
  builder.stream(lines)
      .group_by([](const std::string& line) { return line; })
      .count({.as = "line-counts"})
      .to_stream()
      .to(counts);
}

TEST_F(StreamsTest, refuses_the_state_of_another_topology_and_prints_the_difference) {
  say("a");
  ASSERT_TRUE(run());
  auto ran = run({}, other_store);
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message(), HasSubstr("- word-counts"));
  EXPECT_THAT(ran.error().message(), HasSubstr("+ line-counts"));
}

TEST_F(StreamsTest, an_unknown_configuration_key_names_the_nearest_one) {
  try {
    app({{"commit.interval.mss", "5"}});
    FAIL() << "no ConfigError";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("commit.interval.ms"));
  }
}

std::atomic<bool> may_go_on{false}, is_asleep{false};
void sleeping(StreamsBuilder& builder) {
  builder.stream(lines)
      .peek([](const std::string& line) {
        if (line == "sleep") is_asleep = true;
        while (line == "sleep" && !may_go_on.load()) std::this_thread::yield();
      })
      .group_by([](const std::string& line) { return line; })
      .count({.as = "line-counts"})
      .to_stream()
      .to(counts);
}

TEST_F(StreamsTest, tasks_go_on_while_one_of_them_sleeps_in_a_lambda) {
  may_go_on = is_asleep = false;
  say("sleep");
  auto streams = app(
      {{"num.stream.threads", "2"}, {"commit.interval.ms", "600000"}, {"transaction.timeout.ms", "900000"}}, sleeping);
  ASSERT_TRUE(streams->start());
  for (int i = 0; i < 40; ++i) say("x" + std::to_string(i));
  const std::int64_t until = real_env().clock().monotonic_ns() + 20'000'000'000;
  while (streams->processed() < 20 && real_env().clock().monotonic_ns() < until) std::this_thread::yield();
  EXPECT_GE(streams->processed(), 20) << "the other tasks waited for the sleeping one";
  may_go_on = true;
  EXPECT_TRUE(streams->run_until_end_of_input());
  EXPECT_TRUE(streams->close());
}

constexpr Topic<std::string, std::string> names{"names", {.partitions = 1}};
constexpr Topic<std::string, std::string> greetings{"greetings", {.partitions = 1}};
constexpr Topic<std::string, std::string> greeted{"greeted", {.partitions = 1}};

void greet(StreamsBuilder& builder) {
  auto table = builder.table(names);
  builder.stream(greetings)
      .left_join(table, [](const std::string& g, const std::string* n) { return g + " " + (n ? *n : "stranger"); })
      .to(greeted);
}

// A greeting arrives; then, while the task waits or does not, an older record of the table.
std::string greeting_with(LogClient& log, Streams& streams, bool expects_wait) {
  auto send = [&](const char* topic, const char* value, Timestamp at) {
    auto producer = log.make_producer({});
    ProducerRecord record;
    record.topic = topic;
    record.key = Bytes("k");
    record.value = Bytes(value);
    record.timestamp = at;
    EXPECT_TRUE((*producer)->send(std::move(record)).get());
  };
  send("greetings", "hello", {2000});
  EXPECT_TRUE(streams.start());
  if (!expects_wait)
    while (streams.processed() < 1) std::this_thread::sleep_for(1ms);
  send("names", "Ada", {1000});
  EXPECT_TRUE(streams.run_until_end_of_input());
  EXPECT_TRUE(streams.close());
  ConsumerConfig config;
  config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
  auto consumer = log.make_consumer(config);
  EXPECT_TRUE((*consumer)->assign({{"greeted", 0}}));
  auto records = (*consumer)->poll(0ms);
  return records && records->size() == 1 ? records->front().value.value_or("null") : "no record, or several";
}

TEST_F(StreamsTest, an_empty_input_holds_up_the_others_for_the_task_idle_time) {
  for (const char* topic : {"names", "greetings", "greeted"}) ASSERT_TRUE(log_->admin().create_topic({topic, 1, {}}));
  auto streams = app({{"max.task.idle.ms", "3000"}}, greet);
  EXPECT_EQ(greeting_with(*log_, *streams, true), "hello Ada");
}

TEST_F(StreamsTest, without_a_task_idle_time_an_empty_input_holds_up_nothing) {
  for (const char* topic : {"names", "greetings", "greeted"}) ASSERT_TRUE(log_->admin().create_topic({topic, 1, {}}));
  auto streams = app({}, greet);
  EXPECT_EQ(greeting_with(*log_, *streams, false), "hello stranger");
}

TEST_F(StreamsTest, a_second_start_on_the_same_state_is_refused_and_the_first_goes_on) {
  say("a");
  auto first = app();
  ASSERT_TRUE(first->start());
  {
    auto second = app();
    auto started = second->start();
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().message(), HasSubstr("state"));
  }
  ASSERT_TRUE(first->run_until_end_of_input());
  ASSERT_TRUE(first->close());
  EXPECT_EQ(last_counts(), (Counts{{"a", 1}}));
}

TEST_F(StreamsTest, a_topology_that_feeds_itself_ends_with_what_was_there_at_the_start) {
  say("a");
  auto ran = run({}, [](StreamsBuilder& builder) { builder.stream(lines).to(lines); });
  EXPECT_TRUE(ran) << ran.error().text();
  auto consumer = log_->make_consumer({});
  ASSERT_TRUE(consumer);
  Offset written = 0;
  for (PartitionId p = 0; p < 4; ++p)
    written += (*consumer)->end_offset({"lines", p}, Isolation::read_committed).value();
  EXPECT_GT(written, 1);
}

TEST_F(StreamsTest, the_input_ends_while_others_go_on_writing) {
  say("a");
  std::atomic<bool> enough{false};
  std::thread writer([&] {
    while (!enough.load()) say("b");
  });
  auto ran = run({{"commit.interval.ms", "10"}});
  enough = true;
  writer.join();
  EXPECT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(last_counts()["a"], 1);
}

TEST_F(StreamsTest, a_close_ends_the_wait_for_the_end_of_input) {
  may_go_on = is_asleep = false;
  say("sleep");
  auto streams = app({}, sleeping);
  ASSERT_TRUE(streams->start());
  std::thread waiter([&] { EXPECT_TRUE(streams->run_until_end_of_input()); });
  while (!is_asleep.load()) std::this_thread::yield();
  EXPECT_FALSE(streams->close(1ms));
  waiter.join();
  may_go_on = true;
  EXPECT_TRUE(streams->close());
}

// Whoever closes in good order has nothing done twice, even at least once.
TEST_F(StreamsTest, a_close_leaves_nothing_processed_and_not_committed) {
  std::string line;
  for (int i = 0; i < 100; ++i) line += "a ";
  for (int i = 0; i < 50; ++i) say(line);
  const ConfigValues config{{"processing.guarantee", "at_least_once"}};
  auto streams = app(config);
  ASSERT_TRUE(streams->start());
  while (streams->processed() == 0) std::this_thread::yield();
  EXPECT_TRUE(streams->close());
  streams.reset();
  EXPECT_TRUE(run(config));
  EXPECT_EQ(last_counts()["a"], 50 * 100);
}

TEST_F(StreamsTest, close_returns_within_its_time_out_while_a_lambda_sleeps) {
  may_go_on = is_asleep = false;
  say("sleep");
  auto streams = app({{"commit.interval.ms", "600000"}, {"transaction.timeout.ms", "900000"}}, sleeping);
  ASSERT_TRUE(streams->start());
  while (!is_asleep.load()) std::this_thread::yield();
  auto closed = streams->close(50ms);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code(), ErrorCode::request_timed_out);
  may_go_on = true;
  EXPECT_TRUE(streams->close());
}

}  // namespace
}  // namespace millrace
