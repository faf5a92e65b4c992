#include "millrace/base/sim/scheduler.h"

#include <algorithm>

namespace millrace::sim {

void Scheduler::post(Owner owner, Job job) { ready_.push_back({owner, next_number_++, std::move(job)}); }

void Scheduler::post_at(Owner owner, std::int64_t due_ns, Job job) {
  if (due_ns == INT64_MAX) return;
  std::uint64_t number = next_number_++;
  if (due_ns <= now_ns_)
    ready_.push_back({owner, number, std::move(job)});
  else
    timers_.emplace(std::pair(due_ns, number), Ready{owner, number, std::move(job)});
}

void Scheduler::forget(Owner owner) {
  std::vector<Ready> dropped;
  for (auto it = timers_.begin(); it != timers_.end();) {
    if (it->second.owner != owner) {
      ++it;
      continue;
    }
    dropped.push_back(std::move(it->second));
    it = timers_.erase(it);
  }
  auto kept = std::stable_partition(ready_.begin(), ready_.end(), [&](const Ready& r) { return r.owner != owner; });
  std::move(kept, ready_.end(), std::back_inserter(dropped));
  ready_.erase(kept, ready_.end());
}

void Scheduler::forget_all() {
  auto ready = std::exchange(ready_, {});
  auto timers = std::exchange(timers_, {});
}

bool Scheduler::has_jobs(Owner owner) const {
  return std::any_of(ready_.begin(), ready_.end(), [&](const Ready& r) { return r.owner == owner; });
}

void Scheduler::advance(std::int64_t ns) {
  now_ns_ += ns;
  while (!timers_.empty() && timers_.begin()->first.first <= now_ns_) {
    ready_.push_back(std::move(timers_.begin()->second));
    timers_.erase(timers_.begin());
  }
}

bool Scheduler::advance_to_timer(std::int64_t limit_ns) {
  if (timers_.empty() || timers_.begin()->first.first > limit_ns) return false;
  advance(std::max<std::int64_t>(0, timers_.begin()->first.first - now_ns_));
  return true;
}

bool Scheduler::run_one() {
  if (ready_.empty()) return false;
  std::size_t drawn = random_.below(ready_.size());
  Ready next = std::move(ready_[drawn]);
  ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(drawn));
  trace_.add("job " + std::to_string(next.number) + " at " + std::to_string(now_ns_));
  next.job();
  advance(1000 + static_cast<std::int64_t>(random_.below(10'000)));  // a job takes 1 to 11 µs
  return true;
}

}  // namespace millrace::sim
