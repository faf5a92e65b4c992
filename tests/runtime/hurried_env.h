// HurriedEnv: the real Env with a monotonic clock that runs 500 times as fast, so that everything periodic (slices,
// trims of the value cache, commits, checkpoints) happens all the time in a run of a second.
#pragma once
#include "millrace/base/env_real.h"

namespace millrace {

class HurriedEnv final : public Env {
 public:
  Clock& clock() override { return clock_; }
  FileSystem& files() override { return real_env().files(); }
  Random& random() override { return real_env().random(); }
  std::unique_ptr<Executor> make_executor(int concurrency, std::string_view name) override {
    return std::make_unique<HurriedExecutor>(clock_, real_env().make_executor(concurrency, name));
  }
  std::unique_ptr<Executor> make_io_executor(int concurrency, std::string_view name) override {
    return std::make_unique<HurriedExecutor>(clock_, real_env().make_io_executor(concurrency, name));
  }
  void fault_point(Site site) override { real_env().fault_point(site); }
  bool wait(MonitorLock& lock, const std::function<bool()>& done, std::optional<Duration> timeout) override {
    return real_env().wait(lock, done, timeout);
  }

 private:
  static constexpr std::int64_t factor = 500;
  struct HurriedClock final : Clock {
    Timestamp now() override { return real_env().clock().now(); }
    std::int64_t monotonic_ns() override { return start + (real_env().clock().monotonic_ns() - start) * factor; }
    std::int64_t real(std::int64_t hurried) const { return start + (hurried - start) / factor; }
    const std::int64_t start = real_env().clock().monotonic_ns();
  };
  class HurriedExecutor final : public Executor {
   public:
    HurriedExecutor(HurriedClock& clock, std::unique_ptr<Executor> real) : clock_(clock), real_(std::move(real)) {}
    void post(Job job) override { real_->post(std::move(job)); }
    void post_at(std::int64_t monotonic_ns, Job job) override {
      real_->post_at(clock_.real(monotonic_ns) + 1, std::move(job));  // rounded up: not before its time
    }
    int concurrency() const override { return real_->concurrency(); }
    void drain() override { real_->drain(); }

   private:
    HurriedClock& clock_;
    std::unique_ptr<Executor> real_;
  };
  HurriedClock clock_;
};

}  // namespace millrace
