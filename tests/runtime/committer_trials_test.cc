// Trials: a transaction of a task that has failed before, while the others hold back what they write.
#include "tests/runtime/committer_fixture.h"

namespace millrace {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// Task 0 has failed at its first record.
class CommitterTrials : public CommitterFixture {
 protected:
  CommitterTrials() {
    committer_settings_.on_tried = [this](TaskId id, bool passed) {
      tried_.push_back(id.text() + (passed ? " passed" : " did not pass"));
    };
  }
  Committer& commit_two(const TopologyFunction& first = copy, Offset to_pass = 1) {
    make(first, 0).suspend({to_pass});
    make(copy, 1);
    Committer& committer = commit_with();
    log_.take_calls();
    return committer;
  }
  // Until the others' work is decided and the trial may begin.
  void begin_trial(Committer& committer) {
    committer.try_alone({0, 0});
    work();                 // both make their cut
    env_.run_until_idle();  // the decision
  }
  std::vector<std::string> tried_;
};

TEST_F(CommitterTrials, a_trial_is_a_transaction_of_its_own_after_a_commit_of_all) {
  Committer& committer = commit_two();
  put("a", "1", 0);
  put("b", "2", 1);
  work();
  committer.try_alone({0, 0});
  settle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("append out-0", "offsets app in-1:1", "commit", "begin",  // of all
                                             "append out-0", "offsets app in-0:1", "commit", "begin"));
  EXPECT_THAT(tried_, ElementsAre("0_0 passed"));
  EXPECT_EQ(committer.commits(), 2);
  put("c", "3", 0);
  settle();
  EXPECT_EQ(log_.text({"out", 0}), "b=2 a=1 c=3") << "it goes on with the others";
}

TEST_F(CommitterTrials, the_others_hold_back_what_they_write_until_the_trial_is_decided) {
  Committer& committer = commit_two();
  put("a", "1", 0);
  begin_trial(committer);
  put("b", "2", 1);
  runners_[1]->run_slice();
  EXPECT_EQ(runners_[1]->processed(), 1) << "nobody waits";
  EXPECT_EQ(log_.text({"out", 0}), "");
  settle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("append out-0", "offsets app in-0:1", "commit", "begin", "append out-0"));
  EXPECT_EQ(log_.text({"out", 0}), "a=1 b=2");
}

TEST_F(CommitterTrials, the_others_read_nothing_undecided_of_repartition_topics_from_their_cut_to_the_trials_end) {
  environment_.repartition_topics = {"in"};
  Committer& committer = commit_two();
  put("a", "1", 0);
  begin_trial(committer);
  log_.at({"in", 1}).undecided = 0;  // the tried task writes there
  put("b", "2", 1);
  runners_[1]->run_slice();
  EXPECT_EQ(runners_[1]->processed(), 0);
  EXPECT_FALSE(runners_[1]->has_processed_to(0, 1));
  settle();
  EXPECT_EQ(runners_[1]->processed(), 1) << "released, it looks again by itself";
}

TEST_F(CommitterTrials, it_passes_only_behind_all_that_a_repartition_topic_held_at_its_start) {
  environment_.repartition_topics = {"in"};
  Committer& committer = commit_two(copy, 1);
  put("a", "1", 0);
  put("b", "2", 0);
  log_.batches_per_fetch = 1;
  begin_trial(committer);
  settle();
  EXPECT_THAT(log_.calls, Contains("offsets app in-0:2"));
  EXPECT_THAT(tried_, ElementsAre("0_0 passed"));
}

TEST_F(CommitterTrials, a_task_that_does_not_get_past_its_failure_in_a_trial_is_suspended_again) {
  Committer& committer = commit_two(copy, 5);
  put("a", "1", 0);
  begin_trial(committer);
  settle();
  EXPECT_THAT(tried_, ElementsAre("0_0 did not pass"));
  EXPECT_TRUE(runners_[0]->is_suspended());
  for (int i = 0; i < 4; ++i) put("b", "2", 0);
  settle();
  EXPECT_EQ(runners_[0]->processed(), 1);
  begin_trial(committer);
  settle();
  EXPECT_THAT(tried_, ElementsAre("0_0 did not pass", "0_0 passed"));
  EXPECT_FALSE(runners_[0]->is_suspended());
  EXPECT_EQ(runners_[0]->processed(), 5);
}

