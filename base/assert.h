// MR_ASSERT: our own mistakes stop the process, with the values that show them; restart recovers from disk.
#pragma once

namespace millrace {

// Prints `condition`, file, line and `detail` to stderr and aborts. Never returns.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line, const char* detail);

}  // namespace millrace

// Always on, release builds included: a broken invariant that goes on running loses records.
#define MR_ASSERT(condition, ...)         \
  (static_cast<bool>(condition) ? void(0) \
                                : ::millrace::assertion_failed(#condition, __FILE__, __LINE__, "" __VA_ARGS__))
