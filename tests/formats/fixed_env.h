// FixedEnv: the real Env with a wall clock that stands still and chance that is counted out, so that what is written is
// the same each time.
#pragma once
#include <atomic>

#include "millrace/base/env_real.h"

namespace millrace::formats {

class FixedEnv final : public Env {
 public:
  explicit FixedEnv(Timestamp now) : clock_(now) {}
  Clock& clock() override { return clock_; }
  FileSystem& files() override { return real_env().files(); }
  Random& random() override { return random_; }
  std::unique_ptr<Executor> make_executor(int concurrency, std::string_view name) override {
    return real_env().make_executor(concurrency, name);
  }
  std::unique_ptr<Executor> make_io_executor(int concurrency, std::string_view name) override {
    return real_env().make_io_executor(concurrency, name);
  }
  void fault_point(Site site) override { real_env().fault_point(site); }
  bool wait(MonitorLock& lock, const std::function<bool()>& done, std::optional<Duration> timeout) override {
    return real_env().wait(lock, done, timeout);
  }

 private:
  struct FixedClock final : Clock {
    explicit FixedClock(Timestamp now) : now_(now) {}
    Timestamp now() override { return now_; }
    std::int64_t monotonic_ns() override { return real_env().clock().monotonic_ns(); }
    const Timestamp now_;
  };
  struct CountedRandom final : Random {
    std::uint64_t next() override { return ++count * 0x9e3779b97f4a7c15ull; }
    std::atomic<std::uint64_t> count{0};
  };
  FixedClock clock_;
  CountedRandom random_;
};

// When the directories of all releases are written; those who read them do so a minute later.
inline constexpr Timestamp written_at{1'767'225'600'000};  // 2026-01-01

}  // namespace millrace::formats
