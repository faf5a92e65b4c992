#include "millrace/base/types.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(DurationInNanoseconds, is_a_million_times_as_many) {
  EXPECT_EQ(nanoseconds(0ms), 0);
  EXPECT_EQ(nanoseconds(3s), 3'000'000'000);
  EXPECT_EQ(nanoseconds(-1ms), -1'000'000);
  EXPECT_EQ(nanoseconds(Duration{9'223'372'036'854}), 9'223'372'036'854'000'000);
}

TEST(DurationInNanoseconds, is_as_long_as_they_hold_where_it_is_longer) {
  EXPECT_EQ(nanoseconds(Duration{9'223'372'036'855}), INT64_MAX);
  EXPECT_EQ(nanoseconds(Duration::max()), INT64_MAX);
  EXPECT_EQ(nanoseconds(Duration::min()), INT64_MIN);
}

TEST(LaterTime, is_never_where_it_is_beyond_the_clock) {
  EXPECT_EQ(later(5, 2ms), 2'000'005);
  EXPECT_EQ(later(5, -2ms), -1'999'995);
  EXPECT_EQ(later(5, Duration::max()), INT64_MAX);
  EXPECT_EQ(later(INT64_MAX - 5, 1ms), INT64_MAX);
  EXPECT_EQ(later(INT64_MAX, 1ms), INT64_MAX);
  EXPECT_EQ(later(0, INT64_MAX), INT64_MAX);
}

}  // namespace
}  // namespace millrace
