// StepExecutor: jobs wait until a test runs them, in the order they were posted: so a test decides what happens between
// two of them, also from within a job (as another worker would). One thread.
#pragma once
#include <deque>

#include "millrace/base/env.h"

namespace millrace {

class StepExecutor final : public Executor {
 public:
  void post(Job job) override {
    if (next_) return next_->post(std::move(job));
    jobs_.push_back(std::move(job));
  }
  void post_at(std::int64_t, Job) override { MR_ASSERT(false, "no timers here"); }
  int concurrency() const override { return 1; }
  void drain() override { run_all(); }

  // Runs the job that waits longest; false if there is none.
  bool run_one() {
    if (jobs_.empty()) return false;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    job();
    return true;
  }
  // Runs jobs, those that they post included, until none is left; returns how many.
  int run_all() {
    int n = 0;
    while (run_one()) ++n;
    return n;
  }
  std::size_t waiting() const { return jobs_.size(); }
  // From now on jobs run on `next`, as it likes.
  void let_run(Executor& next) { next_ = &next; }

 private:
  std::deque<Job> jobs_;
  Executor* next_ = nullptr;
};

}  // namespace millrace
