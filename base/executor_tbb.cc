#include "millrace/base/executor_tbb.h"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "millrace/base/timer.h"

namespace millrace {
namespace {

// TBB gives all arenas together one thread less than there are cores, counting the caller as one. Our callers only
// enqueue, so an arena of n workers would get n-1. The limit is process-wide and the smallest one set wins: set once,
// high enough; each arena is bounded by its own concurrency.
void raise_worker_limit() { static tbb::global_control limit(tbb::global_control::max_allowed_parallelism, 257); }

// Shared with every queued job and, weakly, with timers.
class Arena : public std::enable_shared_from_this<Arena> {
 public:
  explicit Arena(int concurrency) : arena_(concurrency, /*reserved_for_masters=*/0) {}

  void post(Job job) {
    // Counted first, then looked whether it is too late: drain() closes only at a count of zero.
    if (pending_.fetch_add(1) < 0) {
      pending_.fetch_sub(1);
      return;
    }
    arena_.enqueue(Enqueued{shared_from_this(), std::move(job)});
  }
  void drain() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] {
      std::int64_t none = 0;
      return pending_.compare_exchange_strong(none, closed) || none < 0;
    });
  }

 private:
  // TBB calls what it holds as const; the job must be gone, with all that it refers to, before it counts as finished.
  struct Enqueued {
    std::shared_ptr<Arena> arena;
    mutable Job job;
    void operator()() const {
      job();
      job = nullptr;
      arena->finished();
    }
  };
  static constexpr std::int64_t closed = INT64_MIN / 2;
  void finished() {
    if (pending_.fetch_sub(1) != 1) return;
    std::lock_guard lock(mutex_);
    idle_.notify_all();
  }

  tbb::task_arena arena_;
  std::atomic<std::int64_t> pending_ = 0;  // queued and running; negative: closed
  std::mutex mutex_;
  std::condition_variable idle_;
};

class TbbExecutor : public Executor {
 public:
  explicit TbbExecutor(int concurrency) : concurrency_(concurrency) {
    raise_worker_limit();
    arena_ = std::make_shared<Arena>(concurrency);
  }
  ~TbbExecutor() override { arena_->drain(); }
  void post(Job job) override { arena_->post(std::move(job)); }
  void post_at(std::int64_t monotonic_ns, Job job) override {
    Timer::instance().at(monotonic_ns, [weak = std::weak_ptr(arena_), job = std::move(job)]() mutable {
      if (auto arena = weak.lock()) arena->post(std::move(job));
    });
  }
  int concurrency() const override { return concurrency_; }
  void drain() override { arena_->drain(); }

 private:
  int concurrency_;
  std::shared_ptr<Arena> arena_;
};

}  // namespace

std::unique_ptr<Executor> make_tbb_executor(int concurrency) { return std::make_unique<TbbExecutor>(concurrency); }

}  // namespace millrace
