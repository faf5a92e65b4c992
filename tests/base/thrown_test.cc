#include "millrace/base/thrown.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace millrace {
namespace {

template <class T>
std::string told_of(const T& what) {
  try {
    throw what;
  } catch (...) {
    return thrown();
  }
}

TEST(Thrown, is_what_the_exception_says_or_that_it_cannot_say_anything) {
  EXPECT_EQ(told_of(std::runtime_error("boom")), "boom");
  EXPECT_EQ(told_of(42), "something was thrown that is no std::exception");
}

}  // namespace
}  // namespace millrace
