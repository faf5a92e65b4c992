// The laws of Executor, for both of the real Env's.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "millrace/base/env_real.h"

namespace millrace {
namespace {

class Latch {
 public:
  explicit Latch(int count) : count_(count) {}
  void arrive() {
    std::lock_guard lock(mutex_);
    if (--count_ <= 0) changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_;
};

class RealExecutor : public ::testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<Executor> make(int concurrency) {
    return GetParam() ? real_env().make_io_executor(concurrency, "test")
                      : real_env().make_executor(concurrency, "test");
  }
};
INSTANTIATE_TEST_SUITE_P(Both, RealExecutor, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "io" : "workers"; });

TEST_P(RealExecutor, runs_every_job_before_drain_returns) {
  auto executor = make(2);
  std::atomic<int> ran = 0;
  for (int i = 0; i < 1000; ++i) executor->post([&] { ++ran; });
  executor->drain();
  EXPECT_EQ(ran, 1000);
}

TEST_P(RealExecutor, drain_waits_for_jobs_that_jobs_posted) {
  auto executor = make(2);
  std::atomic<int> ran = 0;
  std::function<void(int)> chain = [&](int left) {
    ++ran;
    if (left > 0) executor->post([&chain, left] { chain(left - 1); });
  };
  executor->post([&] { chain(99); });
  executor->drain();
  EXPECT_EQ(ran, 100);
}

TEST_P(RealExecutor, refuses_jobs_after_drain) {
  auto executor = make(1);
  executor->drain();
  std::atomic<bool> ran = false;
  executor->post([&] { ran = true; });
  executor->drain();
  EXPECT_FALSE(ran);
}

TEST_P(RealExecutor, runs_as_many_jobs_at_once_as_it_says) {
  auto executor = make(3);
  EXPECT_EQ(executor->concurrency(), 3);
  Latch all_inside(3);  // each job waits for the other two: this hangs with fewer than three workers
  Latch done(3);
  for (int i = 0; i < 3; ++i) {
    executor->post([&] {
      all_inside.arrive();
      all_inside.wait();
      done.arrive();
    });
  }
  done.wait();
  executor->drain();
}

TEST_P(RealExecutor, takes_the_number_of_cores_when_asked_for_none) {
  EXPECT_EQ(make(0)->concurrency(), usable_cores());
}

TEST_P(RealExecutor, runs_a_timed_job_not_before_its_time) {
  auto executor = make(1);
  Clock& clock = real_env().clock();
  std::int64_t due = clock.monotonic_ns() + 5'000'000;
  std::atomic<std::int64_t> ran_at = 0;
  Latch done(1);
  executor->post_at(due, [&] {
    ran_at = clock.monotonic_ns();
    done.arrive();
  });
  done.wait();
  EXPECT_GE(ran_at, due);
}

TEST_P(RealExecutor, forgets_timed_jobs_when_it_is_destroyed) {
  std::atomic<bool> ran = false;
  std::int64_t soon =
      real_env().clock().monotonic_ns() + 500'000'000;  // far enough for a loaded machine to destroy it first
  make(1)->post_at(soon, [&] { ran = true; });
  auto other = make(1);
  Latch later(1);
  other->post_at(soon + 1'000'000, [&] { later.arrive(); });
  later.wait();
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace millrace
