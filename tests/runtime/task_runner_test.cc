// One task on the log: slices, cuts, what is held back, failures, and what it waits for.
#include "millrace/runtime/task_runner.h"

#include "tests/runtime/runner_fixture.h"
#include "tests/statestore/memory_checkpoint.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Topic<std::string, std::string> in{"in"}, second{"second"}, out{"out"};

class TaskRunnerTest : public RunnerFixture {
 protected:
  TaskRunnerTest() {
    log_.configs["max.message.bytes"] = std::to_string(4 << 20);
    for (const char* topic : {"in", "second", "out", "app-rows-changelog"}) log_.create(topic);
  }
  void put(const std::string& value, const std::string& topic = "in", std::int64_t timestamp = 0) {
    log_.put({topic, 0}, {{"k", value, timestamp}});
  }
  TaskRunner& merging() {
    return make([](StreamsBuilder& b) { b.stream(in).merge(b.stream(second)).to(out); });
  }
  TaskRunner& throwing() {
    return make([](StreamsBuilder& b) {
      b.stream(in).for_each([](const std::string& v) {
        if (v == "bad") throw std::runtime_error("boom");
      });
    });
  }
  TaskRunner& storing(contract::MemoryCheckpoint& checkpoint) {
    settings_.cache_max_bytes = 0;
    settings_.message_bytes_max["app-rows-changelog"] = 4 << 20;
    return make(
        [](StreamsBuilder& b) {
          b.stream(in).group_by_key().reduce([](const std::string&, const std::string& v) { return v; },
                                             {.as = "rows"});
        },
        0, &checkpoint);
  }
  std::string output() { return log_.text({"out", 0}); }
  static void cut(TaskRunner& runner) {
    runner.request_cut();
    run(runner);
  }
  static Offset cut_offset(TaskRunner& runner, const std::string& topic = "in") {
    return runner.cut().offsets.at({topic, 0}).offset;
  }
};

// ---------------------------------------------------------------- slices

TEST_F(TaskRunnerTest, a_slice_takes_what_is_there_and_appends_its_output_once_at_its_end) {
  TaskRunner& runner = make(copy);
  put("1");
  put("2");
  EXPECT_FALSE(runner.run_slice());
  EXPECT_EQ(output(), "k=1 k=2");
  EXPECT_THAT(log_.calls, ElementsAre("append out-0"));
  EXPECT_EQ(runner.processed(), 2);
}

TEST_F(TaskRunnerTest, a_slice_ends_after_a_millisecond_and_says_that_there_is_more) {
  TaskRunner& runner =
      make([this](StreamsBuilder& b) { b.stream(in).peek([this](const std::string&) { env_.advance(1ms); }).to(out); });
  log_.put({"in", 0}, std::vector<QueuedRecord>(1000, {"k", "v"}));
  EXPECT_TRUE(runner.run_slice());
  EXPECT_GT(runner.processed(), 0);
  EXPECT_LT(runner.processed(), 100);
  EXPECT_EQ(log_.at({"out", 0}).end, runner.processed()) << "its output is out at the end of the slice";
  run(runner);
  EXPECT_EQ(runner.processed(), 1000);
}

TEST_F(TaskRunnerTest, a_cut_that_is_asked_for_ends_the_slice_early) {
  TaskRunner* self = nullptr;
  self = &make(
      [&self](StreamsBuilder& b) { b.stream(in).for_each([&self](const std::string&) { self->request_cut(); }); });
  log_.put({"in", 0}, std::vector<QueuedRecord>(1000, {"k", "v"}));
  EXPECT_TRUE(self->run_slice()) << "the cut is still to do";
  EXPECT_LT(self->processed(), 100);
}

TEST_F(TaskRunnerTest, reads_committed_input_exactly_once_and_any_input_at_least_once) {
  put("1");
  put("2");
  log_.at({"in", 0}).undecided = 1;
  TaskRunner& exactly_once = make(copy);
  run(exactly_once);
  EXPECT_EQ(output(), "k=1");
  environment_.exactly_once = false;
  TaskRunner& at_least_once = make(copy);
  run(at_least_once);
  EXPECT_EQ(output(), "k=1 k=1 k=2");
}

