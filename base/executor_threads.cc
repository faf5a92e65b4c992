#include "millrace/base/executor_threads.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "millrace/base/timer.h"

namespace millrace {
namespace {

// What workers and timers share; timers hold it weakly, so that one that fires late finds nothing.
class JobQueue {
 public:
  void post(Job job) {
    {
      std::lock_guard lock(mutex_);
      if (closed_) return;
      jobs_.push_back(std::move(job));
    }
    changed_.notify_one();
  }
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      Job job = std::move(jobs_.front());
      jobs_.pop_front();
      ++running_;
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
      if (--running_ == 0 && jobs_.empty()) idle_.notify_all();
    }
  }
  void drain() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return running_ == 0 && jobs_.empty(); });
    closed_ = true;
  }
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable idle_;
  std::deque<Job> jobs_;
  int running_ = 0;
  bool closed_ = false;
  bool stopping_ = false;
};

class ThreadExecutor : public Executor {
 public:
  ThreadExecutor(int concurrency, std::string_view name) {
    std::string short_name(name.substr(0, 15));  // what Linux keeps of a thread's name
    for (int i = 0; i < concurrency; ++i) {
      threads_.emplace_back([queue = queue_, short_name] {
        pthread_setname_np(pthread_self(), short_name.c_str());
        queue->work();
      });
    }
  }
  ~ThreadExecutor() override {
    queue_->drain();
    queue_->stop();
    for (std::thread& thread : threads_) thread.join();
  }
  void post(Job job) override { queue_->post(std::move(job)); }
  void post_at(std::int64_t monotonic_ns, Job job) override {
    Timer::instance().at(monotonic_ns, [weak = std::weak_ptr(queue_), job = std::move(job)]() mutable {
      if (auto queue = weak.lock()) queue->post(std::move(job));
    });
  }
  int concurrency() const override { return static_cast<int>(threads_.size()); }
  void drain() override { queue_->drain(); }

 private:
  std::shared_ptr<JobQueue> queue_ = std::make_shared<JobQueue>();
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Executor> make_thread_executor(int concurrency, std::string_view name) {
  return std::make_unique<ThreadExecutor>(concurrency, name);
}

}  // namespace millrace
