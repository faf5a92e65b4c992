// What comes beside a compaction: a roll, a deletion, a power cut.
#include <gtest/gtest.h>

#include "millrace/base/sim/sim_env.h"
#include "millrace/broker/log/compaction.h"
#include "millrace/broker/log/flusher.h"
#include "millrace/broker/logs.h"

namespace millrace::broker {
namespace {

// A simulated Env; what another thread does while a compaction looks at the clock happens there.
class HookedEnv final : public Env, public Clock {
 public:
  explicit HookedEnv(Env& env) : env_(env) {}
  // At the n-th look from here on.
  void at_look(int n, std::function<void()> hook) {
    left_ = n;
    hook_ = std::move(hook);
  }
  bool is_done() const { return left_ == 0; }
  Timestamp now() override {
    if (left_ > 0 && --left_ == 0) hook_();
    return env_.clock().now();
  }
  std::int64_t monotonic_ns() override { return env_.clock().monotonic_ns(); }
  Clock& clock() override { return *this; }
  FileSystem& files() override { return env_.files(); }
  Random& random() override { return env_.random(); }
  std::unique_ptr<Executor> make_executor(int concurrency, std::string_view name) override {
    return env_.make_executor(concurrency, name);
  }
  std::unique_ptr<Executor> make_io_executor(int concurrency, std::string_view name) override {
    return env_.make_io_executor(concurrency, name);
  }
  void fault_point(Site site) override { env_.fault_point(site); }
  bool wait(MonitorLock& lock, const std::function<bool()>& done, std::optional<Duration> timeout) override {
    return env_.wait(lock, done, timeout);
  }
  bool is_simulated() const override { return true; }

 private:
  Env& env_;
  int left_ = 0;
  std::function<void()> hook_;
};

class CompactionRacesTest : public ::testing::Test {
 protected:
  void start(std::uint64_t seed) {
    close();
    sim_ = std::make_unique<sim::SimEnv>(seed);
    env_ = std::make_unique<HookedEnv>(*sim_);
  }
  void close() {
    log_.reset();
    directory_.reset();
  }
  Result<> open(FlushMode flush, std::optional<Offset> recovery_point = std::nullopt) {
    close();
    MR_ASSIGN(directory_, LogDirectory::open(*env_, "/d", flush, [](const std::string&) {}));
    PartitionLog::Options options;
    options.partition = {"t", 0};
    options.topic_id = {1, 2};
    options.directory = "/d/t-0";
    options.recovery_point = recovery_point;
    options.config.segment_bytes = 250;
    options.config.compacts = true;
    options.config.delete_retention_ms = 60'000;
    MR_ASSIGN(log_, PartitionLog::open(*directory_, options));
    return {};
  }
  Result<> put(PartitionLog& log, const std::string& key, const std::optional<std::string>& value) {
    RecordBatchBuilder batch;
    batch.append(env_->clock().now(), key, value ? BytesView(*value) : BytesView());
    MR_TRY(log.append(batch, {}));
    return {};
  }
  Result<> put(const std::string& key, const std::optional<std::string>& value) { return put(*log_, key, value); }
  // The table that the log means.
  std::map<std::string, std::string> table() {
    std::map<std::string, std::string> table;
    EXPECT_TRUE(for_each_record(*log_, [&](const RecordBatchView&, const RecordView& record) -> Result<> {
      if (record.has_value()) {
        table[std::string(record.key)] = std::string(record.value);
      } else {
        table.erase(std::string(record.key));
      }
      return {};
    }));
    return table;
  }
  // Passes from `clean` on until tombstones have gone.
  void compact_until_tombstones_go(Offset clean) {
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(put("more " + std::to_string(i), "value"));
      ASSERT_TRUE(log_->roll());
      auto done = compact(*log_, clean);
      ASSERT_TRUE(done) << done.error().text();
      clean = done->first_dirty;
      sim_->advance(std::chrono::hours(1));
    }
  }

