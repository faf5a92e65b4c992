#include "millrace/dsl/windows.h"

#include <limits>

namespace millrace {

Timestamp window_end(Timestamp start, Duration size) {
  std::int64_t end;
  if (__builtin_add_overflow(start.ms, static_cast<std::int64_t>(size.count()), &end) || end < 0) {
    end = std::numeric_limits<std::int64_t>::max();
  }
  return {end};
}

}  // namespace millrace
