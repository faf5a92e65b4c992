// Monitor: a mutex and what is waited for under it. Waiting goes through the Env, so that a program that waits runs in
// the simulation, where one thread does everything: there, the wait runs other jobs.
//
//   MonitorLock lock(monitor);
//   if (!env.wait(lock, [&] { return done; }, 10s)) …      // `done` is read and written with the lock held
//   … { MonitorLock lock(monitor); done = true; }  monitor.notify_all();
#pragma once
#include <condition_variable>
#include <mutex>

namespace millrace {

// Threads: any.
class Monitor {
 public:
  // Wakes all who wait. With or without the lock held.
  void notify_all() { changed_.notify_all(); }

 private:
  friend class MonitorLock;
  std::mutex mutex_;
  std::condition_variable changed_;
};

// Holds the monitor while it lives, except while it waits.
class MonitorLock {
 public:
  explicit MonitorLock(Monitor& monitor) : monitor_(monitor), lock_(monitor.mutex_) {}
  // For implementations of Env::wait.
  std::unique_lock<std::mutex>& mutex_lock() { return lock_; }
  std::condition_variable& changed() { return monitor_.changed_; }

 private:
  Monitor& monitor_;
  std::unique_lock<std::mutex> lock_;
};

}  // namespace millrace
