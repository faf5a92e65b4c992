// run_all: independent blocking jobs at once, waited for.
#pragma once
#include <functional>
#include <vector>

#include "millrace/base/env.h"

namespace millrace {

// Runs `jobs` on `executor`, whose jobs may block, and waits for all. Returns the first error in the order of `jobs`;
// what one throws is its error, UNKNOWN_SERVER_ERROR; KAFKA_STORAGE_ERROR where a simulated node died before they were
// done. Never from a job of the same executor.
Result<> run_all(Env& env, Executor& executor, const std::vector<std::function<Result<>()>>& jobs);

}  // namespace millrace
