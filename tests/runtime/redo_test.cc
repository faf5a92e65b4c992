// A task that fails again and again: what it costs the others, and what comes out in the end.
#include "millrace/runtime/redo.h"

#include <thread>

#include "millrace/base/sim/sim_env.h"
#include "millrace/connectors/embedded/embedded_client.h"
#include "tests/runtime/embedded_app.h"
#include "tests/runtime/metric_value.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

constexpr Topic<std::string, std::string> in{"in", {.partitions = 2}};
constexpr Topic<std::string, std::string> out{"out", {.partitions = 2}};
constexpr Topic<std::string, std::int64_t> counts{"counts", {.partitions = 2}};

// How often each value was processed, and which values fail.
class Calls {
 public:
  void reset() {
    std::lock_guard lock(mutex_);
    counted_.clear();
    failing_.clear();
  }
  int of(const std::string& value) {
    std::lock_guard lock(mutex_);
    return counted_[value];
  }
  // The value fails the next `times`.
  void fail(const std::string& value, int times) {
    std::lock_guard lock(mutex_);
    failing_[value] = times;
  }
  void digest(const std::string& value) {
    std::lock_guard lock(mutex_);
    ++counted_[value];
    auto found = failing_.find(value);
    if (found != failing_.end() && found->second-- > 0) throw std::runtime_error("cannot digest " + value);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> counted_, failing_;
};
Calls calls;

// The real Env; what a test wants to happen at a fault point of the runtime happens there.
class HookedEnv final : public Env {
 public:
  explicit HookedEnv(std::function<void(Site)> hook) : hook_(std::move(hook)) {}
  Clock& clock() override { return real_env().clock(); }
  FileSystem& files() override { return real_env().files(); }
  Random& random() override { return real_env().random(); }
  std::unique_ptr<Executor> make_executor(int concurrency, std::string_view name) override {
    return real_env().make_executor(concurrency, name);
  }
  std::unique_ptr<Executor> make_io_executor(int concurrency, std::string_view name) override {
    return real_env().make_io_executor(concurrency, name);
  }
  void fault_point(Site site) override { hook_(site); }
  bool wait(MonitorLock& lock, const std::function<bool()>& done, std::optional<Duration> timeout) override {
    return real_env().wait(lock, done, timeout);
  }

