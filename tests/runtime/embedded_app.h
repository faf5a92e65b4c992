// EmbeddedApp: topologies on the real runtime over the embedded log, on a real disk: for tests of what arrives where.
//
// Repartition topics are not purged here, so that a test can read them after the run.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "millrace/base/env_real.h"
#include "millrace/client_factory.h"
#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/streams.h"
#include "millrace/runtime/streams_config.h"
#include "millrace/topology_function.h"

namespace millrace {

// The embedded client, but DeleteRecords does nothing.
class UnpurgedLog final : public LogClient, private Admin {
 public:
  explicit UnpurgedLog(std::unique_ptr<LogClient> log) : log_(std::move(log)) {}
  Result<std::unique_ptr<Producer>> make_producer(const ProducerConfig& config) override {
    return log_->make_producer(config);
  }
  Result<std::unique_ptr<Consumer>> make_consumer(const ConsumerConfig& config) override {
    return log_->make_consumer(config);
  }
  Admin& admin() override { return *this; }
  bool is_embedded() const override { return log_->is_embedded(); }

 private:
  Result<> create_topic(const NewTopic& topic) override { return log_->admin().create_topic(topic); }
  Result<> delete_topic(const std::string& name) override { return log_->admin().delete_topic(name); }
  Result<std::vector<TopicDescription>> list_topics() override { return log_->admin().list_topics(); }
  Result<TopicDescription> describe_topic(const std::string& name) override {
    return log_->admin().describe_topic(name);
  }
  Result<PartitionOffsets> describe_partition(const TopicPartition& partition) override {
    return log_->admin().describe_partition(partition);
  }
  Result<std::optional<Offset>> end_of_leader_epoch(const TopicPartition& partition, LeaderEpoch epoch) override {
    return log_->admin().end_of_leader_epoch(partition, epoch);
  }
  Result<> delete_records(const TopicPartition&, Offset) override { return {}; }
  Result<std::vector<GroupDescription>> describe_groups() override { return log_->admin().describe_groups(); }

  std::unique_ptr<LogClient> log_;
};

class EmbeddedApp : public ::testing::Test {
 protected:
  struct Sent {
    std::string topic;
    std::optional<std::string> key, value;
    Timestamp timestamp{1000};
    Headers headers = {};
    PartitionId partition = 0;
  };

  void SetUp() override { open("first"); }
  void TearDown() override {
    log_.reset();
    for (const auto& dir : dirs_) std::filesystem::remove_all(dir);
  }
  // A fresh data directory and state directory.
  void open(const std::string& name) {
    log_.reset();
    dir_ = std::filesystem::temp_directory_path() /
           ("millrace-app-" + name + "-" + std::to_string(real_env().random().next()));
    dirs_.push_back(dir_);
    auto log = make_log_client(real_env(), dir_ / "data", {});
    ASSERT_TRUE(log) << log.error().text();
    log_ = std::make_unique<UnpurgedLog>(*std::move(log));
  }
  void create(const std::string& topic, int partitions = 1) {
    auto made = log_->admin().create_topic({topic, partitions, {}});
    ASSERT_TRUE(made) << made.error().text();
  }
  static std::optional<Bytes> bytes(const std::optional<std::string>& text) {
    return text ? std::optional<Bytes>(Bytes(*text)) : std::nullopt;
  }
  // All of them acknowledged when it returns. `end`: in a transaction that ends so.
  enum class End { plain, commit, abort };
  void send(const std::vector<Sent>& records, End end = End::plain) {
    ProducerConfig config;
    if (end != End::plain) config.transactional_id = "input-" + std::to_string(real_env().random().next());
    auto producer = log_->make_producer(config);
    ASSERT_TRUE(producer) << producer.error().text();
    if (end != End::plain) {
      ASSERT_TRUE((*producer)->init_transactions());
      ASSERT_TRUE((*producer)->begin_transaction());
    }
    for (const Sent& s : records) {
      ProducerRecord record{s.topic, s.partition, bytes(s.key), bytes(s.value), s.timestamp, s.headers};
      ASSERT_TRUE((*producer)->send(std::move(record), {}));
    }
    auto flushed = (*producer)->flush();
    ASSERT_TRUE(flushed) << flushed.error().text();
    if (end == End::plain) return;
    ASSERT_TRUE(end == End::commit ? (*producer)->commit_transaction() : (*producer)->abort_transaction());
  }
  std::unique_ptr<Streams> app(const TopologyFunction& topology, ConfigValues config = {}, Env& env = real_env()) {
    config.try_emplace("application.id", "app");
    StreamsBuilder builder;
    topology(builder);
    Topology built = builder.build(topology_config(streams_config(config)));
    return std::make_unique<Streams>("app", std::move(built), StreamsOptions{config, dir_ / "state", dir_}, env, *log_);
  }
  Result<> run(const TopologyFunction& topology, const ConfigValues& config = {}, Env& env = real_env()) {
    auto streams = app(topology, config, env);
    MR_TRY(streams->start());
    auto ran = streams->run_until_end_of_input();
    auto closed = streams->close();
    dropped_ = 0;
    for (const MetricValue& m : streams->metrics())
      if (m.name.group == "stream-task-metrics" && m.name.name == "dropped-records-total") dropped_ += m.value;
    if (!ran) return ran;
    return closed;
  }
  // What a committed reader sees of a topic: partition by partition, in order.
  std::vector<ConsumedRecord> records(const std::string& topic) {
    auto described = log_->admin().describe_topic(topic);
    EXPECT_TRUE(described) << described.error().text();
    if (!described) return {};
    std::vector<ConsumedRecord> all;
    for (PartitionId p = 0; p < described->partitions; ++p) {
      ConsumerConfig config;
      config.isolation = Isolation::read_committed;
      config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
      auto consumer = log_->make_consumer(config);
      EXPECT_TRUE(consumer);
      EXPECT_TRUE((*consumer)->assign({{topic, p}}));
      for (;;) {
        auto some = (*consumer)->poll(0ms);
        EXPECT_TRUE(some) << some.error().text();
        if (!some || some->empty()) break;
        all.insert(all.end(), some->begin(), some->end());
      }
    }
    return all;
  }
  // "key=value", "null" for null, a space between.
  std::string text(const std::string& topic) {
    std::string out;
    for (const ConsumedRecord& r : records(topic))
      out += (out.empty() ? "" : " ") + (r.key ? *r.key : "null") + "=" + (r.value ? *r.value : "null");
    return out;
  }

  double dropped_ = 0;  // dropped-records-total of the last run, all tasks together
  std::filesystem::path dir_;
  std::vector<std::filesystem::path> dirs_;
  std::unique_ptr<LogClient> log_;
};

// Where it matters that stores are on disk.
class EmbeddedAppOnDisk : public EmbeddedApp {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer does not know Debian's RocksDB";
#endif
    EmbeddedApp::SetUp();
  }
};

}  // namespace millrace
