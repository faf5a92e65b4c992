// message_of: what a call that fails says.
#pragma once
#include <string>

#include "millrace/runtime/task_id.h"

namespace millrace {

// What the exception of type E says that `f` throws.
template <class E = StreamsError, class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "no such exception";
}

}  // namespace millrace
