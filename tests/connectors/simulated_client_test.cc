#include "millrace/connectors/simulated/simulated_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/sim/sim_env.h"
#include "millrace/connectors/embedded/embedded_client.h"
#include "tests/connectors/log_client_contract.h"
#include "tests/connectors/memory_log.h"
#include "tests/connectors/producer_contract.h"

namespace millrace {
namespace {

// The embedded client on a simulated disk, behind a network that loses a third of all requests and answers.
class SimulatedLog {
 public:
  SimulatedLog() { reopen(); }
  LogClient& client() { return *client_; }
  void reopen() {
    client_.reset();
    behind_.reset();
    EmbeddedConfig config;
    config.data_dir = "/data";
    config.housekeeping_interval = 0ms;
    auto opened = open_embedded(env_, config);
    ASSERT_TRUE(opened) << opened.error().text();
    behind_ = std::move(*opened);
    SimulatedNetwork network;
    network.lost_request = network.lost_answer = 0.33;
    network.late_notification = 0;  // the suite counts them at once
    network.wait = [this](Duration d) { env_.advance(d); };
    client_ = std::make_unique<SimulatedClient>(env_, *behind_, network);
  }

 private:
  sim::SimEnv env_{1};
  std::unique_ptr<LogClient> behind_;
  std::unique_ptr<SimulatedClient> client_;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Simulated, LogClientContract, SimulatedLog);
INSTANTIATE_TYPED_TEST_SUITE_P(Simulated, ProducerContract, SimulatedLog);

class Simulated : public ::testing::Test {
 protected:
  std::unique_ptr<SimulatedClient> over(LogClient& behind, SimulatedNetwork network) {
    network.wait = [this](Duration d) { env_.advance(d); };
    return std::make_unique<SimulatedClient>(env_, behind, network);
  }
  sim::SimEnv env_{1};
  test::MemoryLog log_;
};

TEST_F(Simulated, what_was_lost_is_sent_again_and_takes_time) {
  auto client = over(log_, {.lost_request = 0.5, .lost_answer = 0.5});
  Timestamp before = env_.clock().now();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client->admin().create_topic({.name = "t" + std::to_string(i)})) << i;
  EXPECT_GT(client->counts().lost_requests, 5u);
  EXPECT_GT(client->counts().lost_answers, 5u);
  EXPECT_GE(env_.clock().now() - before, 1s);
  EXPECT_EQ(log_.state.topics.size(), 20u);
}

TEST_F(Simulated, an_error_of_the_log_comes_through) {
  auto client = over(log_, {.lost_request = 0.5, .lost_answer = 0.5});
  ASSERT_TRUE(client->admin().create_topic({.name = "t"}));
  auto again = client->admin().create_topic({.name = "t"});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), ErrorCode::topic_already_exists);
}

TEST_F(Simulated, a_commit_of_unknown_outcome_has_happened_or_has_not) {
  ASSERT_TRUE(log_.create_topic({.name = "t"}));
  int happened = 0, not_happened = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    log_.state.topics["t"].clear();
    auto client = over(log_, {.seed = seed, .unknown_outcome = 1});
    auto producer = *client->make_producer({.transactional_id = "x"});
    ASSERT_TRUE(producer->init_transactions());
    ASSERT_TRUE(producer->begin_transaction());
    ASSERT_TRUE(producer->send({.topic = "t", .value = Bytes("v")}, {}));
    auto committed = producer->commit_transaction();
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code(), ErrorCode::request_timed_out);
    (log_.values("t").empty() ? not_happened : happened)++;
  }
  EXPECT_GT(happened, 5);
  EXPECT_GT(not_happened, 5);
}

TEST_F(Simulated, two_runs_of_a_seed_lose_the_same) {
  auto lost = [&](std::uint64_t seed) {
    test::MemoryLog log;
    auto client = over(log, {.seed = seed, .lost_request = 0.3, .lost_answer = 0.3});
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(client->admin().list_topics());
    return std::pair(client->counts().lost_requests, client->counts().lost_answers);
  };
  EXPECT_EQ(lost(5), lost(5));
}

TEST_F(Simulated, notifications_come_late_and_twice_but_not_after_they_were_taken_away) {
  EmbeddedConfig config;
  config.data_dir = "/data";
  config.housekeeping_interval = 0ms;
  auto behind = open_embedded(env_, config);
  ASSERT_TRUE(behind) << behind.error().text();
  {
    auto client = over(**behind, {.late_notification = 1, .repeated_notification = 1});
    ASSERT_TRUE(client->admin().create_topic({.name = "t"}));
    auto consumer = *client->make_consumer({});
    auto producer = *client->make_producer({});
    int told = 0;
    ASSERT_TRUE(consumer->notify({"t", 0}, [&] { ++told; }));
    RecordBatchBuilder batch;
    batch.append({1}, "k", "v");
    ASSERT_TRUE(producer->append({"t", 0}, batch));
    env_.run_for(1s);
    EXPECT_GE(told, 2);
    int before = told;
    batch.clear();
    batch.append({1}, "k", "v");
    ASSERT_TRUE(producer->append({"t", 0}, batch));
    ASSERT_TRUE(consumer->notify({"t", 0}, {}));
    env_.run_for(1s);
    EXPECT_EQ(told, before);
  }
}

TEST_F(Simulated, a_fetch_may_be_short_but_its_first_batch_is_whole) {
  EmbeddedConfig config;
  config.data_dir = "/data";
  config.housekeeping_interval = 0ms;
  auto behind = open_embedded(env_, config);
  ASSERT_TRUE(behind) << behind.error().text();
  {
    auto client = over(**behind, {.short_fetch = 1});
    ASSERT_TRUE(client->admin().create_topic({.name = "t"}));
    auto producer = *client->make_producer({});
    for (int i = 0; i < 10; ++i) {
      RecordBatchBuilder batch;
      batch.append({1}, "k", "v");
      ASSERT_TRUE(producer->append({"t", 0}, batch));
    }
    auto consumer = *client->make_consumer({});
    std::size_t shortest = SIZE_MAX, one = 0;
    for (int i = 0; i < 50; ++i) {
      auto fetched = consumer->fetch({.partition = {"t", 0}});
      ASSERT_TRUE(fetched);
      one = RecordBatchView::size_at(*fetched->bytes);
      EXPECT_EQ(fetched->bytes->size() % one, 0u);
      shortest = std::min(shortest, fetched->bytes->size());
    }
    EXPECT_EQ(shortest, one);
    EXPECT_GT(client->counts().short_fetches, 0u);
  }
}

}  // namespace
}  // namespace millrace