 private:
  const std::function<void(Site)> hook_;
};

// Each value to "out", and, behind a repartition topic, how often it came; counted on both sides.
void counting(StreamsBuilder& builder) {
  auto digested = builder.stream(in).map_values([](const std::string& value) {
    calls.digest(value);
    std::this_thread::sleep_for(20us);  // so that a hundred take more than a slice
    return value;
  });
  digested.to(out);
  digested.group_by([](const std::string& value) { return value; })
      .aggregate(std::int64_t{0},
                 [](const std::string& value, std::int64_t& n) {
                   calls.digest("behind " + value);
                   ++n;
                 },
                 {.as = "counted"})
      .to_stream()
      .to(counts);
}

// Beside it a task that fails at its only record, once, and then holds on to it until it may go on.
std::atomic<bool> may_go_on{false}, is_tried{false};
std::atomic<int> failures{0};  // that the handler was asked about
void gated(StreamsBuilder& builder) {
  counting(builder);
  builder.stream(Topic<std::string, std::string>{"gate", {.partitions = 1}}).for_each([](const std::string& value) {
    calls.digest(value);
    is_tried = true;
    while (!may_go_on.load()) std::this_thread::sleep_for(1ms);
  });
}

class RedoTest : public EmbeddedApp {
 protected:
  void SetUp() override {
    EmbeddedApp::SetUp();
    calls.reset();
    create("in", 2);
  }
  std::unique_ptr<Streams> replacing(ConfigValues config = {}) {
    config.try_emplace("statestore.cache.max.bytes", "0");
    auto streams = app(counting, config);
    streams->set_uncaught_exception_handler([](const Error&) { return StreamThreadExceptionResponse::replace_thread; });
    return streams;
  }
  std::unique_ptr<Streams> with_gate(int failing = 1, Env& env = real_env()) {
    may_go_on = is_tried = false;
    create("gate", 1);
    calls.fail("gate", failing);
    send({{"gate", "k", "gate"}});
    return replacing_counted(gated, env);
  }
  std::unique_ptr<Streams> replacing_counted(const TopologyFunction& topology, Env& env) {
    failures = 0;
    auto streams = app(topology, {{"statestore.cache.max.bytes", "0"}, {"num.stream.threads", "2"}}, env);
    streams->set_uncaught_exception_handler([](const Error&) {
      ++failures;
      return StreamThreadExceptionResponse::replace_thread;
    });
    return streams;
  }
  // A failure is taken note of right after the handler was asked.
  void wait_for_failures(int n) {
    wait_for([n] { return failures.load() == n; });
    std::this_thread::sleep_for(20ms);
  }
  void say(PartitionId partition, const std::vector<std::string>& values) {
    std::vector<Sent> records;
    for (const std::string& value : values) records.push_back({"in", "k", value, {1000}, {}, partition});
    send(records);
  }
  static std::vector<std::string> numbered(const std::string& name, int n) {
    std::vector<std::string> values;
    for (int i = 0; i < n; ++i) values.push_back(name + std::to_string(i));
    return values;
  }
  void wait_for(const std::function<bool()>& done) {
    const std::int64_t until = real_env().clock().monotonic_ns() + 60'000'000'000;
    while (!done() && real_env().clock().monotonic_ns() < until) std::this_thread::sleep_for(1ms);
    ASSERT_TRUE(done());
  }
  static double redone(const Streams& streams) { return metric_value(streams, "redo-metrics", "redo-total"); }
  // Committed: how often each value came, and its counts in order.
  std::map<std::string, int> copied() {
    std::map<std::string, int> result;
    for (const ConsumedRecord& r : records("out")) ++result[r.value.value_or("null")];
    return result;
  }
  std::map<std::string, std::vector<std::int64_t>> counted() {
    std::map<std::string, std::vector<std::int64_t>> result;
    for (const ConsumedRecord& r : records("counts"))
      result[*r.key].push_back(from_big_endian<std::int64_t>(r.value->data()));
    return result;
  }
  void expect_each_once(const std::vector<std::string>& values) {
    const auto copies = copied();
    const auto all = counted();
    EXPECT_EQ(copies.size(), values.size());
    EXPECT_EQ(all.size(), values.size());
    for (const std::string& value : values) {
      EXPECT_EQ(copies.contains(value) ? copies.at(value) : 0, 1) << value;
      EXPECT_EQ(all.contains(value) ? all.at(value) : std::vector<std::int64_t>(), std::vector<std::int64_t>{1})
          << value;
    }
  }
};

std::vector<std::string> joined(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_F(RedoTest, the_other_tasks_go_on_and_do_nothing_twice_while_one_fails_at_every_trial) {
  calls.fail("poison", 1'000'000);
  const auto healthy = joined(numbered("healthy", 200), {"poison", "last"});
  say(0, healthy);
  auto streams = replacing({{"commit.interval.ms", "10"}});
  ASSERT_TRUE(streams->start());
  wait_for([&] { return redone(*streams) >= 1; });
  std::vector<std::string> others;
  for (int round = 1; calls.of("poison") < 5; ++round) {
    const auto some = numbered("other" + std::to_string(round) + "-", 20);
    say(1, some);
    others = joined(others, some);
    std::this_thread::sleep_for(2ms);
  }
  wait_for([&] {
    const auto all = counted();
    return std::all_of(others.begin(), others.end(), [&](const std::string& value) { return all.contains(value); });
  });
  for (const std::string& value : others) {
    EXPECT_EQ(calls.of(value), 1) << value;
    EXPECT_EQ(calls.of("behind " + value), 1) << value;
  }
  EXPECT_FALSE(copied().contains("poison"));
  calls.fail("poison", 0);
  auto ran = streams->run_until_end_of_input();
  ASSERT_TRUE(ran) << ran.error().text();
  ASSERT_TRUE(streams->close());
  expect_each_once(joined(healthy, others));
}

// What it writes in a trial goes to a repartition topic, too, and is taken back with it.
TEST_F(RedoTest, what_a_task_writes_in_a_trial_that_fails_is_read_by_nobody) {
  calls.fail("poison", 4);
  const auto healthy = joined(numbered("healthy", 100), {"poison", "last"});
  say(0, healthy);
  auto streams =
      replacing({{"commit.interval.ms", "600000"}, {"transaction.timeout.ms", "900000"}});  // only before trials
  ASSERT_TRUE(streams->start());
  auto ran = streams->run_until_end_of_input();
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(redone(*streams), 4);
  ASSERT_TRUE(streams->close());
  expect_each_once(healthy);
  EXPECT_EQ(calls.of("poison"), 5);
  EXPECT_GE(calls.of("healthy0"), 3) << "no trial was taken back";
  for (const std::string& value : healthy) EXPECT_LE(calls.of("behind " + value), 2) << value << ", of a trial";
}

TEST_F(RedoTest, a_task_behind_a_repartition_topic_that_fails_three_times_counts_everything_once) {
  calls.fail("behind poison", 3);
  const auto first = joined(numbered("healthy", 100), {"poison", "last"}), second = numbered("other", 100);
  say(0, first);
  say(1, second);
  auto streams = replacing();
  ASSERT_TRUE(streams->start());
  auto ran = streams->run_until_end_of_input();
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(redone(*streams), 3);
  ASSERT_TRUE(streams->close());
  expect_each_once(joined(first, second));
}

TEST_F(RedoTest, several_tasks_that_fail_at_once_are_tried_one_by_one_and_all_get_through) {
  for (const char* value : {"poison", "venom", "behind poison", "behind venom"}) calls.fail(value, 3);
  say(0, joined(numbered("a", 50), {"poison", "after poison"}));
  say(1, joined(numbered("b", 50), {"venom", "after venom"}));
  auto streams = replacing();
  ASSERT_TRUE(streams->start());
  auto ran = streams->run_until_end_of_input();
  ASSERT_TRUE(ran) << ran.error().text();
  ASSERT_TRUE(streams->close());
  expect_each_once(
      joined(joined(numbered("a", 50), numbered("b", 50)), {"poison", "venom", "after poison", "after venom"}));
}

TEST_F(RedoTest, a_record_whose_timestamp_cannot_be_had_is_tried_again_too) {
  constexpr Topic<std::string, std::string> plain{"plain"};
  static std::atomic<int> extractions_to_fail;
  extractions_to_fail = 3;
  create("plain", 1);
  auto streams = app([&](StreamsBuilder& builder) {
    builder
        .stream(plain, {.timestamp =
                            [](const ConsumerRecord<std::string, std::string>&, Timestamp) {
                              if (extractions_to_fail.fetch_sub(1) > 0) throw std::runtime_error("no time");
                              return Timestamp{1000};
                            }})
        .to(Topic<std::string, std::string>{"out"});
  });
  streams->set_uncaught_exception_handler([](const Error&) { return StreamThreadExceptionResponse::replace_thread; });
  send({{"plain", "k", "a"}, {"plain", "k", "b"}});
  ASSERT_TRUE(streams->start());
  auto ran = streams->run_until_end_of_input();
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(redone(*streams), 3);
  ASSERT_TRUE(streams->close());
  EXPECT_EQ(text("out"), "k=a k=b");
}

void cached(StreamsBuilder& builder) {
  builder.stream(in)
      .map([](const std::string& value) { return KeyValue{value, value}; })
      .group_by_key()
      .count({.as = "counted"})
      .to_stream()
      .peek([](const std::string& key, std::int64_t) { calls.digest(key); })
      .to(counts);
}

// Everything is processed when it fails: in what its record cache lets go at the commit.
TEST_F(RedoTest, the_end_of_input_is_not_reached_while_a_task_fails_in_its_part_of_the_commit) {
  for (const char* guarantee : {"exactly_once_v2", "at_least_once"}) {
    open(guarantee);
    create("in", 2);
    calls.reset();
    calls.fail("b", 2);
    say(0, {"a", "b", "c"});
    auto streams = app(
        cached,
        {{"processing.guarantee", guarantee}, {"commit.interval.ms", "600000"}, {"transaction.timeout.ms", "900000"}});
    streams->set_uncaught_exception_handler([](const Error&) { return StreamThreadExceptionResponse::replace_thread; });
    ASSERT_TRUE(streams->start());
    auto ran = streams->run_until_end_of_input();
    ASSERT_TRUE(ran) << ran.error().text();
    ASSERT_TRUE(streams->close());
    const auto all = counted();
    for (const char* key : {"a", "b", "c"}) {
      ASSERT_TRUE(all.contains(key)) << guarantee << ": " << key;
      if (std::string_view(guarantee) == "exactly_once_v2") {
        EXPECT_EQ(all.at(key), std::vector<std::int64_t>{1}) << key;
      }
    }
  }
}

TEST_F(RedoTest, a_close_says_that_a_task_failed_in_its_part_of_the_last_commit) {
  for (const char* guarantee : {"exactly_once_v2", "at_least_once"}) {
    open(guarantee);
    create("in", 2);
    calls.reset();
    calls.fail("b", 1);
    say(0, {"a", "b", "c"});
    const ConfigValues config{
        {"processing.guarantee", guarantee}, {"commit.interval.ms", "600000"}, {"transaction.timeout.ms", "900000"}};
    auto streams = app(cached, config);
    streams->set_uncaught_exception_handler([](const Error&) { return StreamThreadExceptionResponse::replace_thread; });
    ASSERT_TRUE(streams->start());
    wait_for([&] { return streams->processed() == 6; });
    auto closed = streams->close();
    ASSERT_FALSE(closed) << guarantee;
    EXPECT_THAT(closed.error().text(), HasSubstr("not all that was processed is committed"));
    EXPECT_THAT(closed.error().text(), HasSubstr("cannot digest b"));
    EXPECT_EQ(streams->state(), StreamsState::not_running);
    streams.reset();
    ASSERT_TRUE(run(cached, config));
    const auto all = counted();
    for (const char* key : {"a", "b", "c"}) {
      ASSERT_TRUE(all.contains(key)) << guarantee << ": " << key;
      if (std::string_view(guarantee) == "exactly_once_v2") {
        EXPECT_EQ(all.at(key), std::vector<std::int64_t>{1}) << key;
      }
    }
  }
}

TEST_F(RedoTest, a_task_that_gets_no_further_stops_the_application_after_the_task_timeout) {
  calls.fail("poison", 1'000'000);
  say(0, {"poison"});
  auto streams = replacing({{"task.timeout.ms", "400"}, {"commit.interval.ms", "10"}});
  ASSERT_TRUE(streams->start());
  for (int i = 0; streams->state() == StreamsState::running && i < 10'000; ++i) {
    say(1, {"other" + std::to_string(i)});  // commits go on
    std::this_thread::sleep_for(2ms);
  }
  EXPECT_GE(calls.of("poison"), 2);
  auto stopped = streams->wait();
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().message(), HasSubstr("cannot digest poison"));
  EXPECT_FALSE(streams->close());
}

// Long.MAX_VALUE is what Kafka's users write for "for ever".
TEST_F(RedoTest, a_task_timeout_of_long_max_waits_for_ever) {
  calls.fail("x", 2);
  say(0, {"x"});
  auto streams = replacing({{"task.timeout.ms", "9223372036854775807"}});
  ASSERT_TRUE(streams->start());
  auto ran = streams->run_until_end_of_input();
  EXPECT_TRUE(ran) << ran.error().text();
  EXPECT_TRUE(streams->close());
  expect_each_once({"x"});
}

TEST_F(RedoTest, a_task_that_fails_during_the_trial_of_another_takes_back_nobody_elses_work) {
  const auto others = numbered("other", 50);
  calls.fail("venom", 1);
  auto streams = with_gate();
  ASSERT_TRUE(streams->start());
  wait_for([] { return is_tried.load(); });
  say(0, others);
  wait_for([] { return calls.of("other49") > 0; });  // they work beside the trial
  say(1, {"before", "venom", "after"});
  wait_for([] { return failures.load() == 2; });
  may_go_on = true;
  auto ran = streams->run_until_end_of_input();
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(redone(*streams), 2);
  ASSERT_TRUE(streams->close());
  expect_each_once(joined(others, {"before", "venom", "after"}));
  for (const std::string& value : others) EXPECT_EQ(calls.of(value), 1) << value;
  EXPECT_EQ(calls.of("before"), 2);
}

TEST_F(RedoTest, a_task_that_fails_while_another_is_replaced_takes_back_nobody_elses_work) {
  const auto others = numbered("other", 50);
  calls.fail("venom", 1);
  bool is_first = true;
  HookedEnv env([&](Site site) {
    if (site != "redo.replace" || !std::exchange(is_first, false)) return;
    say(0, others);
    wait_for([] { return calls.of("other49") > 0; });
    say(1, {"venom", "after"});
    wait_for_failures(3);
  });
  auto streams = with_gate(2, env);
  may_go_on = true;
  ASSERT_TRUE(streams->start());
  wait_for([] { return calls.of("after") > 0; });
  auto ran = streams->run_until_end_of_input();
  ASSERT_TRUE(ran) << ran.error().text();
  ASSERT_TRUE(streams->close());
  expect_each_once(joined(others, {"venom", "after"}));
  for (const std::string& value : others) EXPECT_EQ(calls.of(value), 1) << value;
}

TEST_F(RedoTest, a_task_that_fails_again_before_its_trial_is_known_for_a_success_stays_on_probation) {
  calls.fail("first", 1);
  calls.fail("second", 1);
  std::atomic<int> trials{0};
  bool is_first = true;
  HookedEnv env([&](Site site) {
    if (site == "commit.trial.begin") ++trials;
    if (site != "commit.decided" || trials != 1 || !std::exchange(is_first, false)) return;
    say(0, {"second"});
    wait_for_failures(2);
  });
  say(0, {"first"});
  auto streams = replacing_counted(counting, env);
  ASSERT_TRUE(streams->start());
  wait_for([] { return calls.of("second") == 2; });
  auto ran = streams->run_until_end_of_input();
  ASSERT_TRUE(ran) << ran.error().text();
  ASSERT_TRUE(streams->close());
  EXPECT_EQ(trials, 2);
  expect_each_once({"first", "second"});
}

// Another process has taken its place: to begin anew would fence that one.
TEST_F(RedoTest, who_was_fenced_stops_and_the_one_that_fenced_it_goes_on) {
  calls.fail("poison", 1);
  ProducerConfig config;
  config.transactional_id = "app-1";
  auto other = log_->make_producer(config);
  ASSERT_TRUE(other);
  auto streams = app(counting, {{"commit.interval.ms", "600000"}, {"transaction.timeout.ms", "900000"}});
  streams->set_uncaught_exception_handler([&](const Error&) {
    EXPECT_TRUE((*other)->init_transactions());
    EXPECT_TRUE((*other)->begin_transaction());
    return StreamThreadExceptionResponse::replace_thread;
  });
  ASSERT_TRUE(streams->start());
  say(0, {"before"});
  wait_for([&] { return streams->processed() >= 2; });  // its transaction is not empty
  say(0, {"poison"});
  wait_for([&] { return streams->state() == StreamsState::error; });
  EXPECT_EQ(streams->wait().error().code(), ErrorCode::producer_fenced);
  ASSERT_TRUE((*other)->send(ProducerRecord{"out", 0, Bytes("k"), Bytes("v"), Timestamp{1000}, {}}, {}));
  auto committed = (*other)->commit_transaction();
  EXPECT_TRUE(committed) << committed.error().text();
  EXPECT_FALSE(streams->close());
}

TEST_F(RedoTest, a_close_during_a_trial_waits_for_it_and_the_next_start_goes_on) {
  const auto first = joined(numbered("healthy", 100), {"poison"}), second = numbered("other", 50);
  say(0, first);
  auto streams = with_gate();
  ASSERT_TRUE(streams->start());
  wait_for([] { return is_tried.load(); });
  say(1, second);
  wait_for([] { return calls.of("other49") > 0; });
  EXPECT_FALSE(copied().contains("other49"));
  auto closed = streams->close(20ms);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code(), ErrorCode::request_timed_out);
  may_go_on = true;
  closed = streams->close();
  ASSERT_TRUE(closed) << closed.error().text();
  streams.reset();
  ASSERT_TRUE(run(gated, {{"statestore.cache.max.bytes", "0"}}));
  expect_each_once(joined(first, second));
  EXPECT_EQ(calls.of("gate"), 2);
}

