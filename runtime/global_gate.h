// GlobalGate: who is among the global stores: slices of tasks and questions from outside, many at once, or the global
// task, alone.
//
// Global stores do not change within a slice. Nobody who runs on a worker waits here: a slice that is not let in goes
// back to the scheduler and is woken when the global task is through; the global task is woken when the last reader
// leaves. A lock of the operating system would block a worker, and the one that glibc has prefers readers, so that
// busy tasks would keep a table from following its topic.
//
// Fair to both. The global task goes in at once where nobody is inside. Else it is *patient* for a while (10 ms): it
// takes what chance the readers leave. Then it is *insistent*: nobody further is let in, and slices end after the
// record in hand. A lambda that does not return must not stop all others: after 10 ms it lets them go on, is patient
// for four times as long, and then insists for twice as long as before, up to a second.
#pragma once
#include <atomic>
#include <functional>
#include <set>

#include "millrace/base/env.h"
#include "millrace/base/monitor.h"
#include "millrace/runtime/task_id.h"

namespace millrace {

// Threads: any.
class GlobalGate {
 public:
  // `env` outlives it. `wake` wakes a task that was not let in, if there still is one of that id; `wake_writer` the
  // global task, at a time of the monotonic clock; 0: now. Neither is called with the gate locked.
  GlobalGate(Env& env, std::function<void(TaskId)> wake, std::function<void(std::int64_t monotonic_ns)> wake_writer)
      : env_(env), wake_(std::move(wake)), wake_writer_(std::move(wake_writer)) {}

  // A slice of `task`. False: not now; the task is woken in time.
  bool enter(TaskId task);
  // A question from outside; waits while the global task is inside or insists, unless the thread is inside already.
  void enter_visit();
  void leave();
  void leave_visit();
  // Whether slices should end.
  bool is_wanted() const { return wanted_.load(std::memory_order_relaxed); }

  // The global task. False: not now; it is woken in time, unless the gate is closed.
  bool enter_alone();
  void leave_alone();
  // The global task does not come any more: who waits for it goes on.
  void close();

 private:
  void wait_in_phases();
  void wake(const std::set<TaskId>& refused);

  Env& env_;
  const std::function<void(TaskId)> wake_;
  const std::function<void(std::int64_t)> wake_writer_;
  Monitor monitor_;  // guards what follows
  int readers_ = 0;
  bool is_closed_ = false;
  bool is_writing_ = false;
  bool writer_waits_ = false;
  std::int64_t phase_ends_ns_ = 0;  // while it waits: then it insists, or becomes patient again
  std::int64_t insistence_ns_ = 0;  // for how long the next time
  std::set<TaskId> refused_;
  std::atomic<bool> wanted_{false};  // it insists; written under the monitor
};

// Within the gate for as long as it lives, if it was let in. No gate: nothing to wait for.
class GlobalSlice {
 public:
  GlobalSlice(GlobalGate* gate, TaskId task) : gate_(gate), is_in_(!gate || gate->enter(task)) {}
  ~GlobalSlice() {
    if (gate_ && is_in_) gate_->leave();
  }
  GlobalSlice(const GlobalSlice&) = delete;
  explicit operator bool() const { return is_in_; }

 private:
  GlobalGate* const gate_;
  const bool is_in_;
};

class GlobalVisit {
 public:
  explicit GlobalVisit(GlobalGate& gate) : gate_(gate) { gate_.enter_visit(); }
  ~GlobalVisit() { gate_.leave_visit(); }
  GlobalVisit(const GlobalVisit&) = delete;

 private:
  GlobalGate& gate_;
};

}  // namespace millrace
