// A store's metrics, over a running application.
#include "millrace/runtime/store_metrics.h"

#include <cmath>

#include "tests/runtime/metered_streams.h"

namespace millrace {
namespace {

constexpr const char* state = "stream-state-metrics";

using StoreMetricsTest = MeteredStreams;

TEST_F(StoreMetricsTest, tell_calls_their_times_and_the_rows_that_rocksdb_has) {
  for (int i = 0; i < 50; ++i) say("k" + std::to_string(i % 5), "v");
  run(count_by_key);
  const Tags store{{"rocksdb-state-id", "counts"}, {"task-id", "0_0"}};
  for (const char* call : {"get", "put", "flush"}) {
    EXPECT_GT(value(state, std::string(call) + "-rate", store), 0) << call;
    EXPECT_GT(value(state, std::string(call) + "-latency-avg", store), 0) << call;
  }
  EXPECT_NEAR(value(state, "get-rate", store), value(state, "put-rate", store), value(state, "put-rate", store) * 0.5);
  EXPECT_EQ(value(state, "range-rate", store), 0);
  EXPECT_TRUE(std::isnan(value(state, "range-latency-avg", store)));
  EXPECT_EQ(value(state, "estimate-num-keys", store), 5);
  EXPECT_GT(value(state, "total-sst-files-size", store), 0);
  EXPECT_EQ(value(state, "background-errors", store), 0);
}

TEST_F(StoreMetricsTest, tell_how_much_the_record_cache_answers) {
  for (int i = 0; i < 50; ++i) say("k", "v");
  run(count_by_key, {{"commit.interval.ms", "600000"}, {"transaction.timeout.ms", "900000"}});
  const Tags cache{{"record-cache-id", "counts"}};
  EXPECT_GE(value("stream-record-cache-metrics", "hit-ratio-max", cache), 0.5);
  EXPECT_LE(value("stream-record-cache-metrics", "hit-ratio-max", cache), 1);
  EXPECT_LE(value("stream-record-cache-metrics", "hit-ratio-min", cache),
            value("stream-record-cache-metrics", "hit-ratio-avg", cache));
}

void in_memory(StreamsBuilder& builder) {
  constexpr Topic<std::string, std::string> in{"in"};
  builder.stream(in).group_by_key().count({.as = "counts", .in_memory = true});
}

TEST_F(StoreMetricsTest, count_the_keys_of_a_store_in_memory) {
  for (int i = 0; i < 50; ++i) say("k" + std::to_string(i % 7), "v");
  run(in_memory);
  EXPECT_EQ(value(state, "num-keys", {{"in-memory-state-id", "counts"}}), 7);
  EXPECT_TRUE(std::isnan(value(state, "estimate-num-keys"))) << "it has no RocksDB";
  run(in_memory);
  EXPECT_EQ(value("restore-metrics", "restores-total", {{"reason", "in-memory"}}), 1);
}

}  // namespace
}  // namespace millrace