TEST_F(CommitterTrials, a_trial_that_fails_commits_nothing_and_keeps_what_the_others_hold) {
  Committer& committer = commit_two([](StreamsBuilder& b) {
    constexpr Topic<std::string, std::string> in{"in"}, out{"out"};
    b.stream(in)
        .peek([](const std::string& value) {
          if (value == "poison") throw std::runtime_error("no");
        })
        .to(out);
  });
  put("a", "poison", 0);
  begin_trial(committer);
  put("b", "2", 1);
  settle();
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_THAT(failures_[0].to_pass, ElementsAre(1));
  EXPECT_THAT(log_.take_calls(), IsEmpty());
  EXPECT_TRUE(committer.pause());
  EXPECT_EQ(committer.tried(), (TaskId{0, 0}));
  EXPECT_THAT(tried_, IsEmpty());
  runners_[0] = std::move((make(copy, 0), runners_.back()));  // opened anew
  runners_.pop_back();
  runners_[0]->suspend({1});
  members_[0].runner = runners_[0].get();
  committer.resume();
  settle();
  EXPECT_EQ(log_.text({"out", 0}), "b=2");
  EXPECT_THAT(log_.take_calls(), ElementsAre("append out-0", "offsets app in-1:1", "commit", "begin"));
  EXPECT_EQ(runners_[1]->processed(), 1);
}

TEST_F(CommitterTrials, trials_asked_for_together_come_one_after_the_other) {
  make(copy, 0).suspend({1});
  make(copy, 1).suspend({1});
  Committer& committer = commit_with();
  put("a", "1", 0);
  put("b", "2", 1);
  committer.try_alone({0, 0});
  committer.try_alone({0, 1});
  committer.try_alone({0, 1});
  settle();
  EXPECT_THAT(tried_, ElementsAre("0_0 passed", "0_1 passed"));
  EXPECT_THAT(log_.take_calls(), ElementsAre("append out-0", "offsets app in-0:1", "commit", "begin",  //
                                             "append out-0", "offsets app in-1:1", "commit", "begin"));
}

TEST_F(CommitterTrials, who_waits_for_a_commit_meanwhile_gets_one_of_all_that_follows_the_trial) {
  Committer& committer = commit_two();
  put("a", "1", 0);
  committer.try_alone({0, 0});
  work();  // both have made their cut
  let_tasks_run();
  put("b", "2", 1);
  auto done = committer.commit_and_wait();
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_TRUE(*done);
  EXPECT_THAT(log_.calls, ElementsAre("append out-0", "offsets app in-0:1", "commit", "begin",  //
                                      "append out-0", "offsets app in-1:1", "commit", "begin"));
  committer.stop();
}

TEST_F(CommitterTrials, none_begins_once_the_committer_is_stopped_and_nobody_is_left_holding) {
  Committer& committer = commit_two();
  put("a", "1", 0);
  committer.try_alone({0, 0});
  put("b", "2", 1);
  let_tasks_run();
  committer.stop();
  settle();
  EXPECT_THAT(tried_, IsEmpty());
  EXPECT_FALSE(runners_[1]->output().is_holding());
  EXPECT_THAT(log_.calls, Not(Contains("offsets app in-0:1")));
}

TEST_F(CommitterTrials, one_that_cannot_be_committed_is_no_ones_alone) {
  Committer& committer = commit_two();
  put("a", "1", 0);
  begin_trial(committer);
  log_.fails.emplace("commit", Error(ErrorCode::request_timed_out, "on order"));
  settle();
  EXPECT_EQ(errors_.size(), 1u);
  EXPECT_TRUE(committer.pause());
  EXPECT_EQ(committer.tried(), std::nullopt);
  EXPECT_THAT(tried_, IsEmpty());
}

// ---------------------------------------------------------------- at least once

TEST_F(CommitterTrials, at_least_once_a_commit_leaves_out_who_has_failed) {
  make([](StreamsBuilder& b) {
    constexpr Topic<std::string, std::string> in{"in"}, out{"out"};
    b.stream(in)
        .peek([](const std::string& value) {
          if (value == "poison") throw std::runtime_error("no");
        })
        .to(out);
  });
  make(copy, 1);
  Committer& committer = commit_with(false);
  put("a", "1", 0);
  put("b", "2", 1);
  settle();
  committer.commit_soon();
  settle();
  log_.take_calls();
  put("c", "poison", 0);
  put("d", "4", 1);
  settle();
  ASSERT_EQ(failures_.size(), 1u);
  committer.commit_soon();
  settle();
  EXPECT_THAT(log_.take_calls(), ElementsAre("append out-0", "sync out-0", "commit_offsets in-1:2"));
}

TEST_F(CommitterTrials, at_least_once_a_task_that_goes_on_has_passed_when_a_commit_finds_it_past_its_failure) {
  make(copy).suspend({2});
  Committer& committer = commit_with(false);
  runners_[0]->resume();
  put("a", "1");
  settle();
  committer.commit_soon();
  settle();
  EXPECT_THAT(tried_, IsEmpty());
  put("b", "2");
  settle();
  committer.commit_soon();
  settle();
  committer.commit_soon();
  settle();
  EXPECT_THAT(tried_, ElementsAre("0_0 passed"));
}

}  // namespace
}  // namespace millrace