TEST_F(TaskRunnerTest, reads_a_repartition_topic_as_the_producer_of_the_group_where_the_log_is_embedded_only) {
  environment_.repartition_topics = {"in"};
  TaskRunner& runner = merging();
  run(runner);
  for (const FetchRequest& f : log_.fetches)
    EXPECT_EQ(f.own_producer_id, f.partition.topic == "in" ? ScriptedLog::id : -1) << f.partition.text();
  log_.fetches.clear();
  environment_.embedded = false;
  run(merging());
  EXPECT_EQ(log_.fetches.size(), 2u);
  for (const FetchRequest& f : log_.fetches) EXPECT_EQ(f.own_producer_id, -1);
}

TEST_F(TaskRunnerTest, asks_the_log_again_only_when_it_was_told_of_something) {
  TaskRunner& runner = make(copy);
  run(runner);
  log_.fetches.clear();
  run(runner);
  EXPECT_THAT(log_.fetches, IsEmpty());
  put("1");
  runner.input_arrived(0);
  runner.input_arrived(0);
  EXPECT_EQ(workers_.waiting(), 1u);
  workers_.run_all();
  EXPECT_EQ(output(), "k=1");
}

TEST_F(TaskRunnerTest, an_input_that_runs_dry_is_asked_for_more_before_younger_records_of_others_go_on) {
  log_.batches_per_fetch = 1;
  put("a1", "in", 1);
  put("a2", "in", 2);
  put("a4", "in", 4);
  log_.put({"second", 0}, {{"k", "b3", 3}, {"k", "b5", 5}});
  run(merging());
  EXPECT_EQ(output(), "k=a1 k=a2 k=b3 k=a4 k=b5");
}

// ---------------------------------------------------------------- max.task.idle.ms

TEST_F(TaskRunnerTest, an_empty_input_holds_the_others_up_for_max_task_idle_and_the_task_asks_to_be_woken_then) {
  environment_.max_idle_ns = 5'000'000;
  TaskRunner& runner = merging();
  put("a1", "in", 10);
  run(runner);
  EXPECT_EQ(output(), "");
  const std::int64_t now = env_.clock().monotonic_ns();
  ASSERT_EQ(wake_at_.size(), 1u);
  EXPECT_NEAR(static_cast<double>(wake_at_[0] - now), 5e6, 1e3) << "simulated time";
  env_.advance(4ms);
  run(runner);
  EXPECT_EQ(output(), "");
  EXPECT_EQ(wake_at_.size(), 1u) << "one wake-up is enough";
  env_.advance(1ms);
  run(runner);
  EXPECT_EQ(output(), "k=a1");
}

TEST_F(TaskRunnerTest, an_older_record_that_arrives_while_the_others_are_held_up_goes_first) {
  environment_.max_idle_ns = 5'000'000;
  TaskRunner& runner = merging();
  put("a10", "in", 10);
  run(runner);
  env_.advance(3ms);
  put("b5", "second", 5);
  runner.input_arrived(1);
  workers_.run_all();
  EXPECT_EQ(output(), "k=b5");
  env_.advance(3ms);
  run(runner);
  EXPECT_EQ(output(), "k=b5") << "the second is empty again, and has its time again";
  env_.advance(2ms);
  run(runner);
  EXPECT_EQ(output(), "k=b5 k=a10");
}

// ---------------------------------------------------------------- cuts

TEST_F(TaskRunnerTest, a_cut_gives_offsets_what_was_touched_and_the_changelog_since_the_last) {
  contract::MemoryCheckpoint checkpoint;
  TaskRunner& runner = storing(checkpoint);
  runner.output().keep(runner.output().topic("app-rows-changelog"));
  put("1");
  put("2");
  run(runner);
  cut(runner);
  EXPECT_TRUE(runner.cut().dirty);
  EXPECT_EQ(cut_offset(runner), 2);
  EXPECT_THAT(runner.cut().touched, ElementsAre(TopicPartition{"app-rows-changelog", 0}));
  ASSERT_EQ(runner.cut().logged.size(), 1u);
  EXPECT_EQ(runner.cut().logged[0].piece.next_offset, 2);
  runner.release();
  cut(runner);
  EXPECT_FALSE(runner.cut().dirty);
  EXPECT_THAT(runner.cut().touched, IsEmpty());
  EXPECT_THAT(runner.cut().logged, IsEmpty());
}

