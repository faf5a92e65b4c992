#include "millrace/base/parallel.h"

#include <condition_variable>
#include <mutex>

namespace millrace {

Result<> run_all(Executor& executor, const std::vector<std::function<Result<>()>>& jobs) {
  if (executor.concurrency() <= 1 || jobs.size() <= 1) {
    for (const auto& job : jobs) MR_TRY(job());
    return {};
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t left = jobs.size();
  std::vector<Result<>> results(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    executor.post([&, i] {
      auto result = jobs[i]();
      std::lock_guard lock(mutex);
      results[i] = std::move(result);
      if (--left == 0) changed.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return left == 0; });
  for (auto& result : results)
    if (!result) return std::move(result).error();
  return {};
}

}  // namespace millrace
