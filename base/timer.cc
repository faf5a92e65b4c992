#include "millrace/base/timer.h"

#include <algorithm>
#include <chrono>

namespace millrace {

namespace {
// Waiting for no longer at once keeps what the library computes with a far time from overflowing.
constexpr std::chrono::hours wait_max{1};
}  // namespace

Timer& Timer::instance() {
  static auto* timer = new Timer;
  return *timer;
}

Timer::~Timer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Timer::at(std::int64_t monotonic_ns, std::function<void()> job) {
  if (monotonic_ns == INT64_MAX) return;
  std::lock_guard lock(mutex_);
  bool first = entries_.empty() || monotonic_ns < entries_.top().due_ns;
  entries_.push({monotonic_ns, next_number_++, std::move(job)});
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  if (first) changed_.notify_one();
}

void Timer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (entries_.empty()) {
      changed_.wait(lock);
      continue;
    }
    auto due = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(entries_.top().due_ns));
    const auto now = std::chrono::steady_clock::now();
    if (now < due) {
      changed_.wait_until(lock, std::min(due, now + std::chrono::steady_clock::duration(wait_max)));
      continue;
    }
    // The queue gives its top as const; the entry is popped at once, so moving out of it is safe.
    auto job = std::move(const_cast<Entry&>(entries_.top()).job);
    entries_.pop();
    lock.unlock();
    job();
    job = nullptr;  // what it holds is released outside the lock
    lock.lock();
  }
}

}  // namespace millrace
