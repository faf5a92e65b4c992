#include "millrace/runtime/scheduler.h"

#include <utility>

namespace millrace {

namespace {
thread_local bool in_slice = false;
}  // namespace

bool Scheduler::is_in_slice() { return in_slice; }

void Scheduler::wake(Runnable& r) {
  int state = r.state_.load();
  for (;;) {
    if (state == Runnable::queued || state == Runnable::running_and_woken) return;
    if (state == Runnable::running) {
      if (r.state_.compare_exchange_weak(state, Runnable::running_and_woken)) return;
    } else if (r.state_.compare_exchange_weak(state, Runnable::queued)) {
      return enqueue(r);
    }
  }
}

void Scheduler::enqueue(Runnable& r) {
  {
    std::lock_guard lock(mutex_);
    const auto depth = static_cast<std::size_t>(r.depth());
    if (ready_.size() <= depth) ready_.resize(depth + 1);
    ready_[depth].push_back(&r);
  }
  executor_.post([this] { run_one(); });
}

void Scheduler::run_one() {
  Runnable* r = nullptr;
  {
    std::lock_guard lock(mutex_);
    for (auto level = ready_.rbegin(); level != ready_.rend() && !r; ++level) {
      if (level->empty()) continue;
      r = level->front();
      level->erase(level->begin());
    }
  }
  if (!r) return;
  r->state_.store(Runnable::running);
  const bool outer = std::exchange(in_slice, true);  // simulated, one that sleeps has others run meanwhile
  const bool more = r->run_slice();
  in_slice = outer;
  if (more) {
    r->state_.store(Runnable::queued);
    return enqueue(*r);
  }
  int state = Runnable::running;
  if (r->state_.compare_exchange_strong(state, Runnable::idle)) return;
  r->state_.store(Runnable::queued);
  enqueue(*r);
}

}  // namespace millrace
