// Which log a configuration means.
#include "millrace/client_factory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/sim/sim_env.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ClientFactory : public ::testing::Test {
 protected:
  std::unique_ptr<LogClient> open(const ConfigValues& config, const std::string& dir = "/data") {
    auto log = make_log_client(env_, dir, config);
    EXPECT_TRUE(log) << log.error().text();
    return log ? *std::move(log) : nullptr;
  }
  // Syncs of a segment's file that an acknowledged record costs.
  std::uint64_t syncs_of_a_record(LogClient& log) {
    EXPECT_TRUE(log.admin().create_topic({"topic", 1, {}}));
    auto producer = log.make_producer({});
    EXPECT_TRUE(producer);
    auto syncs = [&] {
      auto passes = env_.faults().passes().find("log.segment.sync");
      return passes == env_.faults().passes().end() ? 0 : passes->second;
    };
    const std::uint64_t before = syncs();
    EXPECT_TRUE((*producer)->send({"topic", 0, Bytes("k"), Bytes("v")}, {}));
    EXPECT_TRUE((*producer)->flush());
    return syncs() - before;
  }
  sim::SimEnv env_{1};
};

TEST_F(ClientFactory, is_the_bundled_broker_unless_servers_are_named) {
  EXPECT_TRUE(open({})->is_embedded());
  auto cluster = make_log_client(env_, "/other", {{"bootstrap.servers", "kafka:9092"}});
  ASSERT_FALSE(cluster);
  EXPECT_EQ(cluster.error().code(), ErrorCode::invalid_config);
  EXPECT_THAT(cluster.error().text(), AllOf(HasSubstr("kafka:9092"), HasSubstr("leave it out")));
  EXPECT_FALSE(env_.files().exists("/other"));
}

TEST_F(ClientFactory, an_acknowledged_record_is_synced_unless_flush_is_left_to_the_kernel) {
  EXPECT_GT(syncs_of_a_record(*open({})), 0u);
  EXPECT_GT(syncs_of_a_record(*open({{"flush", "group"}}, "/group")), 0u);
  EXPECT_EQ(syncs_of_a_record(*open({{"flush", "os"}}, "/os")), 0u);
}

TEST_F(ClientFactory, a_topic_that_is_made_by_its_first_record_has_num_partitions) {
  auto log = open({{"num.partitions", "3"}});
  auto producer = log->make_producer({});
  ASSERT_TRUE(producer);
  ASSERT_TRUE((*producer)->send({"new", 0, Bytes("k"), Bytes("v")}, {}));
  ASSERT_TRUE((*producer)->flush());
  auto topic = log->admin().describe_topic("new");
  ASSERT_TRUE(topic) << topic.error().text();
  EXPECT_EQ(topic->partitions, 3);
}

TEST_F(ClientFactory, what_is_configured_wrong_is_an_error_and_what_is_in_use_too) {
  EXPECT_EQ(make_log_client(env_, "/data", {{"flush", "sometimes"}}).error().code(), ErrorCode::invalid_config);
  EXPECT_THAT(make_log_client(env_, "/data", {{"flusch", "os"}}).error().text(), HasSubstr("flush"));
  auto first = open({});
  auto second = make_log_client(env_, "/data", {});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text(), HasSubstr("/data"));
  first.reset();
  open({});
}

}  // namespace
}  // namespace millrace
