#include "millrace/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace millrace {

void assertion_failed(const char* condition, const char* file, int line, const char* detail) {
  std::fprintf(stderr, "millrace: broken invariant: %s (%s:%d) %s\n", condition, file, line, detail);
  std::fflush(stderr);
  std::abort();
}

}  // namespace millrace
