// One thread that runs jobs at given times, for the real executors' post_at. Not for use outside base/.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

namespace millrace {

// Threads: any. Its jobs must be quick: they hand over to an executor.
class Timer {
 public:
  // The process's; never destroyed. Its thread starts with the first job.
  static Timer& instance();
  Timer() = default;
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  // Runs `job` on the timer's thread at or after `monotonic_ns` (steady clock). Jobs of one time run in the order they
  // came. INT64_MAX is never.
  void at(std::int64_t monotonic_ns, std::function<void()> job);

 private:
  struct Entry {
    std::int64_t due_ns;
    std::uint64_t number;
    std::function<void()> job;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.due_ns != b.due_ns ? a.due_ns > b.due_ns : a.number > b.number;
    }
  };
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::priority_queue<Entry, std::vector<Entry>, Later> entries_;  // guarded by mutex_, as all below
  std::uint64_t next_number_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace millrace
