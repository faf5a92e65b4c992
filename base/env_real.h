// The real Env: POSIX files, the system's clocks and randomness, oneTBB (or plain threads, when built with
// MILLRACE_PLAIN_THREADS).
//
// It can hurt itself for tests of crash safety; both variables are read once, at the first use, and cost one predicted
// branch an operation when unset:
//   MILLRACE_FAULT=log.segment.sync:before:3   kill this process (SIGKILL) the third time that the site is passed,
//   before (or
//                                              `after`) its operation
//   MILLRACE_FAULT_LOG=path                    write "site passes" lines to `path` when the process exits, so that a
//   kill test can
//                                              enumerate what there is to kill at
#pragma once
#include "millrace/base/env.h"

namespace millrace {

// The process's Env; never destroyed. Threads: any.
Env& real_env();

// The cores this process may use: affinity mask and cgroup quota (rounded up) considered; at least 1.
int usable_cores();

}  // namespace millrace
