#include "millrace/base/sim/sim_env.h"

#include "millrace/base/monitor.h"
#include "millrace/base/sim/sim_files.h"

namespace millrace::sim {
namespace {

class SimClock : public Clock {
 public:
  SimClock(Scheduler& scheduler, Timestamp start)
      : scheduler_(scheduler), start_ms_(start.ms - scheduler.now_ns() / 1'000'000) {}
  Timestamp now() override { return {start_ms_ + monotonic_ns() / 1'000'000}; }
  // Reading takes 20 ns, so that a loop that waits for a time to come ends.
  std::int64_t monotonic_ns() override {
    scheduler_.advance(20);
    return scheduler_.now_ns();
  }

 private:
  Scheduler& scheduler_;
  std::int64_t start_ms_;
};

class TracedRandom : public Random {
 public:
  TracedRandom(std::uint64_t seed, Trace& trace) : random_(seed), trace_(trace) {}
  std::uint64_t next() override {
    std::uint64_t drawn = random_.next();
    trace_.add("random " + std::to_string(drawn));
    return drawn;
  }

 private:
  SeededRandom random_;
  Trace& trace_;
};

class SimExecutor : public Executor {
 public:
  SimExecutor(Scheduler& scheduler, const Life& life, int concurrency)
      : scheduler_(scheduler),
        life_(life),
        born_in_(life.number),
        owner_(scheduler.new_owner()),
        concurrency_(concurrency) {}
  ~SimExecutor() override {
    drain();
    scheduler_.forget(owner_);
  }
  void post(Job job) override {
    if (is_open()) scheduler_.post(owner_, std::move(job));
  }
  void post_at(std::int64_t monotonic_ns, Job job) override {
    // A timer that fires after drain() is refused like any job.
    if (is_open())
      scheduler_.post_at(owner_, monotonic_ns, [this, job = std::move(job)] {
        if (is_open()) job();
      });
  }
  int concurrency() const override { return concurrency_; }
  void drain() override {
    while (is_open() && scheduler_.has_jobs(owner_)) scheduler_.run_one();
    drained_ = true;
  }

 private:
  bool is_open() const { return !drained_ && life_.alive && life_.number == born_in_; }
  Scheduler& scheduler_;
  const Life& life_;
  std::uint64_t born_in_;
  Scheduler::Owner owner_;
  int concurrency_;
  bool drained_ = false;
};

}  // namespace

struct SimEnv::World {
  explicit World(const SimOptions& options)
      : trace(options.keep_trace_text),
        scheduler(options.seed ^ 0x5c4ed01e, trace),
        disk_random(options.seed ^ 0xd15c),
        random(options.seed ^ 0x4a11d0, trace),
        clock(scheduler, options.start),
        files(disk, faults, life, scheduler, trace, disk_random, nanoseconds(options.operation_time_max),
              options.untraced_content) {}
  Trace trace;
  Scheduler scheduler;
  SeededRandom disk_random;
  TracedRandom random;
  SimClock clock;
  SimDisk disk;
  SimFaults faults;
  Life life;
  SimFiles files;
};

SimEnv::SimEnv(const SimOptions& options) : world_(std::make_unique<World>(options)) {}
SimEnv::~SimEnv() { kill(); }

Clock& SimEnv::clock() { return world_->clock; }
FileSystem& SimEnv::files() { return world_->files; }
Random& SimEnv::random() { return world_->random; }
std::unique_ptr<Executor> SimEnv::make_executor(int concurrency, std::string_view) {
  return std::make_unique<SimExecutor>(world_->scheduler, world_->life, concurrency > 0 ? concurrency : 4);
}
std::unique_ptr<Executor> SimEnv::make_io_executor(int concurrency, std::string_view name) {
  return make_executor(concurrency, name);
}
void SimEnv::fault_point(Site site) { world_->files.pass(site); }

bool SimEnv::wait(MonitorLock& lock, const std::function<bool()>& done, std::optional<Duration> timeout) {
  Scheduler& scheduler = world_->scheduler;
  const std::int64_t end = timeout ? later(scheduler.now_ns(), *timeout) : INT64_MAX;
  while (!done()) {
    lock.mutex_lock().unlock();
    bool ran = false;
    if (world_->life.alive && scheduler.now_ns() < end) {
      ran = scheduler.run_one() || scheduler.advance_to_timer(end);
      if (!ran && end != INT64_MAX) scheduler.advance(end - scheduler.now_ns());  // nothing will happen before
    }
    lock.mutex_lock().lock();
    if (!ran) return done();
  }
  return true;
}

std::size_t SimEnv::run_until_idle() {
  std::size_t count = 0;
  while (world_->life.alive && world_->scheduler.run_one()) ++count;
  return count;
}

void SimEnv::run_for(Duration duration) {
  std::int64_t end = later(world_->scheduler.now_ns(), duration);
  run_until([&] { return world_->scheduler.now_ns() >= end; }, duration);
}

bool SimEnv::run_until(const std::function<bool()>& done, Duration limit) {
  Scheduler& scheduler = world_->scheduler;
  std::int64_t end = later(scheduler.now_ns(), limit);
  while (world_->life.alive) {
    if (done()) return true;
    if (scheduler.now_ns() >= end) return false;
    if (scheduler.run_one() || scheduler.advance_to_timer(end)) continue;
    if (end != INT64_MAX) scheduler.advance(end - scheduler.now_ns());  // nothing will happen before
    return done();
  }
  return false;
}

void SimEnv::advance(Duration duration) { world_->scheduler.advance(nanoseconds(duration)); }

void SimEnv::kill() {
  world_->life.alive = false;
  world_->scheduler.forget_all();
  world_->files.drop_locks();
}

bool SimEnv::is_killed() const { return !world_->life.alive; }

void SimEnv::power_cut() {
  kill();
  world_->trace.add("power cut");
  world_->disk.power_cut(world_->disk_random);
}

void SimEnv::reboot() {
  MR_ASSERT(is_killed(), "a node that runs can't be rebooted");
  kill();  // an ordered kill has only marked it
  world_->trace.add("reboot");
  ++world_->life.number;
  world_->life.alive = true;
}

SimFaults& SimEnv::faults() { return world_->faults; }
SimDisk& SimEnv::disk() { return world_->disk; }
const Trace& SimEnv::trace() const { return world_->trace; }

}  // namespace millrace::sim
