#include "millrace/broker/topics.h"

#include <gtest/gtest.h>

#include "millrace/base/sim/sim_env.h"

namespace millrace::broker {
namespace {

TEST(Topics, survive_a_restart_and_a_torn_change) {
  sim::SimEnv env(1);
  auto directory = *LogDirectory::open(env, "/d", FlushMode::group, [](const std::string&) {});
  auto topics = *Topics::open(*directory);
  Topic a = *topics->propose("a", 3, {{"retention.ms", "5"}});
  ASSERT_TRUE(topics->add(a));
  ASSERT_TRUE(topics->add(*topics->propose("b", 1, {})));
  ASSERT_TRUE(topics->remove("b"));
  ProducerId id = *topics->next_producer_id();
  ASSERT_TRUE(env.files().open("/d/topics.log", OpenMode::append).value()->append(std::string(70, 'x'), "test"));
  topics = *Topics::open(*directory);
  ASSERT_TRUE(topics->repair());
  ASSERT_EQ(topics->list().size(), 1u);
  EXPECT_EQ(topics->find("a")->id, a.id);
  EXPECT_EQ(topics->find("a")->configs, a.configs);
  EXPECT_GT(*topics->next_producer_id(), id);
}

TEST(Topics, those_removed_are_remembered_when_the_history_is_written_anew) {
  sim::SimEnv env(1);
  auto directory = *LogDirectory::open(env, "/d", FlushMode::group, [](const std::string&) {});
  auto topics = *Topics::open(*directory);
  Topic first = *topics->propose("a", 1, {});
  ASSERT_TRUE(topics->add(first));
  ASSERT_TRUE(topics->remove("a"));
  ASSERT_TRUE(topics->add(*topics->propose("a", 2, {})));
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(topics->next_producer_id());  // a change a thousand
  const std::uint64_t before = env.files().open("/d/topics.log", OpenMode::read).value()->size();
  for (int i = 0; i < 2; ++i) {
    topics = *Topics::open(*directory);
    ASSERT_TRUE(topics->repair());
    ASSERT_EQ(topics->removed().size(), 1u);
    EXPECT_EQ(topics->removed()[0].id, first.id);
    EXPECT_EQ(topics->find("a")->partitions, 2);
  }
  EXPECT_LT(env.files().open("/d/topics.log", OpenMode::read).value()->size(), before / 4);
}

// A change that was written when the process died at its sync, or when its sync failed: the next process finds it.
TEST(Topics, a_change_that_a_restart_finds_survives_a_power_cut) {
  for (bool fails : {false, true}) {
    sim::SimEnv env(1);
    auto open = [&env] {
      auto directory = *LogDirectory::open(env, "/d", FlushMode::group, [](const std::string&) {});
      auto topics = *Topics::open(*directory);
      EXPECT_TRUE(topics->repair());
      return std::pair(std::move(directory), std::move(topics));
    };
    {
      auto [directory, topics] = open();
      ASSERT_TRUE(topics->add(*topics->propose("a", 1, {})));
      fails ? env.faults().fail("topics.log.sync") : env.faults().kill("topics.log.sync", sim::Side::before);
      ASSERT_FALSE(topics->add(*topics->propose("b", 1, {})));
      env.kill();
    }
    env.reboot();
    {
      auto [directory, topics] = open();
      ASSERT_EQ(topics->list().size(), 2u);
      env.power_cut();
    }
    env.reboot();
    EXPECT_EQ(open().second->list().size(), 2u);
  }
}

// Killed after topics.log was made and before its name was on disk: the next process finds the file.
TEST(Topics, the_name_of_a_file_that_a_restart_finds_survives_a_power_cut) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    sim::SimEnv env(seed);
    auto open = [&env] { return *LogDirectory::open(env, "/d", FlushMode::group, [](const std::string&) {}); };
    {
      auto directory = open();
      env.faults().kill("topics.log.directory", sim::Side::before);
      ASSERT_FALSE(Topics::open(*directory));
    }
    env.reboot();
    {
      auto directory = open();
      auto topics = *Topics::open(*directory);
      ASSERT_TRUE(topics->repair());
      ASSERT_TRUE(topics->add(*topics->propose("a", 1, {})));
      env.power_cut();
    }
    env.reboot();
    auto directory = open();
    EXPECT_EQ((*Topics::open(*directory))->list().size(), 1u);
  }
}

TEST(Topics, damage_before_the_end_is_refused) {
  sim::SimEnv env(1);
  auto directory = *LogDirectory::open(env, "/d", FlushMode::group, [](const std::string&) {});
  auto topics = *Topics::open(*directory);
  for (auto* name : {"a", "b", "c"}) ASSERT_TRUE(topics->add(*topics->propose(name, 1, {})));
  ASSERT_TRUE(env.files().open("/d/topics.log", OpenMode::append).value()->write_at(80, "!!", "test"));
  auto opened = Topics::open(*directory);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::corrupt_message);
}

}  // namespace
}  // namespace millrace::broker