TEST_F(TaskRunnerTest, a_cut_logs_and_forwards_what_the_record_cache_holds_back) {
  TaskRunner& runner = make([](StreamsBuilder& b) {
    b.stream(in)
        .group_by_key()
        .reduce([](const std::string& a, const std::string& v) { return a + v; }, {.as = "rows"})
        .to_stream()
        .to(out);
  });
  put("1");
  put("2");
  run(runner);
  EXPECT_EQ(output(), "");
  cut(runner);
  EXPECT_EQ(output(), "k=12");
  EXPECT_EQ(log_.text({"app-rows-changelog", 0}), "k=12");
  EXPECT_TRUE(runner.cut().dirty);
}

TEST_F(TaskRunnerTest, a_task_that_processed_without_output_is_dirty_too) {
  TaskRunner& runner = throwing();
  put("1");
  run(runner);
  cut(runner);
  EXPECT_TRUE(runner.cut().dirty);
  runner.release();
  cut(runner);
  EXPECT_FALSE(runner.cut().dirty);
}

// Else retention that takes markers and aborted records makes the next start miss them.
TEST_F(TaskRunnerTest, a_task_that_only_passed_a_marker_or_aborted_records_is_dirty_too) {
  for (const bool exactly_once : {false, true}) {
    environment_.exactly_once = exactly_once;
    TaskRunner& runner = throwing();
    const Offset start = log_.at({"in", 0}).end;
    runner.task().inputs()[0]->seek(start, Timestamp{-1});
    run(runner);
    cut(runner);
    EXPECT_FALSE(runner.cut().dirty) << "it stands where it was put";
    runner.release();
    if (exactly_once) {
      log_.at({"in", 0}).aborted = {{9, start}};
      log_.put({"in", 0}, {{"k", "aborted"}}, {.producer_id = 9, .transactional = true});
    } else {
      put("1");
    }
    runner.input_arrived(0);
    run(runner);
    cut(runner);
    runner.release();
    log_.put_marker({"in", 0}, exactly_once ? ControlType::abort : ControlType::commit, 9);
    runner.input_arrived(0);
    run(runner);
    cut(runner);
    EXPECT_TRUE(runner.cut().dirty) << exactly_once;
    EXPECT_EQ(cut_offset(runner), start + 2);
    runner.release();
    cut(runner);
    EXPECT_FALSE(runner.cut().dirty) << exactly_once;
  }
}

TEST_F(TaskRunnerTest, exactly_once_output_after_the_cut_waits_for_the_release) {
  TaskRunner& runner = make(copy);
  put("1");
  run(runner);
  cut(runner);
  put("2");
  runner.input_arrived(0);
  run(runner);
  EXPECT_EQ(runner.processed(), 2) << "it goes on";
  EXPECT_EQ(output(), "k=1");
  EXPECT_EQ(cut_offset(runner), 1);
  runner.release();
  run(runner);
  EXPECT_EQ(output(), "k=1 k=2");
}

TEST_F(TaskRunnerTest, at_least_once_output_after_the_cut_goes_on) {
  environment_.exactly_once = false;
  TaskRunner& runner = make(copy);
  cut(runner);
  put("1");
  runner.input_arrived(0);
  run(runner);
  EXPECT_EQ(output(), "k=1");
}

TEST_F(TaskRunnerTest, the_next_cut_waits_until_the_last_is_decided_and_holds_what_came_between) {
  TaskRunner& runner = make(copy);
  cut(runner);
  put("1");
  runner.input_arrived(0);
  run(runner);
  log_.take_calls();
  cut(runner);
  EXPECT_THAT(log_.take_calls(), IsEmpty());
  runner.release();
  workers_.run_all();
  EXPECT_THAT(log_.take_calls(), ElementsAre("append out-0", "cut 0_0"));
  EXPECT_TRUE(runner.cut().dirty);
  EXPECT_EQ(cut_offset(runner), 1);
}

