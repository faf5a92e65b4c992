#include "millrace/base/meter.h"

#include <gtest/gtest.h>

#include <cmath>

namespace millrace {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

TEST(MeterCell, a_young_one_rates_over_its_own_age) {
  MeterCell meter(0);
  meter.add(20, 1 * second_ns);
  EXPECT_EQ(meter.total(), 20);
  EXPECT_DOUBLE_EQ(meter.rate(2 * second_ns), 10);
}

TEST(MeterCell, an_even_flow_has_its_rate_however_long_it_lasts) {
  MeterCell meter(0);
  for (int s = 1; s <= 600; ++s) {
    meter.add(7, s * second_ns);
    EXPECT_NEAR(meter.rate(s * second_ns), 7, 7 * 0.02) << "after " << s << " s";
  }
}

TEST(MeterCell, what_is_older_than_a_minute_is_forgotten) {
  MeterCell meter(0);
  for (int s = 1; s <= 100; ++s) meter.add(1000, s * second_ns);
  for (int s = 101; s <= 200; ++s) meter.add(1, s * second_ns);
  EXPECT_NEAR(meter.rate(200 * second_ns), 1, 0.02);
  EXPECT_EQ(meter.rate(260 * second_ns), 0);
}

TEST(MeterCell, a_burst_after_a_rest_counts_over_a_minute_and_not_over_the_rest) {
  MeterCell meter(0);
  meter.add(5, 1 * second_ns);
  meter.add(120, 1000 * second_ns);
  EXPECT_NEAR(meter.rate(1001 * second_ns), 2, 0.01);
}

TEST(RecentCell, forgets_after_a_minute_and_then_knows_nothing) {
  RecentCell window;
  EXPECT_TRUE(std::isnan(window.snapshot(0).average));
  window.record(2, 0);
  window.record(4, 1 * second_ns);
  auto now = window.snapshot(1 * second_ns);
  EXPECT_EQ(now.average, 3);
  EXPECT_EQ(now.smallest, 2);
  EXPECT_EQ(now.largest, 4);
  window.record(10, 40 * second_ns);
  EXPECT_EQ(window.snapshot(41 * second_ns).smallest, 2);
  EXPECT_EQ(window.snapshot(61 * second_ns).smallest, 10);
  EXPECT_TRUE(std::isnan(window.snapshot(101 * second_ns).largest));
}

TEST(RecentCell, takes_many_values_at_once) {
  RecentCell window;
  window.record(30, 20, 3, 0);
  EXPECT_EQ(window.snapshot(0).average, 10);
  EXPECT_EQ(window.snapshot(0).largest, 20);
}

}  // namespace
}  // namespace millrace
