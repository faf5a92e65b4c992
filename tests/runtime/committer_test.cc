// What is committed together, in which order, and what follows from a failure.
#include "millrace/runtime/committer.h"

#include "tests/runtime/committer_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using CommitterTest = CommitterFixture;

// ---------------------------------------------------------------- cut, decide, release

TEST_F(CommitterTest, all_tasks_offsets_join_one_transaction_after_their_output_and_the_next_begins) {
  make(copy, 0);
  make(copy, 1);
  Committer& committer = commit_with();
  put("a", "1", 0);
  put("b", "2", 1);
  put("c", "3", 1);
  work();
  committer.commit_soon();
  settle();
  EXPECT_THAT(log_.take_calls(),
              ElementsAre("append out-0", "append out-0", "offsets app in-0:1 in-1:2", "commit", "begin"));
  EXPECT_EQ(committer.commits(), 1);
}

TEST_F(CommitterTest, at_least_once_outputs_are_synced_before_offsets_are_committed) {
  make(copy);
  Committer& committer = commit_with(false);
  put("a", "1");
  work();
  committer.commit_soon();
  settle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("append out-0", "sync out-0", "commit_offsets in-0:1"));
}

TEST_F(CommitterTest, at_least_once_no_offset_is_committed_when_the_sync_of_its_output_fails) {
  make(copy);
  Committer& committer = commit_with(false);
  put("a", "1");
  work();
  log_.fails.emplace("sync", Error(ErrorCode::kafka_storage_error, "on order"));
  committer.commit_soon();
  settle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("append out-0", "sync out-0"));
  EXPECT_EQ(errors_.size(), 1u);
}

TEST_F(CommitterTest, an_interval_of_long_max_commits_when_it_is_asked_only) {
  committer_settings_.interval = Duration{INT64_MAX};
  make(copy);
  Committer& committer = commit_with();
  committer.start();
  put("a", "1");
  work();
  let_tasks_run();
  env_.run_for(1h);
  EXPECT_EQ(committer.commits(), 0);
  EXPECT_TRUE(committer.commit_and_wait());
  EXPECT_EQ(committer.commits(), 1);
}

TEST_F(CommitterTest, a_task_that_did_nothing_adds_no_offsets_and_where_none_did_anything_the_log_is_not_asked) {
  make(copy, 0);
  make(copy, 1);
  Committer& committer = commit_with();
  put("b", "2", 1);
  work();
  log_.take_calls();
  committer.commit_soon();
  settle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("offsets app in-1:1", "commit", "begin"));
  committer.commit_soon();
  settle();
  EXPECT_THAT(log_.take_calls(), IsEmpty());
  EXPECT_EQ(committer.commits(), 1);
}

TEST_F(CommitterTest, nothing_is_decided_before_every_task_has_made_its_cut) {
  make(copy, 0);
  make(copy, 1);
  Committer& committer = commit_with();
  put("a", "1", 0);
  put("b", "2", 1);
  work();
  log_.take_calls();
  committer.commit_soon();
  ASSERT_TRUE(workers_.run_one());
  env_.run_until_idle();
  EXPECT_THAT(log_.take_calls(), IsEmpty()) << "the second task has not made its cut";
  ASSERT_TRUE(workers_.run_one());
  env_.run_until_idle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("offsets app in-0:1 in-1:1", "commit", "begin"));
}

TEST_F(CommitterTest, what_a_task_does_after_its_cut_is_appended_once_the_next_transaction_has_begun) {
  make(copy);
  Committer& committer = commit_with();
  put("a", "1");
  work();
  committer.commit_soon();
  work();  // the cut
  put("b", "2");
  work();
  EXPECT_EQ(log_.text({"out", 0}), "a=1");
  settle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("append out-0", "offsets app in-0:1", "commit", "begin", "append out-0"));
  committer.commit_soon();
  settle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("offsets app in-0:2", "commit", "begin"));
}

TEST_F(CommitterTest, a_commit_asked_for_during_another_follows_it) {
  make(copy);
  Committer& committer = commit_with();
  put("a", "1");
  work();
  committer.commit_soon();
  work();
  put("b", "2");
  work();
  committer.commit_soon();
  committer.commit_soon();
  settle();
  EXPECT_EQ(committer.commits(), 2);
  EXPECT_EQ(log_.calls.back(), "begin");
}

