// What Broker::metrics() says of logs and transactions.
#include <gtest/gtest.h>

#include <cmath>

#include "millrace/base/sim/sim_env.h"
#include "millrace/broker/broker.h"

namespace millrace::broker {
namespace {

using Tags = std::map<std::string, std::string>;

double value(const Broker& broker, const std::string& group, const std::string& name, const Tags& tags = {}) {
  for (const MetricValue& m : broker.metrics())
    if (m.name.group == group && m.name.name == name && m.name.tags == tags) return m.value;
  return std::numeric_limits<double>::quiet_NaN();
}

class BrokerMetrics : public ::testing::Test {
 protected:
  void SetUp() override {
    BrokerConfig config;
    config.data_dir = "/data";
    config.housekeeping_interval = 0ms;
    config.report = [](const std::string&) {};
    auto opened = Broker::open(env_, config);
    ASSERT_TRUE(opened) << opened.error().text();
    broker_ = *std::move(opened);
    ASSERT_TRUE(broker_->create_topic("t", 2, {}));
  }
  std::size_t append(PartitionId partition, int records, PartitionLog::Producer producer = {}) {
    RecordBatchBuilder batch;
    for (int i = 0; i < records; ++i) batch.append({1'700'000'000'000}, "key", "value");
    auto log = broker_->partition({"t", partition});
    EXPECT_TRUE((*log)->append(batch, producer));
    return batch.sealed().size();
  }

  sim::SimEnv env_{1};
  std::unique_ptr<Broker> broker_;
};

TEST_F(BrokerMetrics, add_up_a_topics_partitions_and_show_each_log) {
  const std::size_t bytes = append(0, 3) + append(1, 4);
  const Tags topic{{"topic", "t"}};
  EXPECT_EQ(value(*broker_, "kafka.server.BrokerTopicMetrics", "MessagesInTotal", topic), 7);
  EXPECT_EQ(value(*broker_, "kafka.server.BrokerTopicMetrics", "BytesInTotal", topic), bytes);
  EXPECT_EQ(value(*broker_, "kafka.server.BrokerTopicMetrics", "BytesOutTotal", topic), 0);
  auto log = broker_->partition({"t", 1});
  ASSERT_TRUE((*log)->read({}));
  EXPECT_GT(value(*broker_, "kafka.server.BrokerTopicMetrics", "BytesOutTotal", topic), 0);
  const Tags second{{"topic", "t"}, {"partition", "1"}};
  EXPECT_EQ(value(*broker_, "kafka.log.Log", "LogEndOffset", second), 4);
  EXPECT_EQ(value(*broker_, "kafka.log.Log", "LogStartOffset", second), 0);
  EXPECT_EQ(value(*broker_, "kafka.log.Log", "NumLogSegments", second), 1);
  ASSERT_TRUE((*log)->delete_records(3));
  EXPECT_EQ(value(*broker_, "kafka.log.Log", "LogStartOffset", second), 3);
  EXPECT_EQ(value(*broker_, "kafka.server.ReplicaManager", "PartitionCount"), 2 + 2) << "and two internal ones";
  ASSERT_TRUE(broker_->delete_topic("t"));
  EXPECT_TRUE(std::isnan(value(*broker_, "kafka.log.Log", "LogEndOffset", second)));
}

TEST_F(BrokerMetrics, show_a_transaction_that_hangs_and_who_waits_for_it) {
  auto identity = broker_->transactions().init_producer_id("app", 60s);
  ASSERT_TRUE(identity);
  auto log = broker_->partition({"t", 0});
  ASSERT_TRUE(broker_->transactions().add("app", *identity, *log));
  append(0, 5, {identity->id, identity->epoch, true});
  const Tags first{{"topic", "t"}, {"partition", "0"}};
  EXPECT_EQ(value(*broker_, "log-metrics", "open-transactions"), 1);
  EXPECT_EQ(value(*broker_, "kafka.cluster.Partition", "LastStableOffsetLag", first), 5);
  ASSERT_TRUE(broker_->transactions().end("app", *identity, ControlType::commit));
  EXPECT_EQ(value(*broker_, "log-metrics", "open-transactions"), 0);
  EXPECT_EQ(value(*broker_, "kafka.cluster.Partition", "LastStableOffsetLag", first), 0);
}

TEST_F(BrokerMetrics, show_that_the_data_directory_is_fenced_after_a_sync_that_failed) {
  append(0, 1);
  EXPECT_EQ(value(*broker_, "kafka.log.LogManager", "OfflineLogDirectoryCount"), 0);
  env_.faults().fail("log.segment.sync");
  auto log = broker_->partition({"t", 0});
  EXPECT_FALSE(broker_->sync({*log}));
  EXPECT_EQ(value(*broker_, "kafka.log.LogManager", "OfflineLogDirectoryCount"), 1);
  EXPECT_EQ(value(*broker_, "log-metrics", "sync-failures-total"), 1);
}

}  // namespace
}  // namespace millrace::broker
