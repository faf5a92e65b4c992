// MeteredStreams: an application over the embedded broker in a fresh directory, whose metrics are asked for by name.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "millrace/base/env_real.h"
#include "millrace/base/metrics.h"
#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"
#include "millrace/streams.h"
#include "tests/runtime/metric_value.h"

namespace millrace {

class MeteredStreams : public ::testing::Test {
 protected:
  using Tags = MetricTags;
  using Build = void (*)(StreamsBuilder&);

  void SetUp() override {
    dir_ = std::filesystem::temp_directory_path() / ("millrace-metrics-" + std::to_string(real_env().random().next()));
    auto log = make_log_client(real_env(), dir_ / "data", {});
    ASSERT_TRUE(log) << log.error().text();
    log_ = *std::move(log);
    ASSERT_TRUE(log_->admin().create_topic({"in", 1, {}}));
  }
  void TearDown() override {
    app_.reset();
    log_.reset();
    std::filesystem::remove_all(dir_);
  }
  // A record of topic "in", which has one partition.
  void say(std::optional<std::string> key, std::optional<std::string> value, Timestamp at = {1000}) {
    auto producer = log_->make_producer({});
    ASSERT_TRUE(producer);
    ProducerRecord record;
    record.topic = "in";
    if (key) record.key = Bytes(*key);
    if (value) record.value = Bytes(*value);
    record.timestamp = at;
    auto sent = (*producer)->send(std::move(record)).get();
    ASSERT_TRUE(sent) << sent.error().text();
  }
  Streams& make(Build build, ConfigValues config = {}) {
    config.try_emplace("metrics.recording.level", "DEBUG");
    StreamsBuilder builder;
    build(builder);
    app_.reset();
    app_ = std::make_unique<Streams>("app", builder.build(), StreamsOptions{config, dir_ / "state", dir_}, real_env(),
                                     *log_);
    return *app_;
  }
  // To the end of the input, and closed.
  void run(Build build, ConfigValues config = {}) {
    Streams& app = make(build, std::move(config));
    auto started = app.start();
    ASSERT_TRUE(started) << started.error().text();
    auto ran = app.run_until_end_of_input();
    ASSERT_TRUE(ran) << ran.error().text();
    auto closed = app.close();
    ASSERT_TRUE(closed) << closed.error().text();
  }
  // All of the name that have these tags (and perhaps more), added up; NaN if there is none.
  double value(const std::string& group, const std::string& name, const Tags& tags = {}) const {
    return metric_value(*app_, group, name, tags);
  }

  std::filesystem::path dir_;
  std::unique_ptr<LogClient> log_;
  std::unique_ptr<Streams> app_;
};

// Counts by key; a null value or key is dropped and counted.
inline void count_by_key(StreamsBuilder& builder) {
  constexpr Topic<std::optional<std::string>, std::optional<std::string>> in{"in"};
  constexpr Topic<std::optional<std::string>, std::int64_t> out{"out", {.partitions = 1}};
  builder.stream(in).group_by_key().count({.as = "counts"}).to_stream().to(out);
}

}  // namespace millrace
