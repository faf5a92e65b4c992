// TaskRunner: one task on the real log: fetches its input, runs slices, takes part in commits.
//
// A slice: append what was held back if the transaction was decided; take part in the cut if one was asked for; fetch;
// process for up to a millisecond; append the output. See committer.h for the protocol.
//
// A task that failed and was opened anew is *on probation* until a commit finds it past the records at which it failed:
// it processes nothing until resume(), or only between try_alone() and the cut that ends that trial.
#pragma once
#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <vector>

#include "millrace/base/env.h"
#include "millrace/runtime/global_gate.h"
#include "millrace/runtime/record_collector.h"
#include "millrace/runtime/scheduler.h"
#include "millrace/runtime/task.h"
#include "millrace/runtime/task_metrics.h"

namespace millrace {

class TaskRunner;

// Why a task stopped.
struct TaskFailure {
  Error error;
  bool is_of_log = false;            // the log refused something; else it is the user's code, or a record
  bool is_of_record = false;         // and that record is known
  std::vector<Offset> to_pass = {};  // by input: where the task must get to before it is past the failure
};

// What all tasks of a process share.
struct RunnerEnvironment {
  Clock* clock = nullptr;
  Consumer* consumer = nullptr;
  Producer* producer = nullptr;
  Scheduler* scheduler = nullptr;
  GlobalGate* globals = nullptr;  // which slices are within; null: there are no global tables
  bool exactly_once = true;
  bool embedded = true;
  std::set<std::string>
      repartition_topics;  // read past the last stable offset, up to other producers' undecided records
  bool reads_undecided(const std::string& topic) const { return embedded && repartition_topics.contains(topic); }
  // Up to where a task may read `topic`, other producers' undecided records in a repartition topic left aside.
  Isolation visible(const std::string& topic) const {
    return exactly_once && !reads_undecided(topic) ? Isolation::read_committed : Isolation::read_uncommitted;
  }
  std::size_t tail_bytes_max = 64 << 20;
  std::size_t value_cache_bytes = 64 << 20;  // for each task
  std::function<void(TaskRunner&)> on_cut;   // a task has made its cut
  std::function<void(TaskRunner&, const TaskFailure&)> on_failure;
  std::int64_t max_idle_ns = 0;  // max.task.idle.ms
  std::function<void(TaskId, std::int64_t monotonic_ns)> wake_at;
  std::function<void()> on_full_tail;  // asks for an early commit
  // Asks for a checkpoint, after an early commit if this task has nothing committed for one: its stores take more than
  // they may, and hold nothing that could go.
  std::function<void(TaskRunner&)> on_full_memory;
  // The application is about to make its last commit: tasks take part in commits and answer queries but process nothing
  // more, which the next start would do again.
  std::atomic<bool> is_closing{false};
  // It has failed: nothing is committed any more, and what was processed further would be done again.
  std::atomic<bool> has_failed{false};
  bool keeps_out_global_task() const { return globals && globals->is_wanted(); }
};

class TaskRunner final : public Runnable {
 public:
  TaskRunner(std::unique_ptr<RecordCollector> output, int depth, RunnerEnvironment& environment)
      : output_(std::move(output)), depth_(depth), environment_(environment) {}
  // Second half of construction: the task needs the output first.
  void set_task(std::unique_ptr<Task> task);
  // What it publishes to; null: nothing.
  void set_metrics(std::unique_ptr<TaskMetrics> metrics) { metrics_ = std::move(metrics); }
  TaskMetrics* metrics() { return metrics_.get(); }
  Task& task() { return *task_; }
  const Task& task() const { return *task_; }
  RecordCollector& output() { return *output_; }
  int depth() const override { return depth_; }
  bool run_slice() override;

  // Input `index` may have more to read. Threads: any.
  void input_arrived(std::size_t index);
  // Asks for a cut. Threads: any; the cut is done when on_cut was called. `before_trial`: from there to release(),
  // another task has the next transaction for itself: what it writes to repartition topics is not read before it is
  // decided.
  void request_cut(bool before_trial = false);
  // The transaction of the last cut was decided: what is held back may go. Threads: any.
  void release();