TEST_F(CommitterTest, commits_every_interval_from_the_start_on) {
  make(copy);
  committer_settings_.interval = Duration{100};
  Committer& committer = commit_with();
  let_tasks_run();
  committer.start();
  for (int i = 1; i <= 5; ++i) {
    const std::int64_t last_ns = env_.clock().monotonic_ns();
    put("a", std::to_string(i));
    ASSERT_TRUE(env_.run_until([&] { return committer.commits() == i; }, 1s));
    EXPECT_NEAR(static_cast<double>(env_.clock().monotonic_ns() - last_ns) / 1e6, 100, 2) << "simulated time";
  }
  committer.stop();
}

// ---------------------------------------------------------------- repartition topics

TEST_F(CommitterTest, what_all_have_read_of_a_repartition_topic_is_deleted_and_nothing_else) {
  make(copy, 0);
  make(copy, 1);
  committer_settings_.repartition_topics = {"in"};
  Committer& committer = commit_with();
  put("a", "1", 0);
  runners_[1]->input_arrived(0);
  work();
  log_.take_calls();
  committer.commit_soon();
  settle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("offsets app in-0:1", "commit", "begin", "delete_records in-0:1"));
}

TEST_F(CommitterTest, nothing_is_deleted_of_a_repartition_topic_of_which_nothing_was_read) {
  log_.create("empty");
  make([](StreamsBuilder& b) {
    constexpr Topic<std::string, std::string> in{"in"}, empty{"empty"}, out{"out"};
    b.stream(in).merge(b.stream(empty)).to(out);
  });
  committer_settings_.repartition_topics = {"in", "empty"};
  Committer& committer = commit_with();
  put("a", "1");
  work();
  log_.take_calls();
  committer.commit_soon();
  settle();
  EXPECT_THAT(log_.take_calls(),
              ElementsAre("offsets app empty-0:0 in-0:1", "commit", "begin", "delete_records in-0:1"));
}

TEST_F(CommitterTest, input_that_is_somebody_elses_is_never_deleted_and_a_deletion_that_fails_fails_no_commit) {
  make(copy);
  committer_settings_.repartition_topics = {"other"};
  Committer& others = commit_with();
  put("a", "1");
  work();
  log_.take_calls();
  others.commit_soon();
  settle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("offsets app in-0:1", "commit", "begin"));

  committer_settings_.repartition_topics = {"in"};
  Committer& own = commit_with();
  put("b", "2");
  work();
  log_.fails.emplace("delete_records", Error(ErrorCode::kafka_storage_error, "on order"));
  own.commit_soon();
  settle();
  EXPECT_EQ(own.commits(), 1);
  EXPECT_THAT(errors_, IsEmpty());
}

// ---------------------------------------------------------------- failure, pause, stop

TEST_F(CommitterTest, a_commit_that_fails_releases_nothing_and_no_other_begins_until_somebody_resumes) {
  for (const std::string step : {"offsets", "commit", "begin"}) {
    runners_.clear();
    members_.clear();
    errors_.clear();
    make(copy);
    Committer& committer = commit_with();
    put("a", "1");
    work();
    committer.commit_soon();
    work();
    put("b", "2");
    work();
    log_.take_calls();
    log_.fails.emplace(step, Error(ErrorCode::request_timed_out, "on order"));
    settle();
    ASSERT_EQ(errors_.size(), 1u) << step;
    EXPECT_EQ(errors_[0].code(), ErrorCode::request_timed_out);
    EXPECT_TRUE(runners_[0]->output().is_holding()) << step;
    EXPECT_EQ(committer.commits(), 0) << step;
    EXPECT_EQ(log_.take_calls().back().substr(0, step.size()), step);
    runners_[0]->release();  // could take part again, as a task that is opened anew
    settle();
    log_.take_calls();
    committer.commit_soon();
    settle();
    EXPECT_THAT(log_.take_calls(), IsEmpty()) << step;
    committer.resume();
    settle();
    EXPECT_EQ(committer.commits(), 1) << step << ": what was asked for while it was paused";
    committer.stop();
  }
}

TEST_F(CommitterTest, a_task_that_has_failed_prevents_the_decision_and_the_committer_waits_to_be_resumed) {
  make(copy, 0);
  make(
      [](StreamsBuilder& b) {
        b.stream(Topic<std::string, std::string>{"in"}).for_each([](const std::string&) {
          throw std::runtime_error("no");
        });
      },
      1);
  Committer& committer = commit_with();
  put("a", "1", 0);
  put("b", "2", 1);
  work();
  ASSERT_EQ(failures_.size(), 1u);
  committer.commit_soon();
  settle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("append out-0"));
  EXPECT_THAT(errors_, IsEmpty()) << "the task's own failure says why";
  EXPECT_TRUE(committer.pause()) << "nothing is under way";
  committer.commit_soon();
  settle();
  EXPECT_THAT(log_.take_calls(), IsEmpty());
  TaskRunner& anew = make(copy, 0);
  members_ = {{&anew, nullptr, {}}};
  anew.wake();
  work();
  committer.resume();
  settle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("append out-0", "offsets app in-0:1", "commit", "begin"));
}

