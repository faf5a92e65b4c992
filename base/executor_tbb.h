// An Executor over a oneTBB arena, whose jobs must never block. Not for use outside base/.
#pragma once
#include <memory>

#include "millrace/base/env.h"

namespace millrace {

// Its destructor drains. Timers that have not fired by then never run.
std::unique_ptr<Executor> make_tbb_executor(int concurrency);

}  // namespace millrace
