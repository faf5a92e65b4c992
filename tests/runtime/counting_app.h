// CountingApp: an application that counts values across a repartition topic, with a value that it cannot digest as
// often as a test says; over the embedded log, on a real disk.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/env_real.h"
#include "millrace/base/metrics.h"
#include "millrace/client_factory.h"
#include "millrace/connectors/simulated/simulated_client.h"
#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/streams.h"

namespace millrace {

class CountingApp : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::temp_directory_path() / ("millrace-counting-" + std::to_string(real_env().random().next()));
    auto log = make_log_client(real_env(), dir_ / "data", {});
    ASSERT_TRUE(log) << log.error().text();
    log_ = *std::move(log);
    ASSERT_TRUE(log_->admin().create_topic({"events", 2, {}}));
    failures_left = 0;
  }
  void TearDown() override {
    log_.reset();
    std::filesystem::remove_all(dir_);
  }
  void send(const std::string& key, const std::string& value) {
    auto producer = log_->make_producer({});
    ASSERT_TRUE(producer);
    ProducerRecord record;
    record.topic = "events";
    record.key = Bytes(key);
    record.value = Bytes(value);
    auto sent = (*producer)->send(std::move(record)).get();
    ASSERT_TRUE(sent) << sent.error().text();
  }
  // Every update is forwarded.
  std::unique_ptr<Streams> app(LogClient& log, ConfigValues config = {}, bool logging = true,
                               const std::string& state = "state") {
    config["statestore.cache.max.bytes"] = "0";
    StreamsBuilder builder;
    builder.stream(Topic<std::string, std::string>{"events", {.partitions = 2}})
        .group_by([](const std::string& value) {
          if (value == "poison" && failures_left.fetch_sub(1) > 0) throw std::runtime_error("cannot digest it");
          return value;
        })
        .count({.as = "counts-by-value", .logging = logging})
        .to_stream()
        .to(Topic<std::string, std::int64_t>{"counts", {.partitions = 2}});
    return std::make_unique<Streams>("counting", builder.build(), StreamsOptions{config, dir_ / state, dir_},
                                     real_env(), log);
  }
  // Answers are lost, and of a commit often whether it was done.
  static SimulatedNetwork unknown_outcomes(int seed) {
    SimulatedNetwork network;
    network.seed = static_cast<std::uint64_t>(seed);
    network.lost_request = network.lost_answer = 0.02;
    network.unknown_outcome = 0.4;
    return network;
  }
  // All committed updates of each value's count, in order.
  std::map<std::string, std::vector<std::int64_t>> updates() {
    ConsumerConfig config;
    config.isolation = Isolation::read_committed;
    config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
    auto consumer = log_->make_consumer(config);
    EXPECT_TRUE(consumer);
    EXPECT_TRUE((*consumer)->assign({{"counts", 0}, {"counts", 1}}));
    std::map<std::string, std::vector<std::int64_t>> result;
    for (;;) {
      auto some = (*consumer)->poll(0ms);
      if (!some || some->empty()) return result;
      for (const auto& r : *some) result[*r.key].push_back(from_big_endian<std::int64_t>(r.value->data()));
    }
  }
  static std::vector<std::int64_t> up_to(std::int64_t n) {
    std::vector<std::int64_t> all;
    for (std::int64_t i = 1; i <= n; ++i) all.push_back(i);
    return all;
  }

  static inline std::atomic<int> failures_left{0};  // to digest "poison"
  std::filesystem::path dir_;
  std::unique_ptr<LogClient> log_;
};

}  // namespace millrace
