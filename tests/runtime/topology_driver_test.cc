// What the driver keeps in a state directory. What it does with records: tests/millrace/test_driver_test.cc and every
// conformance case.
#include "millrace/runtime/topology_driver.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "millrace/base/env_real.h"
#include "millrace/dsl/streams_builder.h"
#include "millrace/statestore/rocksdb/task_database.h"
#include "millrace/statestore/state_store.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;

constexpr Topic<std::string, std::string> rows{"rows"}, events{"events"};

// A store with a changelog, one without, and one whose changelog is the topic that it is filled from.
Topology three_stores() {
  StreamsBuilder builder;
  builder.table(rows, {.as = "sourced"});
  builder.stream(events).group_by_key().count({.as = "logged"});
  builder.stream(events).group_by_key().count({.as = "unlogged", .logging = false});
  return builder.build({.reuse_source_topics = true});
}

TEST(TopologyDriver, commits_past_a_record_that_is_dropped_on_its_way_in) {
  StreamsBuilder builder;
  builder.stream(events, {.timestamp = [](const std::string&) { return Timestamp{-1}; }});
  TopologyDriver driver(builder.build(), {.config = {{"processing.guarantee", "at_least_once"}}});
  driver.pipe("events", "k", "v", {5});
  EXPECT_EQ(driver.committed_metadata().at("events"), "Av//////////");  // version 2, and no time yet
}

class TopologyDriverOnDisk : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer does not know Debian's RocksDB";
#endif
    dir_ = std::filesystem::temp_directory_path() / ("millrace-driver-" + std::to_string(real_env().random().next()));
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::unique_ptr<TopologyDriver> driver() {
    return std::make_unique<TopologyDriver>(
        three_stores(), DriverOptions{.config = {{"application.id", "app"}}, .state_directory = dir_});
  }
  // "k=v", in the order of keys.
  static std::vector<std::string> content(TopologyDriver& driver, const std::string& store) {
    std::vector<std::string> all;
    auto iterator = dynamic_cast<KeyValueStore&>(*driver.store(store)).all(ScanOrder::ascending);
    while (iterator->next()) {
      const void* value = iterator->value().value;
      all.push_back(std::string(iterator->key()) + "=" +
                    (store == "sourced" ? *static_cast<const std::string*>(value)
                                        : std::to_string(*static_cast<const std::int64_t*>(value))));
    }
    return all;
  }
  std::filesystem::path dir_;
};

TEST_F(TopologyDriverOnDisk, opens_a_directory_with_stores_that_have_no_changelog_of_their_own) {
  {
    auto kept = TaskDatabase::open(real_env(), dir_, {"sourced", "logged", "unlogged"}, make_database_memory(8 << 20));
    ASSERT_TRUE(kept) << kept.error().text();
  }
  auto opened = driver();
  opened->pipe("events", "k", "v", {1000});
  EXPECT_THAT(content(*opened, "unlogged"), ElementsAre("k=1"));
}

TEST_F(TopologyDriverOnDisk, keeps_the_rows_of_every_store_and_logs_those_of_one) {
  {
    auto first = driver();
    first->pipe("rows", "a", "1", {1000});
    first->pipe("rows", "b", "1", {1000});
    first->pipe("rows", "a", std::nullopt, {2000});
    for (const char* key : {"k", "l", "k"}) first->pipe("events", key, "v", {1000});
    std::vector<std::string> topics;
    for (const auto& produced : first->produced()) topics.push_back(produced.topic);
    EXPECT_THAT(topics, ElementsAre("app-logged-changelog", "app-logged-changelog", "app-logged-changelog"));
  }
  auto second = driver();
  second->pipe("events", "k", "v", {3000});
  EXPECT_THAT(content(*second, "sourced"), ElementsAre("b=1"));
  EXPECT_THAT(content(*second, "logged"), ElementsAre("k=3", "l=1"));
  EXPECT_THAT(content(*second, "unlogged"), ElementsAre("k=3", "l=1"));
}

}  // namespace
}  // namespace millrace
