#include "millrace/connectors/embedded/embedded_client.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "millrace/base/env_real.h"
#include "millrace/base/monitor.h"
#include "millrace/base/sim/sim_env.h"
#include "tests/connectors/log_client_contract.h"
#include "tests/connectors/producer_contract.h"

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
INSTANTIATE_TYPED_TEST_SUITE_P(Embedded, ProducerContract, EmbeddedLog);

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

ProducerRecord record_of(const std::string& value, PartitionId partition = 0) {
  return ProducerRecord{"t", partition, Bytes("k"), Bytes(value), {}, {}};
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

TEST(EmbeddedClient, a_flush_waits_for_what_another_thread_is_acknowledging) {
  EmbeddedLog log;
  MR_ASSERT_OK(log.client().admin().create_topic({"t", 2, {}}));
  ProducerConfig config;
  config.linger = 10s;
  config.buffer_memory = 2000;
  auto producer = *log.client().make_producer(config);
  Monitor monitor;
  bool acknowledging = false, flushed = false, acknowledged = false;
  auto other = real_env().make_io_executor(1, "test");
  other->post([&] {
    MR_EXPECT_OK(producer->send(record_of("a"), [&](const Result<RecordMetadata>&) {
      MonitorLock lock(monitor);
      acknowledging = true;
      monitor.notify_all();
      (void)real_env().wait(lock, [&] { return flushed; }, 50ms);  // it should not come to that
      acknowledged = true;
    }));
    MR_EXPECT_OK(producer->send(record_of(std::string(1960, 'v')), {}));  // the buffer is full: this thread sends
  });
  {
    MonitorLock lock(monitor);
    ASSERT_TRUE(real_env().wait(lock, [&] { return acknowledging; }));
  }
  MR_EXPECT_OK(producer->flush());
  {
    MonitorLock lock(monitor);
    EXPECT_TRUE(acknowledged);
    flushed = true;
    monitor.notify_all();
  }
  other->drain();
}

TEST(EmbeddedClient, a_callback_in_the_background_may_flush_in_vain_and_destroy_its_producer) {
  EmbeddedLog log;
  std::shared_ptr<Producer> producer = *log.client().make_producer({});
  std::promise<Result<>> flushed;
  MR_ASSERT_OK(producer->send(record_of("a"), [&flushed, producer](const Result<RecordMetadata>&) mutable {
    auto result = producer->flush();
    producer.reset();
    flushed.set_value(std::move(result));
  }));
  producer.reset();
  auto refused = flushed.get_future().get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::invalid_request);
}

TEST(EmbeddedClient, a_time_that_no_clock_reaches_is_for_ever) {
  sim::SimEnv env{1};
  EmbeddedConfig embedded;
  embedded.data_dir = "/data";
  embedded.housekeeping_interval = 0ms;
  auto log = open_embedded(env, embedded);
  ASSERT_TRUE(log) << log.error().text();
  {
    ProducerConfig config;
    config.linger = Duration::max();
    auto producer = *(*log)->make_producer(config);
    auto sent = producer->send(record_of("a"));
    auto consumer = *(*log)->make_consumer({});
    MR_ASSERT_OK(consumer->assign({{"t", 0}}));
    auto executor = env.make_executor(1, "test");
    executor->post_at(env.clock().monotonic_ns() + 3'600'000'000'000, [&] { MR_EXPECT_OK(producer->flush()); });
    auto records = consumer->poll(Duration::max());
    ASSERT_TRUE(records);
    EXPECT_EQ(records->size(), 1u) << "sent by the flush an hour later, and no sooner";
    EXPECT_GE(env.clock().now().ms - sent.get()->timestamp.ms, 3'600'000);
  }
}

}  // namespace
}  // namespace millrace
