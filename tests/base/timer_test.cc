#include "millrace/base/timer.h"

#include <gtest/gtest.h>

#include <future>
#include <latch>

namespace millrace {
namespace {

constexpr std::int64_t never = std::int64_t{1} << 62;

// Holds the timer's thread in its first job until all others are in: then only their times decide.
class TimerTest : public ::testing::Test {
 protected:
  TimerTest() {
    timer_.emplace();
    timer_->at(0, [this] { gate_.wait(); });
  }
  void add(std::int64_t at, const std::string& name) {
    timer_->at(at, [this, name] { ran_ += name; });
  }
  std::string run() {
    std::promise<void> done;
    timer_->at(1'000, [&] { done.set_value(); });
    gate_.count_down();
    done.get_future().wait();
    return ran_;
  }
  std::latch gate_{1};
  std::string ran_;  // by the timer's thread alone, until run() returns
  std::optional<Timer> timer_;
};

TEST_F(TimerTest, jobs_run_in_the_order_of_their_times) {
  add(30, "c");
  add(10, "a");
  add(20, "b");
  EXPECT_EQ(run(), "abc");
}

TEST_F(TimerTest, jobs_of_one_time_run_in_the_order_in_which_they_came) {
  for (const char* name : {"a", "b", "c", "d", "e"}) add(5, name);
  EXPECT_EQ(run(), "abcde");
}

TEST_F(TimerTest, a_job_that_is_not_due_keeps_none_waiting) {
  add(never, "x");
  add(1, "a");
  EXPECT_EQ(run(), "a");
}

TEST_F(TimerTest, a_job_may_add_another) {
  timer_->at(1, [this] {
    ran_ += "a";
    add(2, "b");
  });
  add(3, "c");
  EXPECT_EQ(run(), "abc");
}

TEST_F(TimerTest, a_job_added_before_the_one_it_waits_for_wakes_it) {
  EXPECT_EQ(run(), "");
  add(never, "x");  // now it sleeps until then
  std::promise<void> done;
  timer_->at(0, [&] { done.set_value(); });
  done.get_future().wait();
  EXPECT_EQ(ran_, "");
}

TEST_F(TimerTest, jobs_that_are_not_due_are_dropped_with_it_and_let_go_what_they_hold) {
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> watched = held;
  bool ran = false;
  timer_->at(never, [held = std::move(held), &ran] { ran = true; });
  EXPECT_EQ(run(), "");
  timer_.reset();
  EXPECT_TRUE(watched.expired());
  EXPECT_FALSE(ran);
}

TEST_F(TimerTest, a_job_for_never_is_not_kept) {
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> watched = held;
  timer_->at(INT64_MAX, [held = std::move(held)] {});
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(run(), "");
}

TEST_F(TimerTest, a_job_is_let_go_before_the_next_one_runs) {
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> watched = held;
  bool gone = false;
  timer_->at(1, [held = std::move(held)] {});
  timer_->at(2, [&] { gone = watched.expired(); });
  run();
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace millrace
