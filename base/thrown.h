// thrown: what an exception says that is none of ours, and may be no std::exception.
#pragma once
#include <exception>
#include <string>

namespace millrace {

// The exception in hand; within a catch only.
inline std::string thrown() {
  try {
    throw;
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "something was thrown that is no std::exception";
  }
}

}  // namespace millrace