TEST_F(CommitterTest, pause_waits_for_the_commit_under_way_and_holds_up_the_next) {
  make(copy);
  Committer& committer = commit_with();
  put("a", "1");
  work();
  let_tasks_run();
  committer.commit_soon();
  EXPECT_TRUE(committer.pause());
  EXPECT_EQ(committer.commits(), 1);
  put("b", "2");
  committer.commit_soon();
  env_.run_for(1s);
  EXPECT_EQ(committer.commits(), 1);
  committer.resume();
  env_.run_until_idle();
  EXPECT_EQ(committer.commits(), 2);
  committer.stop();
}

TEST_F(CommitterTest, after_a_pause_without_a_wish_the_interval_goes_on) {
  make(copy);
  Committer& committer = commit_with();
  let_tasks_run();
  ASSERT_TRUE(committer.pause());
  put("a", "1");
  committer.resume();
  env_.run_for(50ms);
  EXPECT_EQ(committer.commits(), 0);
  env_.run_for(51ms);
  EXPECT_EQ(committer.commits(), 1);
  committer.stop();
}

TEST_F(CommitterTest, stop_waits_for_the_commit_under_way_and_none_follows) {
  make(copy);
  Committer& committer = commit_with();
  put("a", "1");
  work();
  let_tasks_run();
  committer.commit_soon();
  committer.stop();
  EXPECT_EQ(committer.commits(), 1);
  put("b", "2");
  committer.commit_soon();
  env_.run_for(10s);
  EXPECT_EQ(committer.commits(), 1);
}

// ---------------------------------------------------------------- commit_and_wait

TEST_F(CommitterTest, who_waits_after_the_stop_is_told_that_nothing_was_committed_whatever_was_before) {
  make(copy);
  Committer& committer = commit_with();
  put("a", "1");
  settle();
  committer.commit_soon();
  settle();
  ASSERT_EQ(committer.commits(), 1);
  committer.stop();
  auto none = committer.commit_and_wait();
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST_F(CommitterTest, who_waits_is_told_whether_there_was_anything_to_commit) {
  make(copy);
  Committer& committer = commit_with();
  let_tasks_run();
  put("a", "1");
  env_.run_until_idle();
  auto first = committer.commit_and_wait();
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_TRUE(*first);
  auto second = committer.commit_and_wait();
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_FALSE(*second);
  committer.stop();
}

TEST_F(CommitterTest, who_waits_gets_a_commit_that_began_after_the_call_not_the_one_under_way) {
  make(copy);
  Committer& committer = commit_with();
  put("a", "1");
  work();
  committer.commit_soon();
  work();  // the cut is made: b is not in it
  put("b", "2");
  work();
  let_tasks_run();
  auto done = committer.commit_and_wait();
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_THAT(log_.calls, ::testing::Contains("offsets app in-0:2"));
  committer.stop();
}

TEST_F(CommitterTest, who_waits_gives_up_after_the_timeout_and_the_commit_goes_on_by_itself) {
  make(copy);
  Committer& committer = commit_with();
  put("a", "1");
  work();
  auto late = committer.commit_and_wait(Duration{50});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::request_timed_out);
  EXPECT_THAT(late.error().message(), HasSubstr("50 ms"));
  settle();
  EXPECT_EQ(committer.commits(), 1);
}

TEST_F(CommitterTest, who_waits_gets_the_error_with_which_the_group_fails_and_nothing_is_committed_after_it) {
  make(copy);
  Committer& committer = commit_with();
  put("a", "1");
  work();
  io_->post([&] {
    committer.fail(Error(ErrorCode::producer_fenced, "the first"));
    committer.fail(Error(ErrorCode::kafka_storage_error, "the second"));
  });
  auto failed = committer.commit_and_wait();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::producer_fenced);
  const auto commits = committer.commits();
  settle();
  put("b", "2");
  settle();
  committer.commit_soon();
  env_.run_for(1s);
  EXPECT_LE(committer.commits(), commits + 1) << "at most the one that was under way";
  EXPECT_FALSE(committer.commit_and_wait());
}

}  // namespace
}  // namespace millrace
