// Scheduler: runs ready tasks on an executor, each by one worker at a time, tasks further down the graph first.
//
// A task that has something to do is woken; whichever worker is free runs it for one slice. There is no polling thread
// and no hand-off: a wake-up of a running task only makes it run once more.
#pragma once
#include <atomic>
#include <mutex>
#include <vector>

#include "millrace/base/env.h"

namespace millrace {

// What the scheduler runs. Lives until the executor is drained.
class Runnable {
 public:
  virtual ~Runnable() = default;
  // Runs for a slice. Returns whether there is more to do. Never blocks.
  virtual bool run_slice() = 0;
  // Larger runs first: how far down the graph.
  virtual int depth() const = 0;

 private:
  friend class Scheduler;
  enum State : int { idle, queued, running, running_and_woken };
  std::atomic<int> state_{idle};
};

class Scheduler {
 public:
  explicit Scheduler(Executor& executor) : executor_(executor) {}
  // Runs `runnable` soon, at least once after this call. Threads: any.
  void wake(Runnable& runnable);
  // Whether it neither runs nor waits to.
  static bool is_idle(const Runnable& runnable) { return runnable.state_.load() == Runnable::idle; }
  // Whether the calling thread is in a slice, of whichever scheduler: it must not wait for another one.
  static bool is_in_slice();

 private:
  void enqueue(Runnable& runnable);
  void run_one();
  Executor& executor_;
  std::mutex mutex_;
  std::vector<std::vector<Runnable*>> ready_;  // by depth; first in, first out
};

}  // namespace millrace
