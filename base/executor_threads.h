// An Executor of plain threads, whose jobs may block: for I/O, and for everything under ThreadSanitizer. Not for use
// outside base/.
#pragma once
#include <memory>
#include <string_view>

#include "millrace/base/env.h"

namespace millrace {

// Its destructor drains, then joins the threads. Timers that have not fired by then never run.
std::unique_ptr<Executor> make_thread_executor(int concurrency, std::string_view name);

}  // namespace millrace