TEST_F(TaskRunnerTest, a_task_that_holds_too_much_back_waits_for_the_release) {
  TaskRunner& runner = make([](StreamsBuilder& b) {
    b.stream(in).map_values([](const std::string&) { return std::string(1 << 20, 'x'); }).to(out);
  });
  cut(runner);
  log_.put({"in", 0}, std::vector<QueuedRecord>(33, {"k", "v"}));
  runner.input_arrived(0);
  run(runner);
  put("one more");
  runner.input_arrived(0);
  run(runner);
  EXPECT_EQ(runner.processed(), 33);
  runner.release();
  workers_.run_all();
  EXPECT_EQ(runner.processed(), 34);
  EXPECT_EQ(log_.at({"out", 0}).end, 34);
}

// ---------------------------------------------------------------- suspended, stopped, failed

TEST_F(TaskRunnerTest, a_suspended_task_takes_part_in_cuts_and_answers_but_processes_nothing_until_it_is_resumed) {
  TaskRunner& runner = make(copy);
  runner.suspend({1});
  put("1");
  run(runner);
  bool answered = false;
  runner.post([&] { answered = true; });
  cut(runner);
  EXPECT_TRUE(answered);
  EXPECT_THAT(log_.take_calls(), ElementsAre("cut 0_0"));
  EXPECT_FALSE(runner.cut().dirty);
  EXPECT_EQ(cut_offset(runner), 0);
  workers_.run_all();
  EXPECT_EQ(runner.processed(), 0);
  runner.resume();
  workers_.run_all();
  EXPECT_EQ(runner.processed(), 1);
}

TEST_F(TaskRunnerTest, a_stopped_task_does_nothing_but_keeps_no_commit_waiting) {
  TaskRunner& runner = make(copy);
  runner.stop();
  put("1");
  runner.wake();
  EXPECT_EQ(workers_.waiting(), 0u);
  bool answered = false;
  runner.post([&] { answered = true; });
  cut(runner);
  EXPECT_EQ(runner.processed(), 0);
  EXPECT_THAT(log_.take_calls(), ElementsAre("cut 0_0"));
  EXPECT_FALSE(answered);
  runner.answer_jobs();
  EXPECT_TRUE(answered);
}

TEST_F(TaskRunnerTest, jobs_run_once_in_the_order_they_were_posted_before_the_slices_records) {
  TaskRunner& runner = make(copy);
  put("1");
  std::string order;
  runner.post([&] { order += "a" + std::to_string(runner.task().counters().processed); });
  runner.post([&] {
    order += "b";
    runner.post([&] { order += "c"; });
  });
  workers_.run_all();
  EXPECT_EQ(order, "a0bc");
}

TEST_F(TaskRunnerTest, a_users_exception_fails_the_task_which_does_nothing_more_and_keeps_no_commit_waiting) {
  TaskRunner& runner = throwing();
  put("bad");
  put("good");
  run(runner);
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_FALSE(failures_[0].is_of_log);
  EXPECT_THAT(failures_[0].error.message(), AllOf(HasSubstr("0_0"), HasSubstr("offset 0"), HasSubstr("boom")));
  EXPECT_TRUE(runner.has_failed());
  log_.take_calls();
  cut(runner);
  EXPECT_THAT(log_.take_calls(), ElementsAre("cut 0_0"));
  EXPECT_EQ(failures_.size(), 1u);
  EXPECT_EQ(runner.task().counters().processed, 0);
}

TEST_F(TaskRunnerTest, whatever_is_thrown_fails_the_task_alone_be_it_at_a_record_or_in_its_cut) {
  for (const bool at_cut : {false, true}) {
    TaskRunner& runner = make([at_cut](StreamsBuilder& b) {
      auto counted = b.stream(in).peek([at_cut](const std::string&) {
        if (!at_cut) throw 42;
      });
      counted.group_by_key().count({.as = "rows"}).to_stream().for_each([](std::int64_t) { throw 42; });
    });
    put("1");
    run(runner);
    cut(runner);
    EXPECT_TRUE(runner.has_failed()) << at_cut;
    ASSERT_FALSE(failures_.empty());
    EXPECT_EQ(failures_.back().is_of_record, !at_cut);
    EXPECT_THAT(failures_.back().error.message(), HasSubstr("something was thrown"));
  }
  EXPECT_EQ(failures_.size(), 2u);
}

