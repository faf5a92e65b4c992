// What a global table holds: its topic to the end before anything runs, then as records arrive.
#include "millrace/runtime/global_task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/sim/sim_env.h"
#include "millrace/dsl/streams_builder.h"
#include "tests/runtime/scripted_log.h"
#include "tests/runtime/step_executor.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GlobalTaskTest : public ::testing::Test {
 protected:
  GlobalTaskTest() {
    StreamsBuilder builder;
    builder.global_table(Topic<std::string, std::int64_t>{"rates"}, {.as = "rates"});
    topology_ = builder.build();
    log_.create("rates", 2);
  }
  GlobalTask& make(OnError on_error = OnError::fail) {
    task_ = std::make_unique<GlobalTask>(topology_, on_error, log_, scheduler_, gate_, metrics_,
                                         [this](const std::string& why) { failures_.push_back(why); });
    return *task_;
  }
  // One that has applied all there is, and follows its topic.
  void follow() {
    ASSERT_TRUE(make().load(log_));
    ASSERT_TRUE(task_->follow());
    workers_.run_all();
  }
  // What arrives while a slice is inside.
  void put_beside_a_slice() {
    follow();
    ASSERT_TRUE(gate_.enter({0, 0}));
    put("a", 1);
    workers_.run_all();
  }
  // And so long that nobody else is let in.
  void insist_beside_a_slice() {
    put_beside_a_slice();
    env_.advance(1s);
    scheduler_.wake(*task_);
    workers_.run_all();
    ASSERT_FALSE(gate_.enter({0, 1})) << "it insists";
  }
  static std::string number(std::int64_t n) {
    std::string bytes;
    append_big_endian(bytes, n);
    return bytes;
  }
  void put(std::optional<std::string> key, std::optional<std::int64_t> value, PartitionId partition = 0) {
    log_.put({"rates", partition}, {{std::move(key), value ? std::optional(number(*value)) : std::nullopt}});
  }
  // "key=value key=value" in the order of keys.
  std::string rows() {
    std::string out;
    auto all = task_->stores().at("rates")->range(std::nullopt, std::nullopt, ScanOrder::ascending);
    while (all->next())
      out += (out.empty() ? "" : " ") + std::string(all->key()) + "=" +
             std::to_string(*static_cast<const std::int64_t*>(all->value().value));
    return out;
  }
  // Of all that are shown for the global task; none: it is not shown.
  std::optional<double> dropped() {
    for (const MetricValue& m : metrics_.read())
      if (m.name.name == "dropped-records-total" && m.name.tags.at("task-id") == "-1_-1" &&
          m.name.tags.at("thread-id") == "app-GlobalStreamThread")
        return m.value;
    return {};
  }

  sim::SimEnv env_{1};
  ScriptedLog log_;
  StepExecutor workers_;
  Scheduler scheduler_{workers_};
  GlobalGate gate_{env_, [this](TaskId id) { let_in_.push_back(id.text()); },
                   [this](std::int64_t at) {
                     if (at == 0) return scheduler_.wake(*task_);
                     wake_at_.push_back(at);
                   }};
  std::vector<std::string> let_in_;
  std::vector<std::int64_t> wake_at_;
  StreamsMetrics metrics_{"app", RecordingLevel::info, env_.clock()};
  std::vector<std::string> failures_;
  Topology topology_;
  std::unique_ptr<GlobalTask> task_;
};

TEST_F(GlobalTaskTest, holds_the_last_value_of_every_key_of_all_partitions_once_it_is_loaded) {
  log_.batches_per_fetch = 1;
  put("a", 1);
  put("b", 2, 1);
  put("a", 3);
  put("c", 4, 1);
  put("b", std::nullopt, 1);
  auto loaded = make().load(log_);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(rows(), "a=3 c=4");
}

TEST_F(GlobalTaskTest, loads_from_the_start_of_the_log_and_leaves_out_what_is_aborted_or_undecided) {
  log_.put({"rates", 0}, {{"gone", number(1)}, {"b", number(1)}});
  log_.at({"rates", 0}).start = 1;  // within a batch
  put("a", 1);
  log_.put({"rates", 0}, {{"a", number(2)}}, {.producer_id = 9, .transactional = true});
  log_.put_marker({"rates", 0}, ControlType::abort, 9);
  log_.at({"rates", 0}).aborted = {{9, 3}};
  put("a", 5);
  log_.at({"rates", 0}).undecided = 5;
  ASSERT_TRUE(make().load(log_));
  EXPECT_EQ(rows(), "a=1 b=1");
  EXPECT_EQ(log_.fetches.front().offset, 1);
}

TEST_F(GlobalTaskTest, a_topic_that_is_missing_is_an_error_of_the_load) {
  ScriptedLog empty;
  GlobalTask task(topology_, OnError::fail, empty, scheduler_, gate_, metrics_, {});
  auto loaded = task.load(empty);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), ErrorCode::unknown_topic_or_partition);
  EXPECT_THAT(loaded.error().text(), HasSubstr("rates"));
}

TEST_F(GlobalTaskTest, a_value_that_does_not_deserialise_is_an_error_that_says_where) {
  put("a", 1);
  log_.put({"rates", 0}, {{"b", "three"}});
  auto loaded = make().load(log_);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().text(), AllOf(HasSubstr("topic rates, partition 0, offset 1: the value"),
                                           HasSubstr("deserialization.exception.handler")));
}

