#include "millrace/base/parallel.h"

#include <memory>

#include "millrace/base/monitor.h"
#include "millrace/base/thrown.h"

namespace millrace {

namespace {
struct Round {
  Monitor monitor;
  std::size_t left = 0;
  std::vector<Result<>> results;
};

Result<> run(const std::function<Result<>()>& job) {
  try {
    return job();
  } catch (...) {
    return Error(ErrorCode::unknown_server_error, thrown());
  }
}
}  // namespace

Result<> run_all(Env& env, Executor& executor, const std::vector<std::function<Result<>()>>& jobs) {
  if (executor.concurrency() <= 1 || jobs.size() <= 1) {
    for (const auto& job : jobs) MR_TRY(run(job));
    return {};
  }
  auto round = std::make_shared<Round>();
  round->left = jobs.size();
  round->results.resize(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    executor.post([round, &jobs, i] {
      auto result = run(jobs[i]);
      {
        MonitorLock lock(round->monitor);
        round->results[i] = std::move(result);
        --round->left;
      }
      round->monitor.notify_all();
    });
  }
  MonitorLock lock(round->monitor);
  if (!env.wait(lock, [&] { return round->left == 0; }))
    return Error(ErrorCode::kafka_storage_error, "the node died while jobs were under way");
  for (auto& result : round->results)
    if (!result) return std::move(result).error();
  return {};
}

}  // namespace millrace
