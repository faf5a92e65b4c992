// When a committer writes checkpoints, and what is in them.
#include "tests/runtime/committer_fixture.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

using Checkpoints = CommitterFixture;

// Runs what was posted when, and in the order that, the test says; no timers.
class ByHand final : public Executor {
 public:
  void post(Job job) override { jobs_.push_back(std::move(job)); }
  void post_at(std::int64_t, Job) override {}
  int concurrency() const override { return 2; }
  void drain() override {
    while (!jobs_.empty()) run(0);
  }
  void run(std::size_t number) {
    Job job = std::move(jobs_.at(number));
    jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(number));
    job();
  }
  std::size_t waiting() const { return jobs_.size(); }

 private:
  std::deque<Job> jobs_;
};

TEST_F(Checkpoints, changelog_joins_the_tail_when_it_is_committed_and_not_before) {
  make_stored();
  Committer& committer = commit_with();
  put("a", "1");
  work();
  EXPECT_EQ(committer.tail_bytes(), 0u);
  committer.commit_soon();
  work();
  EXPECT_EQ(committer.tail_bytes(), 0u) << "cut, and not decided";
  settle();
  EXPECT_GT(committer.tail_bytes(), 0u);
  EXPECT_EQ(row(0, "a"), "none") << "no checkpoint is due";
}

TEST_F(Checkpoints, changelog_of_a_transaction_that_failed_is_in_no_tail) {
  make_stored();
  Committer& committer = commit_with();
  put("a", "1");
  work();
  log_.fails.emplace("commit", Error(ErrorCode::request_timed_out, "on order"));
  committer.commit_soon();
  settle();
  EXPECT_EQ(errors_.size(), 1u);
  EXPECT_EQ(committer.tail_bytes(), 0u);
}

TEST_F(Checkpoints, a_checkpoint_is_due_when_the_tails_are_large_enough) {
  make_stored();
  committer_settings_.tail_bytes_max = 2000;
  Committer& committer = commit_with();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(row(0, "a"), "none");
    put("a", std::string(1200, static_cast<char>('x' + i)));
    work();
    committer.commit_soon();
    settle();
  }
  EXPECT_EQ(row(0, "a"), std::string(1200, 'y')) << "the last value";
  EXPECT_EQ(committer.tail_bytes(), 0u);
  auto position = databases_[0]->position(0);
  ASSERT_TRUE(position);
  EXPECT_EQ(position->topic, (TopicId{1, 2}));
  EXPECT_EQ(position->next_offset, 2);
}

TEST_F(Checkpoints, a_checkpoint_is_due_when_the_last_is_long_ago_but_there_must_be_something_to_write) {
  make_stored();
  committer_settings_.checkpoint_interval = 10s;
  Committer& committer = commit_with();
  env_.advance(11s);
  committer.commit_soon();
  settle();
  EXPECT_FALSE(databases_[0]->position(0)) << "nothing was committed";
  put("a", "1");
  work();
  committer.commit_soon();
  settle();
  EXPECT_EQ(row(0, "a"), "1");
  put("a", "2");
  work();
  committer.commit_soon();
  settle();
  EXPECT_EQ(row(0, "a"), "1") << "the last is not long ago";
}

TEST_F(Checkpoints, one_is_due_too_where_only_the_input_has_moved_of_a_store_without_a_changelog) {
  make_stored();
  members_[0].tails[0].topic_id = {};
  Committer& committer = commit_with();
  put("a", "1");
  const auto commit_after = [&](Duration duration) {
    env_.advance(duration);
    settle();
    committer.commit_soon();
    settle();
    return databases_[0]->position(0)->inputs.at({"in", 0});
  };
  EXPECT_EQ(commit_after(11s), 1);
  log_.put_marker({"in", 0}, ControlType::commit, 9);
  runners_[0]->input_arrived(0);
  EXPECT_EQ(commit_after(1s), 1) << "the last is not long ago";
  EXPECT_EQ(commit_after(10s), 2) << "else a crash would empty the store";
}

TEST_F(Checkpoints, after_a_checkpoint_the_stores_entries_may_leave_memory) {
  TaskRunner& runner = make_stored();
  // What was restored counts in the store's sequence, and not in the collector's.
  ASSERT_TRUE(runner.task().stores()[0].core->restore("k0", "old", true, Timestamp{1}));
  members_[0].tails[0].sequence_base = runner.task().stores()[0].core->logged_sequence();
  committer_settings_.tail_bytes_max = 1;
  Committer& committer = commit_with();
  for (int i = 0; i < 100; ++i) put("k" + std::to_string(i), "v");
  work();
  runner.task().trim(0);
  EXPECT_EQ(runner.task().stores()[0].core->entry_count(), 100u) << "pinned";
  committer.commit_soon();
  settle();
  runner.task().trim(0);
  EXPECT_EQ(runner.task().stores()[0].core->entry_count(), 0u);
}