  std::unique_ptr<sim::SimEnv> sim_;
  std::unique_ptr<HookedEnv> env_;
  std::unique_ptr<LogDirectory> directory_;
  std::shared_ptr<PartitionLog> log_;
};

TEST_F(CompactionRacesTest, a_deleted_key_stays_deleted_when_a_roll_comes_beside_a_compaction) {
  for (int look = 1; look <= 3; ++look) {
    SCOPED_TRACE(look);
    start(1);
    ASSERT_TRUE(open(FlushMode::group));
    ASSERT_TRUE(put("k", "old"));
    ASSERT_TRUE(put("a", "value"));
    ASSERT_TRUE(log_->roll());
    ASSERT_TRUE(put("k", std::nullopt));
    ASSERT_TRUE(put("b", "value"));
    env_->at_look(look, [&] { ASSERT_TRUE(log_->roll()); });
    auto done = compact(*log_, 0);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_TRUE(env_->is_done());
    compact_until_tombstones_go(done->first_dirty);
    EXPECT_FALSE(table().contains("k"));
  }
}

TEST_F(CompactionRacesTest, a_deleted_key_stays_deleted_when_older_records_go_beside_a_compaction) {
  start(1);
  ASSERT_TRUE(open(FlushMode::group));
  ASSERT_TRUE(put("a", "value"));
  ASSERT_TRUE(log_->roll());
  ASSERT_TRUE(put("k", "old"));
  ASSERT_TRUE(put("k", std::nullopt));
  ASSERT_TRUE(log_->roll());
  env_->at_look(3, [&] { ASSERT_TRUE(log_->delete_records(1)); });
  auto done = compact(*log_, 0);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_TRUE(env_->is_done());
  EXPECT_EQ(done->first_dirty, 0);
  compact_until_tombstones_go(done->first_dirty);
  EXPECT_FALSE(table().contains("k"));
}

TEST_F(CompactionRacesTest, a_power_cut_after_a_compaction_leaves_the_old_value_or_the_new) {
  for (auto flush : {FlushMode::os, FlushMode::group}) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      SCOPED_TRACE(seed);
      start(seed);
      ASSERT_TRUE(open(flush));
      ASSERT_TRUE(put("k", std::string(120, 'o')));
      ASSERT_TRUE(log_->roll());
      auto point = log_->checkpoint();
      ASSERT_TRUE(point);
      ASSERT_TRUE(env_->files().sync_directory("/d", "test"));
      ASSERT_TRUE(put("k", std::string(120, 'n')));
      ASSERT_TRUE(log_->roll());
      // Before the old value goes, after it, and in between.
      constexpr std::string_view sites[] = {"compaction.rename.directory", "compaction.swap.directory",
                                            "compaction.swap"};
      sim_->faults().kill(sites[seed % 3], sim::Side::after);
      ASSERT_FALSE(compact(*log_, 0));
      sim_->faults().clear();
      close();
      sim_->power_cut();
      sim_->reboot();
      auto again = open(flush, *point);
      ASSERT_TRUE(again) << again.error().text();
      ASSERT_TRUE(table().contains("k"));
    }
  }
}

TEST_F(CompactionRacesTest, a_sync_before_a_compaction_that_fails_fences_and_replaces_nothing) {
  for (std::string_view site : {"log.segment.sync", "log.directory.sync"}) {
    start(1);
    ASSERT_TRUE(open(FlushMode::os));
    ASSERT_TRUE(put("k", std::string(120, 'o')));
    ASSERT_TRUE(log_->roll());
    ASSERT_TRUE(put("k", std::string(120, 'n')));
    ASSERT_TRUE(log_->roll());
    sim_->faults().fail(site);
    EXPECT_FALSE(compact(*log_, 0)) << site;
    EXPECT_FALSE(directory_->check()) << site;
    EXPECT_FALSE(sim_->faults().passes().contains("compaction.swap")) << site;
  }
}

TEST_F(CompactionRacesTest, a_commit_after_a_compaction_syncs_only_what_is_new) {
  start(1);
  ASSERT_TRUE(open(FlushMode::group));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(put("k" + std::to_string(i), std::string(120, 'v')));
  ASSERT_TRUE(log_->roll());
  Flusher flusher(*directory_);
  ASSERT_TRUE(flusher.sync({log_}));
  auto done = compact(*log_, 0);
  ASSERT_TRUE(done);
  ASSERT_GT(done->segments_after, static_cast<int>(Flusher::files_synced_one_by_one));
  EXPECT_FALSE(log_->has_unsynced());
  ASSERT_TRUE(put("new", "value"));
  EXPECT_EQ(log_->take_unsynced().segments.size(), 1u);
}

TEST_F(CompactionRacesTest, a_topic_made_anew_beside_a_compaction_has_nothing_clean) {
  start(1);
  directory_ = *LogDirectory::open(*env_, "/b", FlushMode::group, [](const std::string&) {});
  auto topics = *Topics::open(*directory_);
  auto logs = *Logs::open(*directory_, *topics);
  const std::map<std::string, std::string> configs = {{"cleanup.policy", "compact"}};
  auto topic = *topics->propose("t", 1, configs);
  logs->publish(*logs->create(topic));
  auto log = logs->find({"t", 0});
  ASSERT_TRUE(put(*log, "k", "old"));
  ASSERT_TRUE(log->roll());
  EXPECT_EQ(*logs->compact(), 1);
  ASSERT_TRUE(put(*log, "k", std::string(1000, 'n')));
  ASSERT_TRUE(log->roll());
  env_->at_look(2, [&] {
    ASSERT_TRUE(log->delete_records(-1));  // there is nothing left to compact, and so nothing that fails
    ASSERT_TRUE(logs->remove(topic));
    logs->publish(*logs->create(*topics->propose("t", 1, configs)));
  });
  EXPECT_EQ(*logs->compact(), 0);
  EXPECT_TRUE(env_->is_done());
  EXPECT_FALSE((*directory_->read_offsets(LogDirectory::cleaner_file)).contains({"t", 0}));
}

}  // namespace
}  // namespace millrace::broker