TEST_F(TaskRunnerTest, a_failure_in_the_cut_itself_is_told_before_the_cut_is_answered) {
  TaskRunner& runner = make([](StreamsBuilder& b) {
    b.stream(in).group_by_key().count({.as = "rows"}).to_stream().for_each([](std::int64_t) {
      throw std::runtime_error("boom");
    });
  });
  environment_.on_failure = [this](TaskRunner&, const TaskFailure&) { log_.calls.push_back("failed"); };
  put("1");
  run(runner);
  log_.take_calls();
  cut(runner);
  EXPECT_THAT(log_.take_calls(), ElementsAre("failed", "cut 0_0"));
  EXPECT_TRUE(runner.has_failed());
}

TEST_F(TaskRunnerTest, what_the_log_refuses_is_a_failure_of_the_log_with_its_code) {
  for (const char* name : {"append", "fetch"}) {
    failures_.clear();
    TaskRunner& runner = make(copy);
    put("1");
    log_.fails.emplace(name, Error(ErrorCode::offset_out_of_range, "on order"));
    run(runner);
    ASSERT_EQ(failures_.size(), 1u) << name;
    EXPECT_TRUE(failures_[0].is_of_log) << name;
    EXPECT_EQ(failures_[0].error.code(), ErrorCode::offset_out_of_range) << name;
    EXPECT_THAT(failures_[0].error.message(), HasSubstr(name == std::string("fetch") ? "in-0" : "out-0"));
  }
}

// ---------------------------------------------------------------- how far it is

TEST_F(TaskRunnerTest, has_processed_to_an_offset_when_its_output_is_appended_and_wakes_itself_where_it_was_not_told) {
  TaskRunner& runner = make(copy);
  run(runner);
  put("1");  // the log is late to tell
  EXPECT_FALSE(runner.has_processed_to(0, 1));
  EXPECT_EQ(output(), "");
  workers_.run_all();
  EXPECT_TRUE(runner.has_processed_to(0, 1));
  EXPECT_EQ(output(), "k=1");
  EXPECT_FALSE(runner.has_processed_to(0, 2));
}

TEST_F(TaskRunnerTest, an_empty_input_is_processed_to_its_end_once_it_was_looked_at) {
  TaskRunner& runner = make(copy);
  EXPECT_FALSE(runner.has_processed_to(0, 0));
  workers_.run_all();
  EXPECT_TRUE(runner.has_processed_to(0, 0));
}

TEST_F(TaskRunnerTest, an_end_that_compaction_has_emptied_is_processed_once_it_was_looked_at) {
  TaskRunner& runner = make(copy);
  put("1");
  log_.at({"in", 0}).end = 9;
  run(runner);
  EXPECT_TRUE(runner.has_processed_to(0, 9));
}

TEST_F(TaskRunnerTest, markers_at_the_end_are_processed_and_undecided_records_are_not) {
  TaskRunner& runner = make(copy);
  put("1");
  log_.put_marker({"in", 0}, ControlType::commit, 9);
  put("2");
  log_.at({"in", 0}).undecided = 2;
  run(runner);
  EXPECT_TRUE(runner.has_processed_to(0, 2));
  EXPECT_FALSE(runner.has_processed_to(0, 3));
}

TEST_F(TaskRunnerTest, what_is_fetched_and_not_processed_is_not_processed) {
  TaskRunner& runner =
      make([this](StreamsBuilder& b) { b.stream(in).for_each([this](const std::string&) { env_.advance(1ms); }); });
  log_.put({"in", 0}, std::vector<QueuedRecord>(1000, {"k", "v"}));
  ASSERT_TRUE(runner.run_slice());
  EXPECT_TRUE(runner.has_processed_to(0, runner.processed()));
  EXPECT_FALSE(runner.has_processed_to(0, runner.processed() + 1));
  run(runner);
  EXPECT_TRUE(runner.has_processed_to(0, 1000));
  runner.stop();
  EXPECT_FALSE(runner.has_processed_to(0, 1000)) << "who is stopped is about to be opened anew";
}

// ---------------------------------------------------------------- memory