TEST_F(RedoTest, at_least_once_the_others_do_nothing_twice_from_the_first_failure_on) {
  calls.fail("poison", 5);
  const auto others = numbered("other", 300);
  say(0, {"before", "poison", "after"});
  say(1, others);
  auto streams = replacing({{"processing.guarantee", "at_least_once"},
                            {"commit.interval.ms", "600000"},
                            {"transaction.timeout.ms", "900000"}});
  ASSERT_TRUE(streams->start());
  auto ran = streams->run_until_end_of_input();
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(calls.of("poison"), 6);
  EXPECT_EQ(calls.of("before"), 6);
  for (const std::string& value : others) EXPECT_EQ(calls.of(value), 1) << value;
  ASSERT_TRUE(streams->close());
  const auto copies = copied();
  for (const std::string& value : others) EXPECT_EQ(copies.at(value), 1) << value;
  EXPECT_EQ(copies.at("after"), 1);
  EXPECT_GE(copies.at("before"), 1);
}

// Simulated time: two failures at each record take more than 300 ms, all of them more than the task has at one.
TEST(RedoInSimulation, a_task_that_gets_further_with_each_failure_has_its_time_anew) {
  sim::SimEnv env(sim::SimOptions{.seed = 1});
  EmbeddedConfig config;
  config.data_dir = "/data";
  auto log = open_embedded(env, config);
  ASSERT_TRUE(log) << log.error().text();
  for (const char* topic : {"in", "out"}) ASSERT_TRUE((*log)->admin().create_topic({topic, 1, {}}));
  auto producer = (*log)->make_producer({});
  ASSERT_TRUE(producer);
  calls.reset();
  for (int i = 0; i < 6; ++i) {
    const std::string value = "slow" + std::to_string(i);
    calls.fail(value, 2);
    ASSERT_TRUE((*producer)->send(ProducerRecord{"in", 0, Bytes("k"), Bytes(value), Timestamp{1000}, {}}, {}));
  }
  ASSERT_TRUE((*producer)->flush());
  StreamsBuilder builder;
  builder.stream(in)
      .map_values([](const std::string& value) {
        calls.digest(value);
        return value;
      })
      .to(out);
  const std::int64_t started_ns = env.clock().monotonic_ns();
  Streams streams("app", builder.build(), StreamsOptions{{{"task.timeout.ms", "1000"}}, "/state", "/data"}, env, **log);
  streams.set_uncaught_exception_handler([](const Error&) { return StreamThreadExceptionResponse::replace_thread; });
  ASSERT_TRUE(streams.start());
  auto ran = streams.run_until_end_of_input();
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_GT(env.clock().monotonic_ns() - started_ns, 1'000'000'000) << "simulated";
  ASSERT_TRUE(streams.close());
  for (int i = 0; i < 6; ++i) EXPECT_GE(calls.of("slow" + std::to_string(i)), 3) << i;
}

// The database of a task that is replaced stays open.
TEST(RedoInSimulation, a_read_of_a_store_that_fails_once_costs_its_task_a_replacement_and_nothing_else) {
  sim::SimEnv env(sim::SimOptions{.seed = 1});
  EmbeddedConfig config;
  config.data_dir = "/data";
  auto log = open_embedded(env, config);
  ASSERT_TRUE(log) << log.error().text();
  for (const char* topic : {"in", "counts"}) ASSERT_TRUE((*log)->admin().create_topic({topic, 1, {}}));
  const auto topology = [&] {
    StreamsBuilder builder;
    builder.stream(in)
        .map_values([&](const std::string& value) {
          calls.digest(value);
          if (value == "last" && calls.of(value) == 1) env.faults().fail("read");  // that of the count
          return value;
        })
        .group_by_key()
        .count({.as = "counted"})
        .to_stream()
        .to(counts);
    return builder.build();
  };
  calls.reset();
  for (const char* value : {"first", "last"}) {
    auto producer = (*log)->make_producer({});
    ASSERT_TRUE(producer);
    ASSERT_TRUE((*producer)->send(ProducerRecord{"in", 0, Bytes("k"), Bytes(value), Timestamp{1000}, {}}, {}));
    ASSERT_TRUE((*producer)->flush());
    Streams streams("app", topology(), StreamsOptions{{}, "/state", "/data"}, env, **log);
    std::string failure;
    streams.set_uncaught_exception_handler([&](const Error& why) {
      failure = why.message();
      return StreamThreadExceptionResponse::replace_thread;
    });
    ASSERT_TRUE(streams.start());
    auto ran = streams.run_until_end_of_input();
    ASSERT_TRUE(ran) << ran.error().text();
    auto closed = streams.close();
    ASSERT_TRUE(closed) << closed.error().text();
    EXPECT_EQ(failure.find("Input/output error (simulated)") != failure.npos, value == std::string("last")) << failure;
  }
  EXPECT_EQ(calls.of("last"), 2);
}

}  // namespace
}  // namespace millrace
