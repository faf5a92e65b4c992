#include "millrace/broker/log/log_metrics.h"

#include <gtest/gtest.h>

#include "millrace/base/env_real.h"

namespace millrace::broker {
namespace {

TEST(LogMetrics, keep_the_times_of_appends_and_syncs_in_microseconds) {
  LogMetrics metrics(real_env().clock());
  metrics.appended(7'000);
  metrics.appended(9'000);
  metrics.synced(2'000'000);
  metrics.sync_failed();
  int seen = 0;
  for (const MetricValue& m : metrics.read()) {
    if (m.name.name == "append-latency-us") {
      ++seen;
      EXPECT_EQ(m.histogram->count(), 2);
      EXPECT_EQ(m.histogram->sum(), 16);
    } else if (m.name.name == "sync-latency-us") {
      ++seen;
      EXPECT_EQ(m.histogram->max(), 2000);
    } else if (m.name.name == "sync-failures-total") {
      ++seen;
      EXPECT_EQ(m.value, 1);
    }
  }
  EXPECT_EQ(seen, 3);
}

}  // namespace
}  // namespace millrace::broker
