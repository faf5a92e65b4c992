#include "millrace/runtime/global_gate.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace millrace {

namespace {
constexpr std::int64_t first_patience_ns = 10'000'000, first_insistence_ns = 10'000'000;
constexpr std::int64_t insistence_max_ns = 1'000'000'000;
constexpr std::int64_t patience_for_insistence = 4;
// Where the calling thread is inside with a question: who asks within a question finds itself there.
thread_local std::vector<const GlobalGate*> visited;
}  // namespace

bool GlobalGate::enter(TaskId task) {
  MonitorLock lock(monitor_);
  if (is_writing_ || wanted_.load()) {
    refused_.insert(task);
    return false;
  }
  ++readers_;
  return true;
}

void GlobalGate::enter_visit() {
  const bool is_inside = std::find(visited.begin(), visited.end(), this) != visited.end();
  MonitorLock lock(monitor_);
  if (!is_inside) env_.wait(lock, [&] { return !is_writing_ && !wanted_.load(); });
  visited.push_back(this);
  ++readers_;
}

void GlobalGate::leave() {
  {
    MonitorLock lock(monitor_);
    if (--readers_ > 0 || !writer_waits_) return;
  }
  wake_writer_(0);
}

void GlobalGate::leave_visit() {
  visited.pop_back();
  leave();
}

bool GlobalGate::enter_alone() {
  std::set<TaskId> refused;
  std::int64_t before = 0, ends = 0;
  {
    MonitorLock lock(monitor_);
    if (is_closed_) return false;
    if (readers_ == 0) {
      is_writing_ = true;
      writer_waits_ = false;
      return true;
    }
    before = phase_ends_ns_;
    wait_in_phases();
    ends = phase_ends_ns_;
    if (!wanted_.load()) refused.swap(refused_);
  }
  wake(refused);
  if (ends != before) wake_writer_(ends);
  return false;
}

// Under the monitor, while somebody else is inside.
void GlobalGate::wait_in_phases() {
  const std::int64_t now = env_.clock().monotonic_ns();
  if (!writer_waits_) {
    writer_waits_ = true;
    insistence_ns_ = first_insistence_ns;
    phase_ends_ns_ = now + first_patience_ns;
  } else if (now >= phase_ends_ns_ && !wanted_.load()) {
    wanted_.store(true);
    phase_ends_ns_ = now + insistence_ns_;
  } else if (now >= phase_ends_ns_) {
    wanted_.store(false);
    phase_ends_ns_ = now + patience_for_insistence * insistence_ns_;
    insistence_ns_ = std::min(2 * insistence_ns_, insistence_max_ns);
  }
}

void GlobalGate::leave_alone() {
  std::set<TaskId> refused;
  {
    MonitorLock lock(monitor_);
    is_writing_ = false;
    wanted_.store(false);
    refused.swap(refused_);
  }
  wake(refused);
}

void GlobalGate::close() {
  std::set<TaskId> refused;
  {
    MonitorLock lock(monitor_);
    is_closed_ = true;
    writer_waits_ = false;
    wanted_.store(false);
    if (!is_writing_) refused.swap(refused_);
  }
  wake(refused);
}

// Nobody keeps readers out any more.
void GlobalGate::wake(const std::set<TaskId>& refused) {
  monitor_.notify_all();
  for (TaskId task : refused) wake_(task);
}

}  // namespace millrace
