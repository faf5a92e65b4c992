// run_all: independent blocking jobs at once, waited for.
#pragma once
#include <functional>
#include <vector>

#include "millrace/base/env.h"

namespace millrace {

// Runs `jobs` on `executor`, whose jobs may block, and waits for all. With an executor of one worker they run here, in
// order: a simulated executor must not be waited for. Returns the first error in the order of `jobs`. Never from a job
// of the same executor.
Result<> run_all(Executor& executor, const std::vector<std::function<Result<>()>>& jobs);

}  // namespace millrace
