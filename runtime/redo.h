// Redo: what is not committed is aborted and done again: after a commit of unknown outcome, a transaction that timed
// out, or the failure of a task that is to be replaced.
//
// Exactly once, a failure takes back everything that is not committed, since it stands in one transaction with what the
// failed task has written. So that this happens once for a task that fails again and again, it is on probation from
// then on: suspended for a while (100 ms, doubling up to a second), then tried in a transaction of its own
// (committer.h), until it is past the records at which it failed. A trial that fails costs the others nothing: only the
// tried task is opened anew, and who failed meanwhile. At least once nothing is taken back: the failed task alone is
// opened anew, at its committed offsets, and goes on after a while.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "millrace/base/config.h"
#include "millrace/base/env.h"
#include "millrace/base/monitor.h"
#include "millrace/runtime/committer.h"
#include "millrace/runtime/streams.h"
#include "millrace/runtime/streams_metrics.h"
#include "millrace/runtime/task_group.h"

namespace millrace {

// What it works with. All of it outlives it.
struct RedoParts {
  Env& env;
  Executor& io;  // its jobs may block
  const Config& config;
  const RunnerEnvironment& environment;
  Producer& producer;
  TaskGroup& tasks;
  Committer& committer;
  StreamsMetrics& metrics;
  // Asked when a task's own code failed; empty: such a failure stops the application.
  std::function<StreamThreadExceptionResponse(const Error&)> handler;
  std::function<void(const Error&)> fail;  // stops the application; calls abandon() before it returns
};

// Threads: any.
class Redo {
 public:
  explicit Redo(RedoParts parts) : parts_(std::move(parts)) {}
  // What fails before is taken up then: when all tasks are awake.
  void begin();
  // Nothing is done again from now on; waits for what is under way, at most for `timeout`. False: it still is.
  bool end(std::optional<Duration> timeout = std::nullopt);
  // The same without a wait: the application has failed.
  void abandon();

  void on_task_failure(const TaskRunner& runner, const TaskFailure& failure);
  void on_commit_failure(const Error& why);
  // From CommitterSettings' on_tried.
  void on_tried(TaskId id, bool passed);
  // How often what was processed was discarded. Changes while those who had processed it are stopped: who finds all
  // processed before it finds the number changed after it.
  std::int64_t times() const { return times_.load(); }
  // Why, the last time that something failed.
  std::string why();

 private:
  struct Probation {
    std::vector<Offset> to_pass;
    std::int64_t since_ns = 0;
    int failures = 0;
    int attempt = 0;  // whose timer counts
  };
  bool is_to_be_replaced(const Error& why) const;
  void redo_later();
  void run();
  bool run_once();
  Result<> take_back();
  Result<> start_over(const OnProbation& on_probation);
  Result<> replace(const std::set<TaskId>& ids, const OnProbation& on_probation);
  std::optional<std::set<TaskId>> whose_alone();
  bool has_ended();
  bool has_patience();
  bool put_on_probation(TaskId id, const TaskFailure& failure);
  void try_later(TaskId id, Duration at_least);
  void try_again(TaskId id, int attempt);
  std::int64_t timeout_ns() const { return nanoseconds(parts_.config.duration("task.timeout.ms")); }

  const RedoParts parts_;
  Monitor monitor_;  // guards what follows
  bool has_begun_ = false, has_ended_ = false;
  bool running_ = false, asked_ = false;
  bool is_of_all_ = false;         // the log failed: nobody knows what of it was done
  std::set<TaskId> failed_tasks_;  // whose code failed since the last redo
  std::map<TaskId, Probation> probation_;
  std::string why_;
  std::int64_t first_failure_ns_ = -1, commits_at_failure_ = -1;  // of the log
  std::atomic<std::int64_t> times_{0};
};

}  // namespace millrace
