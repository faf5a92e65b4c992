// StoreCounters: what a store has been asked so far: plain integers of the task that owns it, read by its metrics.
#pragma once
#include <algorithm>
#include <cstdint>

#include "millrace/base/env.h"

namespace millrace {

// Calls of one kind. Some of them are timed, if there is a clock: one of `every`, a power of two.
struct CallCounter {
  std::int64_t count = 0;
  std::int64_t timed = 0, timed_ns = 0, longest_ns = 0;  // since the metrics last took them
};

// What the calls of a store are counted in, and what times them. One thread: the task's.
struct StoreCounters {
  CallCounter gets, puts, fetches, ranges, alls, prefix_scans, flushes;
  std::int64_t cache_hits = 0;  // gets that the record cache answered
  Clock* clock = nullptr;       // null: nothing is timed

  // Does `call` and counts it.
  template <std::int64_t every, class F>
  decltype(auto) count(CallCounter& calls, F call) {
    static_assert((every & (every - 1)) == 0);
    if (!clock || (calls.count & (every - 1)) != 0) [[likely]] {
      ++calls.count;
      return call();
    }
    ++calls.count;
    const Stopwatch watch{calls, *clock, clock->monotonic_ns()};
    return call();
  }

 private:
  struct Stopwatch {
    CallCounter& calls;
    Clock& clock;
    const std::int64_t started_ns;
    ~Stopwatch() {
      const std::int64_t took_ns = clock.monotonic_ns() - started_ns;
      ++calls.timed;
      calls.timed_ns += took_ns;
      calls.longest_ns = std::max(calls.longest_ns, took_ns);
    }
  };
};

// How many look-ups and puts go by for one that is timed: two looks at a clock are half of what a look-up takes.
inline constexpr std::int64_t calls_between_timed = 256;

}  // namespace millrace
