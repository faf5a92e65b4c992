#include "millrace/runtime/redo.h"

#include <algorithm>

#include "millrace/base/log.h"
#include "millrace/base/thrown.h"
#include "millrace/runtime/task_id.h"

namespace millrace {

namespace {
constexpr Duration retry_backoff{100};       // Kafka's retry.backoff.ms
constexpr Duration retry_backoff_max{1000};  // Kafka's retry.backoff.max.ms

// Whether the work since the last commit may simply be done again: the outcome of a commit is unknown, or the
// transaction has ended without us. After all else (the disk, another producer of the same name) it would fail again,
// or harm.
bool can_be_redone(ErrorCode code) {
  switch (code) {
    case ErrorCode::request_timed_out:
    case ErrorCode::invalid_txn_state:
    case ErrorCode::invalid_producer_epoch:
    case ErrorCode::concurrent_transactions:
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::leader_not_available:
    case ErrorCode::unstable_offset_commit:
      return true;
    default:
      return false;
  }
}
}  // namespace

// ---------------------------------------------------------------- begin and end

void Redo::begin() {
  {
    MonitorLock lock(monitor_);
    has_begun_ = true;
    if (!asked_ || has_ended_ || std::exchange(running_, true)) return;
  }
  parts_.io.post([this] { run(); });
}

bool Redo::end(std::optional<Duration> timeout) {
  MonitorLock lock(monitor_);
  const bool is_over = parts_.env.wait(lock, [&] { return !running_; }, timeout);
  if (is_over || !timeout) has_ended_ = true;
  return is_over;
}

void Redo::abandon() {
  {
    MonitorLock lock(monitor_);
    has_ended_ = true;
  }
  monitor_.notify_all();
}

std::string Redo::why() {
  MonitorLock lock(monitor_);
  return why_;
}

bool Redo::has_ended() {
  MonitorLock lock(monitor_);
  return has_ended_;
}

// ---------------------------------------------------------------- what failed

void Redo::on_task_failure(const TaskRunner& runner, const TaskFailure& failure) {
  if (failure.is_of_log && can_be_redone(failure.error.code())) return on_commit_failure(failure.error);
  if (failure.is_of_log || !is_to_be_replaced(failure.error)) return parts_.fail(failure.error);
  const TaskId id = runner.task().id();
  if (has_ended()) return;
  if (!put_on_probation(id, failure)) return parts_.fail(failure.error);
  {
    MonitorLock lock(monitor_);
    why_ = failure.error.text();
  }
  log_warn("a task failed and is replaced", {{"why", failure.error.text()}});
  redo_later();
}

// A handler that throws has not said so.
bool Redo::is_to_be_replaced(const Error& why) const {
  if (!parts_.handler) return false;
  try {
    return parts_.handler(why) == StreamThreadExceptionResponse::replace_thread;
  } catch (...) {
    log_error("the uncaught exception handler failed itself; the application stops",
              {{"why", thrown()}, {"asked about", why.text()}});
    return false;
  }
}

void Redo::on_commit_failure(const Error& why) {
  if (!can_be_redone(why.code())) return parts_.fail(Error(why.code(), "commit: " + why.message()));
  if (has_ended()) return;
  if (!has_patience()) return parts_.fail(why);
  {
    MonitorLock lock(monitor_);
    is_of_all_ = true;
    why_ = why.text();
  }
  log_warn("what is not committed is aborted and done again", {{"why", why.text()}});
  redo_later();
}

// Whether task.timeout.ms is left since the first failure of the log that no commit has followed.
bool Redo::has_patience() {
  const std::int64_t now = parts_.env.clock().monotonic_ns();
  MonitorLock lock(monitor_);
  if (commits_at_failure_ != parts_.committer.commits()) {
    commits_at_failure_ = parts_.committer.commits();
    first_failure_ns_ = now;
  }
  return now - first_failure_ns_ <= timeout_ns() && timeout_ns() > 0;
}

// False: it has failed at one place for longer than task.timeout.ms.
bool Redo::put_on_probation(TaskId id, const TaskFailure& failure) {
  const std::int64_t now = parts_.env.clock().monotonic_ns();
  MonitorLock lock(monitor_);
  auto [found, is_new] = probation_.try_emplace(id);
  Probation& p = found->second;
  p.to_pass.resize(failure.to_pass.size());
  bool got_further = false;
  for (std::size_t i = 0; i < p.to_pass.size(); ++i) {
    got_further |= failure.is_of_record && failure.to_pass[i] > p.to_pass[i];
    p.to_pass[i] = std::max(p.to_pass[i], failure.to_pass[i]);
  }
  if (is_new || got_further) {
    p.since_ns = now;
    p.failures = 0;
  }
  ++p.failures;
  const bool has_patience = now - p.since_ns <= timeout_ns() && timeout_ns() > 0;
  if (has_patience) failed_tasks_.insert(id);  // before anybody can find that its last trial was a success
  return has_patience;
}

void Redo::redo_later() {
  {
    MonitorLock lock(monitor_);
    asked_ = true;
    if (has_ended_ || !has_begun_ || std::exchange(running_, true)) return;
  }
  parts_.io.post([this] { run(); });
}

// ---------------------------------------------------------------- abort and redo

void Redo::run() {
  for (bool again = true; again;) {
    again = run_once();
    MonitorLock lock(monitor_);
    again = (again || asked_) && !has_ended_ && parts_.env.is_alive();
    if (!again) running_ = false;
  }
  monitor_.notify_all();
}

// Whether it must be done once more.
bool Redo::run_once() {
  if (!parts_.committer.pause()) return false;
  const std::optional<std::set<TaskId>> alone = whose_alone();
  if (!(alone ? parts_.tasks.stop(*alone) : parts_.tasks.stop())) return false;
  OnProbation suspended;
  {
    MonitorLock lock(monitor_);
    if (has_ended_) return false;
    if (alone) {
      for (TaskId id : *alone) failed_tasks_.erase(id);
    } else {
      failed_tasks_.clear();
      is_of_all_ = false;
    }
    asked_ = !failed_tasks_.empty() || is_of_all_;
    for (const auto& [id, p] : probation_) suspended[id] = p.to_pass;
  }
  const auto done = alone ? replace(*alone, suspended) : start_over(suspended);
  if (!done) {
    if (!parts_.env.is_alive()) return false;
    if (!can_be_redone(done.error().code()) || !has_patience()) {
      parts_.fail(done.error());
      return false;
    }
    MonitorLock lock(monitor_);
    is_of_all_ = true;
    return !parts_.env.wait(lock, [&] { return has_ended_; }, retry_backoff) && parts_.env.is_alive();
  }
  const Duration redone{(parts_.env.clock().monotonic_ns() - parts_.committer.committed_at_ns()) / 1'000'000};
  for (const auto& [id, to_pass] : suspended)
    if (!alone || alone->contains(id))
      // What it reads may have been in the transaction that was aborted: then the others must do it again first.
      try_later(id, !alone && parts_.environment.exactly_once && parts_.tasks.reads_repartition_topics(id)
                        ? redone
                        : Duration{0});
  parts_.metrics.redone();
  {
    // Who has failed meanwhile is replaced before the others go on: so they still have nothing to lose.
    MonitorLock lock(monitor_);
    if (alone && asked_) return true;
  }
  if (!alone) parts_.tasks.wake_all();
  parts_.committer.resume();
  return false;
}

// The tasks whose own work alone is at stake, and no other's; none: that of all. While the committer is paused. Exactly
// once: who failed during another's trial has written nothing since its cut, which is committed.
std::optional<std::set<TaskId>> Redo::whose_alone() {
  const std::optional<TaskId> tried = parts_.committer.tried();
  MonitorLock lock(monitor_);
  if (is_of_all_ || failed_tasks_.empty()) return std::nullopt;
  if (!parts_.environment.exactly_once) return failed_tasks_;
  if (!tried) return std::nullopt;
  std::set<TaskId> all = failed_tasks_;
  all.insert(*tried);
  return all;
}

// The transaction is aborted, or was decided without our knowing: from here on the coordinator has said which.
Result<> Redo::take_back() {
  if (!parts_.environment.exactly_once) return {};
  auto aborted = parts_.producer.abort_transaction();  // there may be none any more
  if (!aborted && aborted.error().code() == ErrorCode::producer_fenced) return aborted;
  return parts_.producer.init_transactions();
}

// All tasks are as a restart would find them.
Result<> Redo::start_over(const OnProbation& on_probation) {
  MR_TRY(take_back());
  MR_ASSIGN(OffsetsToCommit committed, parts_.tasks.committed());
  MR_ASSIGN(const bool is_ahead, parts_.committer.settle(committed));
  times_ += is_ahead;
  MR_TRY(parts_.tasks.reopen(on_probation, committed));
  parts_.committer.forget_trials();  // each is asked for again in its time
  if (parts_.environment.exactly_once) MR_TRY(parts_.producer.begin_transaction());
  return parts_.tasks.watch_inputs();
}

// These tasks are as a restart would find them. Exactly once, the others hold back what they write.
Result<> Redo::replace(const std::set<TaskId>& ids, const OnProbation& on_probation) {
  MR_TRY(take_back());
  MR_ASSIGN(OffsetsToCommit committed, parts_.tasks.committed());
  parts_.env.fault_point("redo.replace");
  bool is_ahead = false;
  for (TaskId id : ids) {
    MR_ASSIGN(const bool is_one_ahead, parts_.committer.settle(id));
    is_ahead |= is_one_ahead;
  }
  times_ += is_ahead;
  MR_TRY(parts_.tasks.replace(ids, on_probation, committed));
  return parts_.environment.exactly_once ? parts_.producer.begin_transaction() : Result<>();
}

// ---------------------------------------------------------------- try again

void Redo::on_tried(TaskId id, bool passed) {
  {
    MonitorLock lock(monitor_);
    if (failed_tasks_.contains(id)) return;  // again, since
    if (passed) {
      probation_.erase(id);
      return;
    }
    if (auto found = probation_.find(id); found != probation_.end())
      found->second.failures = 1;  // it only has more to do
  }
  try_later(id, Duration{0});
}

void Redo::try_later(TaskId id, Duration at_least) {
  int attempt = 0;
  Duration wait = retry_backoff;
  {
    MonitorLock lock(monitor_);
    auto found = probation_.find(id);
    if (found == probation_.end()) return;
    attempt = ++found->second.attempt;
    wait = std::min(retry_backoff_max, retry_backoff * (1 << std::clamp(found->second.failures - 1, 0, 6)));
  }
  const Duration rest = std::max(wait, at_least);
  parts_.io.post_at(later(parts_.env.clock().monotonic_ns(), rest), [this, id, attempt] { try_again(id, attempt); });
}

void Redo::try_again(TaskId id, int attempt) {
  {
    MonitorLock lock(monitor_);
    auto found = probation_.find(id);
    if (has_ended_ || found == probation_.end() || found->second.attempt != attempt) return;
  }
  if (parts_.environment.exactly_once) return parts_.committer.try_alone(id);
  parts_.tasks.resume(id);
}

}  // namespace millrace
