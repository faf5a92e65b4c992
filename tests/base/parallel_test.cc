#include "millrace/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "millrace/base/env_real.h"

namespace millrace {
namespace {

TEST(RunAll, runs_every_job_and_gives_the_first_error_in_order) {
  auto executor = real_env().make_io_executor(3, "test");
  std::atomic<int> ran{0};
  std::vector<std::function<Result<>()>> jobs;
  for (int i = 0; i < 10; ++i)
    jobs.push_back([&ran, i]() -> Result<> {
      ++ran;
      if (i == 7 || i == 4) return Error(std::to_string(i));
      return {};
    });
  auto result = run_all(real_env(), *executor, jobs);
  EXPECT_EQ(ran.load(), 10);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message(), "4");
}

TEST(RunAll, what_a_job_throws_is_its_error_and_the_others_are_waited_for) {
  for (const int threads : {1, 3}) {
    auto executor = real_env().make_io_executor(threads, "test");
    std::atomic<int> ran{0};
    const std::vector<std::function<Result<>()>> jobs{
        [&]() -> Result<> { return ++ran, Result<>(); },
        []() -> Result<> { throw std::runtime_error("boom"); },
        []() -> Result<> { throw 42; },
        [&]() -> Result<> { return ++ran, Result<>(); },
    };
    auto result = run_all(real_env(), *executor, jobs);
    ASSERT_FALSE(result) << threads;
    EXPECT_EQ(result.error().message(), "boom");
    EXPECT_EQ(ran.load(), threads == 1 ? 1 : 2);
  }
}

TEST(RunAll, runs_jobs_in_the_callers_thread_where_there_is_one_worker) {
  auto executor = real_env().make_io_executor(1, "test");
  std::vector<int> order;
  std::vector<std::function<Result<>()>> jobs;
  for (int i = 0; i < 3; ++i)
    jobs.push_back([&order, i]() -> Result<> {
      order.push_back(i);
      return {};
    });
  EXPECT_TRUE(run_all(real_env(), *executor, jobs));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

}  // namespace
}  // namespace millrace
