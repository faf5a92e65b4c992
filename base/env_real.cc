#include "millrace/base/env_real.h"

#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "millrace/base/executor_tbb.h"
#include "millrace/base/executor_threads.h"
#include "millrace/base/fault.h"
#include "millrace/base/files_posix.h"
#include "millrace/base/monitor.h"

namespace millrace {
namespace {

class SystemClock : public Clock {
 public:
  Timestamp now() override {
    auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count()};
  }
  std::int64_t monotonic_ns() override {
    auto since = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
  }
};

class SystemRandom : public Random {
 public:
  std::uint64_t next() override {
    std::uint64_t n = 0;
    ssize_t got = ::getrandom(&n, sizeof n, 0);  // up to 256 bytes it is never short
    MR_ASSERT(got == static_cast<ssize_t>(sizeof n), "getrandom failed");
    return n;
  }
};

class RealEnv : public Env {
 public:
  RealEnv() { read_fault_environment(); }
  Clock& clock() override { return clock_; }
  FileSystem& files() override { return *files_; }
  Random& random() override { return random_; }
  std::unique_ptr<Executor> make_executor(int concurrency, std::string_view name) override {
    if (concurrency <= 0) concurrency = usable_cores();
#ifdef MILLRACE_PLAIN_THREADS
    return make_thread_executor(concurrency, name);
#else
    (void)name;  // TBB's workers belong to no arena for good
    return make_tbb_executor(concurrency);
#endif
  }
  std::unique_ptr<Executor> make_io_executor(int concurrency, std::string_view name) override {
    return make_thread_executor(concurrency > 0 ? concurrency : usable_cores(), name);
  }
  void fault_point(Site site) override { FaultPass pass(site); }
  bool wait(MonitorLock& lock, const std::function<bool()>& done, std::optional<Duration> timeout) override {
    const std::int64_t until_ns = timeout ? later(clock_.monotonic_ns(), *timeout) : INT64_MAX;
    if (until_ns != INT64_MAX) {
      const auto until = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(until_ns));
      return lock.changed().wait_until(lock.mutex_lock(), until, done);
    }
    lock.changed().wait(lock.mutex_lock(), done);
    return true;
  }

 private:
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<FileSystem> files_ = make_posix_files();
};

// Cores' worth of CPU time that cgroup v2 lets us have, rounded up; 0: no limit.
int cgroup_cores() {
  std::FILE* in = std::fopen("/sys/fs/cgroup/cpu.max", "r");
  if (!in) return 0;
  long long quota = 0, period = 0;
  int read = std::fscanf(in, "%lld %lld", &quota, &period);  // "max 100000" reads nothing: no limit
  std::fclose(in);
  return read == 2 && quota > 0 && period > 0 ? static_cast<int>((quota + period - 1) / period) : 0;
}

}  // namespace

int usable_cores() {
  int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  int quota = cgroup_cores();
  return quota > 0 ? std::min(cores, quota) : cores;
}

Env& real_env() {
  static auto* env = new RealEnv;
  return *env;
}

}  // namespace millrace