// What running skips a later start must skip, too.
TEST_F(GlobalTaskTest, where_the_handler_says_so_what_does_not_deserialise_is_skipped_and_counted) {
  put("a", 1);
  log_.put({"rates", 0}, {{"b", "three"}, {"a", "three"}, {"c", number(3)}});
  auto loaded = make(OnError::skip).load(log_);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(rows(), "a=1 c=3") << "the value before it stays";
  EXPECT_EQ(dropped(), 2);
  ASSERT_TRUE(task_->follow());
  log_.put({"rates", 1}, {{"d", number(4)}, {"e", "five"}, {"f", number(6)}});
  workers_.run_all();
  EXPECT_THAT(failures_, IsEmpty());
  EXPECT_EQ(rows(), "a=1 c=3 d=4 f=6");
  EXPECT_EQ(dropped(), 3);
}

TEST_F(GlobalTaskTest, a_key_that_does_not_deserialise_goes_to_the_handler_as_well) {
  StreamsBuilder builder;
  builder.global_table(Topic<std::int64_t, std::int64_t>{"rates"}, {.as = "rates"});
  topology_ = builder.build();
  log_.put({"rates", 0}, {{"one", number(1)}, {number(2), number(2)}});
  auto loaded = make().load(log_);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().text(), HasSubstr("offset 0: the key"));
  ASSERT_TRUE(make(OnError::skip).load(log_));
  EXPECT_EQ(rows(), number(2) + "=2");
}

TEST_F(GlobalTaskTest, follows_its_topic_from_where_the_load_ended) {
  put("a", 1);
  ASSERT_TRUE(make().load(log_));
  put("b", 2);
  EXPECT_EQ(workers_.run_all(), 0) << "it does not follow yet";
  ASSERT_TRUE(task_->follow());
  workers_.run_all();
  EXPECT_EQ(rows(), "a=1 b=2") << "nobody tells of what is there already";
  put("c", 3, 1);
  workers_.run_all();
  EXPECT_EQ(rows(), "a=1 b=2 c=3") << "what came between the two as well";
  log_.fetches.clear();
  put("c", 4, 1);
  workers_.run_all();
  EXPECT_EQ(rows(), "a=1 b=2 c=4");
  for (const FetchRequest& f : log_.fetches) EXPECT_EQ(f.partition.partition, 1) << "only who was told of";
}

TEST_F(GlobalTaskTest, goes_on_until_all_that_arrived_is_applied) {
  ASSERT_TRUE(make().load(log_));
  ASSERT_TRUE(task_->follow());
  log_.batches_per_fetch = 1;
  for (int i = 1; i <= 5; ++i) put("a", i);
  workers_.run_all();
  EXPECT_EQ(rows(), "a=5");
  EXPECT_TRUE(Scheduler::is_idle(*task_));
}

// As Kafka Streams does: GlobalStateManagerImpl.restoreState skips them, KTableSource counts them.
TEST_F(GlobalTaskTest, records_without_a_key_are_left_out_and_counted_as_they_arrive_and_not_in_the_load) {
  put(std::nullopt, 1);
  put("a", 1);
  ASSERT_TRUE(make().load(log_));
  EXPECT_EQ(dropped(), 0);
  ASSERT_TRUE(task_->follow());
  put(std::nullopt, 2);
  put("b", 2);
  put(std::nullopt, 3, 1);
  workers_.run_all();
  EXPECT_EQ(rows(), "a=1 b=2");
  EXPECT_EQ(dropped(), 2);
}

TEST_F(GlobalTaskTest, without_global_tables_it_counts_nothing) {
  StreamsBuilder builder;
  builder.stream(Topic<std::string, std::string>{"in"}).to(Topic<std::string, std::string>{"out"});
  topology_ = builder.build();
  ASSERT_TRUE(make().load(log_));
  EXPECT_EQ(dropped(), std::nullopt);
}

TEST_F(GlobalTaskTest, a_failure_while_it_follows_is_told_with_its_place) {
  ASSERT_TRUE(make().load(log_));
  ASSERT_TRUE(task_->follow());
  log_.put({"rates", 1}, {{"b", "three"}});
  workers_.run_all();
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_THAT(failures_[0], AllOf(HasSubstr("global table"), HasSubstr("rates, partition 1, offset 0")));
}

TEST_F(GlobalTaskTest, lets_its_topic_go_when_it_ends) {
  follow();
  task_.reset();
  put("a", 1);
  EXPECT_EQ(workers_.waiting(), 0u);
}

// ---------------------------------------------------------------- beside the tasks

TEST_F(GlobalTaskTest, what_arrives_while_a_slice_is_inside_is_applied_when_it_has_left) {
  put_beside_a_slice();
  EXPECT_EQ(rows(), "");
  gate_.leave();
  workers_.run_all();
  EXPECT_EQ(rows(), "a=1");
}

TEST_F(GlobalTaskTest, tasks_that_were_kept_out_go_on_when_it_is_through) {
  insist_beside_a_slice();
  gate_.leave();
  workers_.run_all();
  EXPECT_EQ(rows(), "a=1");
  EXPECT_THAT(let_in_, ElementsAre("0_1"));
}

TEST_F(GlobalTaskTest, once_stopped_it_applies_nothing_and_keeps_nobody_out) {
  insist_beside_a_slice();
  task_->stop();
  EXPECT_THAT(let_in_, ElementsAre("0_1"));
  gate_.leave();
  workers_.run_all();
  EXPECT_EQ(rows(), "");
}

}  // namespace
}  // namespace millrace
