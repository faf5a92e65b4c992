// The application of application.h, many times over: with a disk that keeps its word nothing is lost, repeated or torn;
// with one that lies about a sync, something is.
#include <gtest/gtest.h>

#include <map>

#include "millrace/base/log.h"
#include "tests/simulation/application.h"

namespace millrace::test {
namespace {

constexpr std::uint64_t seeds_a_part = 250;

class Simulation : public ::testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::off); }  // a dying application complains at every step
};

std::string listed(const ApplicationOutcome& outcome) {
  std::string text;
  for (const auto& problem : outcome.problems) text += "\n  " + problem;
  return text;
}

// What every part of the seeds must come by, in the words of the checks.
constexpr const char* rare[] = {"a checkpoint was too old for its tombstones",
                                "a deleted row of the table is gone",
                                "a late order was dropped and counted",
                                "a store without a changelog was emptied",
                                "a store without a changelog was kept",
                                "a tombstone was compacted away",
                                "a window has expired",
                                "an aggregate was deleted",
                                "an order for an expired window was counted after a restart",
                                "at least once",
                                "at least once, nothing done twice",
                                "at least once, outputs repeated"};

class PowerCuts : public Simulation, public ::testing::WithParamInterface<int> {};

TEST_P(PowerCuts, kills_and_failing_disks_lose_and_repeat_nothing) {
  int power_cuts = 0;
  std::size_t orders = 0;
  std::map<std::string, std::int64_t> met;
  const std::uint64_t first = 1 + seeds_a_part * static_cast<std::uint64_t>(GetParam());
  for (std::uint64_t seed = first; seed < first + seeds_a_part; ++seed) {
    const auto outcome = run_application({.seed = seed});
    ASSERT_TRUE(outcome.problems.empty()) << "seed " << seed << listed(outcome);
    power_cuts += outcome.power_cuts;
    orders += outcome.orders;
    for (const auto& [what, times] : outcome.met) met[what] += times;
  }
  for (const char* what : rare) EXPECT_GE(met[what], 1) << "never met: " << what;
  EXPECT_GE(power_cuts, static_cast<int>(seeds_a_part));
  EXPECT_GE(orders, seeds_a_part);
}

// 2,000 seeds.
INSTANTIATE_TEST_SUITE_P(Seeds, PowerCuts, ::testing::Range(0, 8));

TEST_F(Simulation, comes_by_both_ways_of_writing_a_checkpoint_and_by_restores_that_write_one) {
  std::map<std::string, int> seeds;
  for (std::uint64_t seed = 1; seed <= 40; ++seed)
    for (const auto& [site, count] : run_application({.seed = seed}).passes) seeds[site] += count > 0;
  EXPECT_GE(seeds["checkpoint.write.before"], 10);
  EXPECT_GE(seeds["checkpoint.ingest.before"], 10);
  EXPECT_GE(seeds["restore.write.before"], 10);
  EXPECT_GE(seeds["checkpoint.scratch.clear"], 1) << "no ingestion was ever cut off";
}

TEST_F(Simulation, tries_tasks_that_failed_in_transactions_of_their_own_and_takes_some_back) {
  std::map<std::string, int> seeds;
  for (std::uint64_t seed = 1; seed <= 100; ++seed)
    for (const auto& [site, count] : run_application({.seed = seed}).passes) seeds[site] += count > 0;
  EXPECT_GE(seeds["commit.trial.begin"], 10);
  EXPECT_GE(seeds["redo.replace"], 5);
}

// The first seed of `count` where a lie about the sync at `site` shows; 0: none.
std::uint64_t first_caught(const std::string& site, std::uint64_t count) {
  for (std::uint64_t seed = 1; seed <= count; ++seed)
    if (!run_application({.seed = seed, .lie = site}).problems.empty()) return seed;
  return 0;
}

TEST_F(Simulation, a_disk_that_lies_about_every_sync_is_caught) {
  int caught = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    caught += !run_application({.seed = seed, .lie = "*"}).problems.empty();
  EXPECT_GE(caught, 10);
}

// Syncs whose loss this application cannot show, and why, or which test shows it.
const std::map<std::string, std::string, std::less<>>& excused() {
  static const std::map<std::string, std::string, std::less<>> sites = {
      {"logs.stray.directory", "a removed folder that comes back is removed again"},
      {"log.recovery.directory", "what a recovery removed and comes back is removed again"},
      {"log.snapshot.write", "a snapshot that is torn or missing is made again from the log"},
      {"topics.log.directory", "the same folder is synced before the first topic is acknowledged"},
      {"compaction.remove.directory", "old segments that come back beside the new one are removed by recovery"},
      {"compaction.rename.directory", "a segment that is still named .swap is renamed by recovery"},
      {"compaction.swap.directory", "Compaction tests"},
      {"log.roll.sync", "RecoveryInSimulation tests"},
      {"log.roll.directory", "RecoveryInSimulation tests"},
      {"rocksdb.options.sync", "RocksDB's OPTIONS file tells people, nothing reads it"},
      {"rocksdb.rename.directory.sync", "TaskDatabaseInSimulation tests"},
      {"state.directory.parent", "a state folder that is gone comes back from the changelogs"},
      {"state.task.directory.parent", "a state folder that is gone comes back from the changelogs"},
  };
  return sites;
}

TEST_F(Simulation, each_sync_taken_out_loses_or_tears_something) {
  std::set<std::string, std::less<>> sites;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) sites.merge(run_application({.seed = seed}).sync_sites);
  ASSERT_GT(sites.size(), 20u);
  for (const auto& site : sites) {
    if (excused().contains(site)) continue;
    EXPECT_NE(first_caught(site, 600), 0u) << "nothing went wrong without the sync at " << site;
  }
  for (const auto& [site, why] : excused()) {
    if (site == "log.recovery.directory") continue;  // seldom passed
    EXPECT_TRUE(sites.contains(site)) << site << " is excused and no longer there";
  }
}

}  // namespace
}  // namespace millrace::test
