// Virtual time, and jobs run one at a time in an order drawn from the seed.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/env.h"
#include "millrace/base/sim/seeded_random.h"
#include "millrace/base/sim/trace.h"

namespace millrace::sim {

// One thread.
class Scheduler {
 public:
  Scheduler(std::uint64_t seed, Trace& trace) : random_(seed), trace_(trace) {}
  using Owner = std::uint64_t;  // an executor
  Owner new_owner() { return next_owner_++; }
  void post(Owner owner, Job job);
  void post_at(Owner owner, std::int64_t due_ns, Job job);
  // Drops the timers and jobs of `owner`, or all of them; what they hold is destroyed after they are gone from here.
  void forget(Owner owner);
  void forget_all();
  bool has_jobs(Owner owner) const;

  std::int64_t now_ns() const { return now_ns_; }
  // Moves time on; timers that became due are jobs then.
  void advance(std::int64_t ns);
  // Moves time on to the next timer, but not past `limit_ns`; false if there is none before it.
  bool advance_to_timer(std::int64_t limit_ns);
  // Runs one ready job, drawn; false if none is ready.
  bool run_one();

 private:
  struct Ready {
    Owner owner;
    std::uint64_t number;
    Job job;
  };
  SeededRandom random_;
  Trace& trace_;
  std::int64_t now_ns_ = 1'000'000'000;
  std::uint64_t next_number_ = 1;
  Owner next_owner_ = 1;
  std::vector<Ready> ready_;
  std::map<std::pair<std::int64_t, std::uint64_t>, Ready> timers_;  // by due time, then by number
};

}  // namespace millrace::sim