TEST_F(TaskRunnerTest, asks_for_an_early_commit_when_much_changelog_waits_for_one) {
  environment_.tail_bytes_max = 40'000;
  contract::MemoryCheckpoint checkpoint;
  TaskRunner& runner = storing(checkpoint);
  runner.output().keep(runner.output().topic("app-rows-changelog"));
  put(std::string(9'000, 'x'));
  run(runner);
  EXPECT_EQ(full_tails_, 0);
  put(std::string(2'000, 'x'));
  runner.input_arrived(0);
  run(runner);
  EXPECT_EQ(full_tails_, 1);
  cut(runner);
  runner.release();
  full_tails_ = 0;
  run(runner);
  EXPECT_EQ(full_tails_, 0) << "it is committed";
}

TEST_F(TaskRunnerTest, a_task_whose_stores_cannot_shrink_asks_for_a_checkpoint_waits_for_it_and_goes_on_after_it) {
  environment_.value_cache_bytes = 1 << 20;
  contract::MemoryCheckpoint checkpoint;
  TaskRunner& runner = storing(checkpoint);
  const std::string value(1 << 20, 'x');
  for (int i = 0; i < 10; ++i) log_.put({"in", 0}, {{"k" + std::to_string(i), value}});
  env_.advance(1s);
  run(runner);
  EXPECT_EQ(full_memories_, 1);
  put("next");
  runner.input_arrived(0);
  workers_.run_all();
  EXPECT_EQ(runner.processed(), 10) << "it is far over what it may take";
  runner.note_checkpoint(0, 10);
  env_.advance(1s);
  workers_.run_all();
  EXPECT_EQ(runner.processed(), 11);
  EXPECT_LT(runner.task().memory_bytes(), 2u << 20);
}

TEST_F(TaskRunnerTest, a_task_that_can_shrink_does_so_and_asks_for_nothing) {
  environment_.value_cache_bytes = 1 << 20;
  contract::MemoryCheckpoint checkpoint;
  TaskRunner& runner = storing(checkpoint);
  for (int i = 0; i < 3; ++i) log_.put({"in", 0}, {{"k" + std::to_string(i), std::string(1 << 20, 'x')}});
  run(runner);
  runner.note_checkpoint(0, 3);
  env_.advance(1s);
  workers_.run_all();
  EXPECT_LE(runner.task().memory_bytes(), 1u << 20);
  EXPECT_EQ(full_memories_, 0);
}

// ---------------------------------------------------------------- who else is about

TEST_F(TaskRunnerTest, a_slice_ends_after_the_record_in_hand_when_the_global_task_insists) {
  TaskRunner& other = make(copy);
  TaskRunner* running = &other;
  int processed = 0;
  TaskRunner& runner = make([&](StreamsBuilder& b) {
    b.stream(in).for_each([&](const std::string&) {
      if (++processed != 2) return;
      EXPECT_FALSE(gate_.enter_alone());  // as another worker would
      env_.advance(1s);
      EXPECT_FALSE(gate_.enter_alone());
      EXPECT_FALSE(running->run_slice()) << "it is not let in";
    });
  });
  for (int i = 0; i < 10; ++i) put("v");
  EXPECT_TRUE(runner.run_slice());
  EXPECT_EQ(processed, 2);
  EXPECT_TRUE(gate_.enter_alone());
  gate_.leave_alone();
  EXPECT_TRUE(other.run_slice() || !output().empty());
  run(runner);
  EXPECT_EQ(processed, 10);
}

TEST_F(TaskRunnerTest, takes_no_record_once_the_application_has_failed_and_still_makes_its_cut) {
  TaskRunner& runner = make(copy);
  put("1");
  run(runner);
  environment_.has_failed = true;
  put("2");
  cut(runner);
  EXPECT_EQ(output(), "k=1");
  EXPECT_EQ(cut_offset(runner), 1);
}

TEST_F(TaskRunnerTest, questions_that_were_given_up_do_not_pile_up_while_a_lambda_does_not_return) {
  TaskRunner& runner = make(copy);
  int answered = 0;
  runner.post([&] { ++answered; }, [] { return true; });
  for (int i = 0; i < 100'000; ++i) runner.post([&] { ++answered; }, [] { return false; });
  runner.post([&] { ++answered; });
  EXPECT_LT(runner.jobs_waiting(), 1000u);
  const auto left = static_cast<int>(runner.jobs_waiting());
  run(runner);
  EXPECT_EQ(answered, left);
  EXPECT_EQ(runner.jobs_waiting(), 0u);
}

}  // namespace
}  // namespace millrace
