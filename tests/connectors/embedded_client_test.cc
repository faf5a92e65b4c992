#include "millrace/connectors/embedded/embedded_client.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "millrace/base/env_real.h"
#include "tests/connectors/log_client_contract.h"

namespace millrace {
namespace {

// An embedded client over a directory that goes with the test.
class EmbeddedLog {
 public:
  EmbeddedLog() {
    static std::atomic<int> count = 0;
    directory_ =
        ::testing::TempDir() + "/millrace_embedded_" + std::to_string(::getpid()) + "_" + std::to_string(count++);
    std::filesystem::remove_all(directory_);
    reopen();
  }
  ~EmbeddedLog() {
    client_.reset();
    std::filesystem::remove_all(directory_);
  }
  LogClient& client() { return *client_; }
  const std::string& directory() const { return directory_; }
  void reopen() {
    client_.reset();
    EmbeddedConfig config;
    config.data_dir = directory_;
    config.housekeeping_interval = 0ms;
    auto opened = open_embedded(real_env(), config);
    ASSERT_TRUE(opened) << opened.error().text();
    client_ = std::move(*opened);
  }

 private:
  std::string directory_;
  std::unique_ptr<LogClient> client_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Embedded, LogClientContract, EmbeddedLog);

TEST(EmbeddedClient, a_second_one_on_the_same_directory_is_told_who_holds_it) {
  EmbeddedLog log;
  EmbeddedConfig config;
  config.data_dir = log.directory();
  auto second = open_embedded(real_env(), config);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message().find(std::to_string(::getpid())), std::string::npos) << second.error().message();
}

TEST(EmbeddedClient, a_missing_topic_is_made_on_the_first_send) {
  EmbeddedLog log;
  auto producer = *log.client().make_producer({});
  auto sent = producer->send(ProducerRecord{"new", {}, Bytes("k"), Bytes("v"), {}, {}});
  MR_ASSERT_OK(producer->flush());
  EXPECT_EQ(sent.get()->offset, 0);
  EXPECT_EQ(log.client().admin().describe_topic("new")->partitions, 1);
}

TEST(EmbeddedClient, linger_sends_without_a_flush) {
  EmbeddedLog log;
  auto producer = *log.client().make_producer({});
  auto sent = producer->send(ProducerRecord{"t", {}, Bytes("k"), Bytes("v"), {}, {}});
  EXPECT_EQ(sent.get()->offset, 0);  // waits for the timer and the sync
}

TEST(EmbeddedClient, poll_waits_for_an_append) {
  EmbeddedLog log;
  MR_ASSERT_OK(log.client().admin().create_topic({"t", 1, {}}));
  auto consumer = *log.client().make_consumer({});
  MR_ASSERT_OK(consumer->assign({{"t", 0}}));
  EXPECT_TRUE(consumer->poll(0ms)->empty());
  auto producer = *log.client().make_producer({});
  auto executor = real_env().make_io_executor(1, "test");
  executor->post([&] {
    RecordBatchBuilder batch;
    batch.append({1}, "k", "v");
    MR_EXPECT_OK(producer->append({"t", 0}, batch));
  });
  EXPECT_EQ(consumer->poll(60s)->size(), 1u);
  executor->drain();
}

}  // namespace
}  // namespace millrace
