// Who runs when: once for each wake-up that was not yet answered, never twice at once, deeper ones first.
#include "millrace/runtime/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "millrace/base/env_real.h"
#include "tests/runtime/step_executor.h"

namespace millrace {
namespace {

// Does what a test says, and notes its name.
class Noted final : public Runnable {
 public:
  Noted(std::string name, int depth, std::string& notes) : name_(std::move(name)), depth_(depth), notes_(notes) {}
  bool run_slice() override {
    notes_ += (notes_.empty() ? "" : " ") + name_;
    return in_slice ? in_slice() : false;
  }
  int depth() const override { return depth_; }
  std::function<bool()> in_slice;

 private:
  const std::string name_;
  const int depth_;
  std::string& notes_;
};

class SchedulerTest : public ::testing::Test {
 protected:
  StepExecutor workers_;
  Scheduler scheduler_{workers_};
  std::string ran_;
  Noted a_{"a", 0, ran_}, b_{"b", 0, ran_}, deep_{"deep", 3, ran_};
};

TEST_F(SchedulerTest, who_is_woken_runs_once_and_is_idle_before_and_after) {
  EXPECT_TRUE(Scheduler::is_idle(a_));
  scheduler_.wake(a_);
  EXPECT_FALSE(Scheduler::is_idle(a_));
  EXPECT_EQ(ran_, "") << "by a worker, not by who wakes it";
  workers_.run_all();
  EXPECT_EQ(ran_, "a");
  EXPECT_TRUE(Scheduler::is_idle(a_));
}

TEST_F(SchedulerTest, wake_ups_before_it_runs_are_one) {
  for (int i = 0; i < 3; ++i) scheduler_.wake(a_);
  EXPECT_EQ(workers_.run_all(), 1);
  EXPECT_EQ(ran_, "a");
}

TEST_F(SchedulerTest, a_wake_up_while_it_runs_makes_it_run_once_more_though_it_says_there_is_nothing) {
  a_.in_slice = [this] {
    if (ran_ == "a")
      for (int i = 0; i < 3; ++i) scheduler_.wake(a_);
    EXPECT_FALSE(Scheduler::is_idle(a_));
    return false;
  };
  scheduler_.wake(a_);
  workers_.run_all();
  EXPECT_EQ(ran_, "a a");
  EXPECT_TRUE(Scheduler::is_idle(a_));
}

TEST_F(SchedulerTest, nobody_runs_it_while_it_runs_however_many_workers_are_free) {
  int inside = 0;
  a_.in_slice = [&] {
    EXPECT_EQ(++inside, 1);
    if (ran_ == "a") scheduler_.wake(a_);
    workers_.run_all();  // all that another worker could do meanwhile
    --inside;
    return false;
  };
  scheduler_.wake(a_);
  workers_.run_all();
  EXPECT_EQ(ran_, "a a");
}

TEST_F(SchedulerTest, who_has_more_to_do_runs_again_after_the_others) {
  a_.in_slice = [this] { return ran_ == "a"; };
  scheduler_.wake(a_);
  scheduler_.wake(b_);
  workers_.run_all();
  EXPECT_EQ(ran_, "a b a");
}

TEST_F(SchedulerTest, who_is_further_down_the_graph_goes_first_and_equals_in_the_order_they_were_woken) {
  scheduler_.wake(b_);
  scheduler_.wake(a_);
  scheduler_.wake(deep_);
  workers_.run_all();
  EXPECT_EQ(ran_, "deep b a");
}

TEST_F(SchedulerTest, what_one_slice_wakes_further_down_goes_before_what_waits) {
  a_.in_slice = [this] {
    scheduler_.wake(deep_);
    return false;
  };
  scheduler_.wake(a_);
  scheduler_.wake(b_);
  workers_.run_all();
  EXPECT_EQ(ran_, "a deep b");
}

// Workers and wakers as they come: every wake-up is answered by a run that begins after it, and no two runs of one are
// at once.
TEST(Scheduler, loses_no_wake_up_and_runs_nobody_twice_at_once_on_real_threads) {
  struct Counter final : Runnable {
    bool run_slice() override {
      if (inside.exchange(true)) overlapped = true;
      for (int i = 0; i < 100; ++i) answered = asked.load();  // long enough to be met by another
      inside.store(false);
      return false;
    }
    int depth() const override { return 0; }
    std::atomic<int> asked{0};
    std::atomic<int> answered{0};
    std::atomic<bool> inside{false}, overlapped{false};
  };
  constexpr int rounds = 20'000, wakers = 3;
  std::vector<std::unique_ptr<Counter>> all;
  for (int i = 0; i < 2; ++i) all.push_back(std::make_unique<Counter>());
  auto workers = real_env().make_executor(4, "workers"), from_outside = real_env().make_io_executor(wakers, "wakers");
  Scheduler scheduler(*workers);
  for (int w = 0; w < wakers; ++w)
    from_outside->post([&] {
      for (int i = 0; i < rounds; ++i) {
        Counter& counter = *all[static_cast<std::size_t>(i) % all.size()];
        ++counter.asked;
        scheduler.wake(counter);
      }
    });
  from_outside->drain();
  workers->drain();
  for (auto& counter : all) {
    EXPECT_EQ(counter->answered.load(), rounds * wakers / 2);
    EXPECT_FALSE(counter->overlapped.load());
    EXPECT_TRUE(Scheduler::is_idle(*counter));
  }
}

}  // namespace
}  // namespace millrace