  // What the last cut gave. Read by the committer between on_cut and release().
  struct Cut {
    OffsetsToCommit offsets;
    std::vector<RecordCollector::Logged> logged;
    std::vector<TopicPartition> touched;
    bool dirty = false;
    std::int64_t taken = 0;  // Task::taken()
    bool passed = false;     // ends the task's probation, if it is committed
  };
  Cut& cut() { return cut_; }
  // A checkpoint holds store number `index` up to `sequence`; taken note of at the next slice.
  void note_checkpoint(std::size_t index, std::int64_t sequence);
  // Runs `job` in the task, between two records. Once `is_wanted` (if any) says no, which it then goes on saying, the
  // job may be dropped: so what was given up while a lambda does not return does not pile up. Threads: any.
  void post(std::function<void()> job, std::function<bool()> is_wanted = {});
  // How many wait. Threads: any.
  std::size_t jobs_waiting();
  // Runs what was posted, in the caller's thread. Only after stop(), while the task is idle.
  void answer_jobs();
  // From now on the task processes nothing, for good. Threads: any.
  void stop() { stopped_.store(true); }
  // Puts the task on probation: it takes part in commits and answers queries but processes nothing. Before its first
  // slice. `to_pass`: by input.
  void suspend(std::vector<Offset> to_pass);
  bool is_suspended() const { return suspended_.load(); }
  // It goes on beside the others, still on probation. Threads: any.
  void resume();
  // It has made its cut and the others hold back what they write: it goes on until it is past its failure, has nothing
  // to read, or a moment is over. Then it makes a cut by itself, and is suspended again if that does not end its
  // probation. Threads: any; the cut is done when on_cut was called.
  void try_alone();
  // Unless it is stopped. Threads: any.
  void wake();
  // Whether all of input `index` before `end` was processed; what is not even fetched is looked for: the log may be
  // late to tell of it. Threads: any.
  bool has_processed_to(std::size_t index, Offset end);
  bool has_failed() const { return failed_.load(); }
  std::int64_t processed() const { return processed_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t jobs_before_sweep = 256;
  bool slice();
  bool fetch_input();
  bool fetch(std::size_t index);
  bool has_dry_input();
  bool waits_for_input();
  void make_cut();
  void skip_cut();
  void append_held();
  void begin_trial();
  bool is_trial_over(bool more, std::int64_t now) const;
  bool has_passed() const;
  bool may_process() const;
  bool must_yield(std::int64_t until) const;
  void publish_positions();
  void run_jobs();
  void fail(TaskFailure failure);
  bool mind_memory(std::int64_t now);

  std::unique_ptr<RecordCollector> output_;
  const int depth_;
  RunnerEnvironment& environment_;
  std::unique_ptr<Task> task_;
  std::unique_ptr<TaskMetrics> metrics_;
  std::unique_ptr<std::atomic<bool>[]> arrived_;  // by input
  // By input, -1 before the first slice: what was asked of the log, and what was processed with its output appended.
  std::unique_ptr<std::atomic<Offset>[]> fetched_to_, processed_to_;
  std::vector<std::int64_t> idle_until_ns_;  // by input: how long its emptiness holds the others up; -1: not empty
  bool is_waiting_ = false;                  // there are records, and an empty input holds them up
  enum class CutAsked : int { none, now, before_trial, of_trial };
  std::atomic<CutAsked> cut_asked_{CutAsked::none};
  std::atomic<bool> release_requested_{false};
  std::atomic<bool> has_jobs_{false};
  std::atomic<bool> failed_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> suspended_{false};
  std::atomic<std::int64_t> processed_{0};
  std::mutex jobs_mutex_;
  struct Posted {
    std::function<void()> job;
    std::function<bool()> is_wanted;
  };
  std::vector<Posted> jobs_;
  std::size_t sweep_at_ = jobs_before_sweep;  // so many jobs: those that nobody wants are dropped
  Cut cut_;
  std::int64_t trimmed_at_ = 0;
  bool is_stuck_ = false;         // over its memory, and waiting for a checkpoint
  bool waits_for_trial_ = false;  // another task's
  std::vector<Offset> to_pass_;   // by input; empty: it is not on probation
  bool has_tried_ = false, is_trying_ = false;
  std::int64_t trial_until_ns_ = 0;
};

}  // namespace millrace
