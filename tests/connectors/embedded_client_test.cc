#include "millrace/connectors/embedded/embedded_client.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

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

ProducerRecord record_of(const std::string& value) {
  return ProducerRecord{"t", 0, Bytes("k"), Bytes(value), {}, {}};
}

TEST(EmbeddedClient, a_damaged_batch_stops_its_partition_until_it_is_sought_past) {
  EmbeddedLog log;
  auto producer = *log.client().make_producer({});
  for (const char* value : {"first", "second", "third"}) ASSERT_TRUE(producer->send(record_of(value)).get());
  const std::string path = log.directory() + "/t-0/00000000000000000000.log";
  {
    std::ifstream in(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const auto at = bytes.find("second");
    ASSERT_NE(at, std::string::npos);
    std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(at));
    out.put('S');
  }
  ConsumerConfig config;
  config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
  auto consumer = *log.client().make_consumer(config);
  MR_ASSERT_OK(consumer->assign({{"t", 0}}));
  auto before = consumer->poll(0ms);
  ASSERT_TRUE(before) << before.error().text();
  ASSERT_EQ(before->size(), 1u);
  for (int i = 0; i < 3; ++i) {
    auto damaged = consumer->poll(0ms);
    ASSERT_FALSE(damaged) << i;
    EXPECT_EQ(damaged.error().code(), ErrorCode::corrupt_message);
    EXPECT_EQ(*consumer->position({"t", 0}), 1);
  }
  MR_ASSERT_OK(consumer->seek({"t", 0}, 2));
  auto after = consumer->poll(0ms);
  ASSERT_TRUE(after) << after.error().text();
  EXPECT_EQ(after->at(0).value, Bytes("third"));
}

}  // namespace
}  // namespace millrace
