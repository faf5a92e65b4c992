// SimEnv: the world from a seed. One thread, virtual time, a disk that forgets; every run of a seed is the same, call
// by call.
//
//   SimEnv env(seed);
//   auto log = open_log(env, "/data");        // the program, built over the Env
//   env.faults().kill("log.segment.sync", Side::after, 3);
//   env.run_for(10s);                         // its jobs run here, until the node dies
//   log.reset();                              // its objects go while the node is dead: what they call fails and
//   changes nothing env.power_cut();                          // or nothing: a killed process loses no page that the
//   kernel has env.reboot(); log = open_log(env, "/data");             // the same disk
//
// Jobs run only inside run_…(), wait() and Executor::drain(). A program that blocks a thread by other means to wait for
// another job can't run here.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "millrace/base/env.h"
#include "millrace/base/sim/scheduler.h"
#include "millrace/base/sim/sim_disk.h"
#include "millrace/base/sim/sim_faults.h"
#include "millrace/base/sim/trace.h"

namespace millrace::sim {

struct SimOptions {
  std::uint64_t seed = 1;
  bool keep_trace_text = false;        // the trace keeps its lines, not only their hash
  Timestamp start{1'700'000'000'000};  // wall clock at the beginning
  Duration operation_time_max{1};      // each file operation takes up to this much virtual time, drawn
  // Of writes at sites that begin so, the trace keeps place and size but not the bytes: a library may write what it
  // draws by itself. Empty: none.
  std::string untraced_content = {};
};

// Outlives everything made from it. One thread.
class SimEnv : public Env {
 public:
  explicit SimEnv(std::uint64_t seed) : SimEnv(SimOptions{.seed = seed}) {}
  explicit SimEnv(const SimOptions& options);
  ~SimEnv() override;

  Clock& clock() override;
  FileSystem& files() override;
  Random& random() override;
  std::unique_ptr<Executor> make_executor(int concurrency, std::string_view name) override;  // 0: four
  std::unique_ptr<Executor> make_io_executor(int concurrency, std::string_view name) override;
  void fault_point(Site site) override;
  bool wait(MonitorLock& lock, const std::function<bool()>& done, std::optional<Duration> timeout) override;
  bool is_simulated() const override { return true; }
  bool is_alive() const override { return !is_killed(); }

  // Runs jobs until none is ready, without moving time on to later timers; returns how many.
  std::size_t run_until_idle();
  // Runs jobs and timers until this much virtual time has passed or the node died.
  void run_for(Duration duration);
  // Runs jobs and timers until `done` holds, checked between jobs; false if it still doesn't after `limit`, or the node
  // died.
  bool run_until(const std::function<bool()>& done, Duration limit);

  // Moves virtual time on without running anything: what a call that waits costs.
  void advance(Duration duration);

  // The node dies: jobs and timers are dropped, locks let go, open files unusable. The disk keeps all that was written.
  void kill();
  bool is_killed() const;
  // Kills the node, and the disk loses what was not synced, or part of it.
  void power_cut();
  // The node is up again, on the same disk. Files and executors from before stay dead. Precondition: is_killed().
  void reboot();

  SimFaults& faults();
  SimDisk& disk();
  const Trace& trace() const;

 private:
  struct World;
  std::unique_ptr<World> world_;
};

}  // namespace millrace::sim