TEST_F(Checkpoints, relief_is_a_checkpoint_now_or_after_a_commit_where_nothing_is_committed) {
  TaskRunner& runner = make_stored();
  Committer& committer = commit_with();
  put("a", "1");
  work();
  committer.relieve(runner);
  settle();
  EXPECT_EQ(committer.commits(), 1);
  EXPECT_EQ(row(0, "a"), "1");
  put("a", "2");
  work();
  committer.commit_soon();
  settle();
  EXPECT_EQ(row(0, "a"), "1");
  put("a", "3");
  work();
  committer.relieve(runner);
  settle();
  EXPECT_EQ(committer.commits(), 2) << "a committed tail needs no commit";
  EXPECT_EQ(row(0, "a"), "2");
}

TEST_F(Checkpoints, relief_that_is_asked_for_during_a_checkpoint_gives_another_as_soon_as_there_is_something) {
  TaskRunner& runner = make_stored();
  Committer& committer = commit_with();
  put("a", "1");
  work();
  committer.commit_soon();
  settle();
  committer.relieve(runner);
  committer.relieve(runner);  // the first has not begun to write
  settle();
  EXPECT_EQ(row(0, "a"), "1");
  put("a", "2");
  work();
  committer.commit_soon();
  settle();
  EXPECT_EQ(row(0, "a"), "2");
}

TEST_F(Checkpoints, no_checkpoint_begins_while_the_group_is_paused) {
  TaskRunner& runner = make_stored();
  Committer& committer = commit_with();
  put("a", "1");
  work();
  committer.commit_soon();
  settle();
  ASSERT_TRUE(committer.pause());
  committer.relieve(runner);
  settle();
  EXPECT_EQ(row(0, "a"), "none");
  committer.resume();
  committer.commit_soon();
  settle();
  EXPECT_EQ(row(0, "a"), "1");
}

TEST_F(Checkpoints, a_checkpoint_that_fails_fails_the_group_and_no_further_one_claims_what_it_had) {
  TaskRunner& runner = make_stored();
  committer_settings_.tail_bytes_max = 1;
  Committer& committer = commit_with();
  put("a", "1");
  work();
  committer.commit_soon();
  work();
  env_.faults().fail("rocksdb.sst.sync");
  settle();
  ASSERT_EQ(errors_.size(), 1u);
  EXPECT_THAT(errors_[0].text(), HasSubstr("checkpoint"));
  EXPECT_FALSE(runner.has_failed());
  auto last = committer.checkpoint_and_wait();
  ASSERT_FALSE(last);
  EXPECT_THAT(last.error().text(), HasSubstr("earlier checkpoint"));
}

// A committer whose checkpoints last as long as the test likes.
class SlowCheckpoints : public CommitterFixture {
 protected:
  void SetUp() override {
    make_stored();
    committer_settings_.tail_bytes_max = 1000;
    committer_ = std::make_unique<Committer>(env_, by_hand_, log_, log_, log_, committer_settings_, members_,
                                             members_mutex_, [this](const Error& e) { errors_.push_back(e); });
    runners_[0]->wake();
    work();
  }
  void put_and_commit(const std::string& key) {
    put(key, std::string(1200, 'v'));
    work();
    committer_->commit_soon();
    work();
    by_hand_.run(by_hand_.waiting() - 1);  // decides
    work();
  }
  void finish_all() {
    for (; by_hand_.waiting() > 0; work()) by_hand_.run(0);
  }
  ByHand by_hand_;
};

TEST_F(SlowCheckpoints, what_follows_is_held_back_when_the_tails_are_twice_too_long) {
  put_and_commit("a");
  ASSERT_EQ(by_hand_.waiting(), 1u) << "a checkpoint is under way: it stays so";
  put_and_commit("b");
  EXPECT_EQ(committer_->commits(), 2);
  put("c", "held");
  work();
  EXPECT_THAT(log_.text({"out", 0}), ::testing::Not(HasSubstr("c=")));
  committer_->commit_soon();
  work();
  EXPECT_EQ(by_hand_.waiting(), 1u) << "no further commit";
  by_hand_.run(0);
  EXPECT_EQ(row(0, "b"), std::string(1200, 'v'));
  work();
  EXPECT_THAT(log_.text({"out", 0}), HasSubstr("c=held"));
  EXPECT_EQ(committer_->tail_bytes(), 0u);
  finish_all();
  EXPECT_EQ(committer_->commits(), 3) << "that was asked for meanwhile";
  EXPECT_TRUE(errors_.empty());
}

TEST_F(SlowCheckpoints, one_that_fails_while_a_release_is_held_is_told_once_with_its_reason) {
  put_and_commit("a");
  put_and_commit("b");
  env_.faults().fail("rocksdb.sst.sync");
  by_hand_.run(0);
  put_and_commit("c");
  finish_all();
  ASSERT_EQ(errors_.size(), 1u);
  EXPECT_THAT(errors_[0].text(), HasSubstr("cannot sync"));
}

TEST_F(Checkpoints, the_last_checkpoint_writes_every_task_and_only_what_is_committed) {
  make_stored(0);
  make_stored(1);
  Committer& committer = commit_with();
  put("a", "1", 0);
  put("b", "2", 1);
  work();
  committer.commit_soon();
  settle();
  put("a", "3", 0);
  work();
  auto written = committer.checkpoint_and_wait();
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_EQ(row(0, "a"), "1");
  EXPECT_EQ(row(1, "b"), "2");
  EXPECT_EQ(committer.tail_bytes(), 0u);
}

}  // namespace
}  // namespace millrace
