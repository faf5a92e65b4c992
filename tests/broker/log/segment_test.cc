// Segments in their log, over failures and crashes: rolls, indexes, and readers beside what replaces them.
#include "millrace/broker/log/segment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "millrace/base/env_real.h"
#include "millrace/base/sim/sim_env.h"
#include "millrace/broker/log/compaction.h"
#include "millrace/broker/log/flusher.h"
#include "millrace/broker/log/partition_log.h"

namespace millrace::broker {
namespace {

PartitionLog::Options options_in(const std::string& directory) {
  PartitionLog::Options options;
  options.partition = {"t", 0};
  options.topic_id = {1, 2};
  options.directory = directory + "/t-0";
  options.config.segment_bytes = 4000;
  options.config.index_interval_bytes = 200;
  return options;
}

Result<AppendedBatch> put(PartitionLog& log, std::size_t size, PartitionLog::Producer producer = {},
                          const std::string& key = "key") {
  RecordBatchBuilder batch;
  batch.append(log.logs().env().clock().now(), key, std::string(size, 'v'));
  return log.append(batch, producer);
}

class SegmentTest : public ::testing::Test {
 protected:
  void start(std::uint64_t seed = 1) {
    log_.reset();
    directory_.reset();
    env_ = std::make_unique<sim::SimEnv>(seed);
  }
  void open(std::optional<Offset> recovery_point = std::nullopt) {
    auto opened = try_to_open(recovery_point);
    ASSERT_TRUE(opened) << opened.error().text();
  }
  Result<> try_to_open(std::optional<Offset> recovery_point = std::nullopt) {
    log_.reset();
    directory_.reset();
    MR_ASSIGN(directory_, LogDirectory::open(*env_, "/d", flush_, [](const std::string&) {}));
    auto options = options_in("/d");
    options.recovery_point = recovery_point;
    options.config.retention_ms = retention_ms_;
    MR_ASSIGN(log_, PartitionLog::open(*directory_, options));
    return {};
  }
  Result<AppendedBatch> put(std::size_t size, PartitionLog::Producer producer = {}) {
    return broker::put(*log_, size, producer);
  }
  Result<> sync() { return Flusher(*directory_).sync({log_}); }
  void abort() {
    ASSERT_TRUE(put(50, {7, 0, true}));
    ASSERT_TRUE(log_->append_marker(ControlType::abort, 7, 1, 0));
  }
  std::size_t aborted_from(Offset offset) {
    auto read = log_->read({offset, 1 << 20, ReadUpTo::last_stable_offset});
    EXPECT_TRUE(read);
    return read ? read->aborted.size() : 0;
  }
  // At which batch a read of each offset begins; -1: nowhere.
  std::vector<Offset> found_from_each() {
    std::vector<Offset> found;
    for (Offset at = 0; at < log_->offsets().log_end_offset; ++at) {
      auto read = log_->read({at, 1});
      auto batch = read && !read->bytes->empty() ? RecordBatchView::parse(*read->bytes) : Error("nothing");
      found.push_back(batch ? batch->base_offset() : -1);
    }
    return found;
  }
  std::unique_ptr<File> file(Offset base, const std::string& kind) {
    return *env_->files().open(segment_path("/d/t-0", base, kind), OpenMode::append);
  }

  std::unique_ptr<sim::SimEnv> env_ = std::make_unique<sim::SimEnv>(1);
  FlushMode flush_ = FlushMode::group;
  std::int64_t retention_ms_ = -1;
  std::unique_ptr<LogDirectory> directory_;
  std::shared_ptr<PartitionLog> log_;
};

TEST_F(SegmentTest, goes_on_after_a_roll_that_failed_at_any_operation_and_loses_nothing) {
  for (std::uint64_t n = 1; n <= 14; ++n) {
    SCOPED_TRACE(n);
    start();
    open();
    while (log_->extent().bytes < 3800) ASSERT_TRUE(put(50));
    env_->faults().fail_operation(n);
    std::ignore = put(600);
    env_->faults().clear();
    if (!directory_->check()) continue;  // its sync failed
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(put(10));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(put(600));
    ASSERT_TRUE(sync());
    auto before = found_from_each();
    ASSERT_EQ(before.back(), log_->offsets().log_end_offset - 1);
    open();
    ASSERT_EQ(found_from_each(), before);
  }
}

TEST_F(SegmentTest, goes_on_after_retention_found_the_disk_full) {
  retention_ms_ = 3'600'000;
  open();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(put(50));
  env_->advance(std::chrono::hours(2));
  env_->faults().set_capacity(env_->disk().used_bytes() + 10);
  ASSERT_FALSE(log_->enforce_retention());
  env_->faults().set_capacity(std::nullopt);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put(50));
  ASSERT_TRUE(sync());
  auto before = found_from_each();
  open();
  EXPECT_EQ(found_from_each(), before);
}

TEST_F(SegmentTest, a_damaged_index_entry_leads_past_no_record) {
  open();
  while (log_->extent().bytes < 7000) ASSERT_TRUE(put(50));
  ASSERT_TRUE(log_->checkpoint());
  const Offset end = log_->offsets().log_end_offset;
  auto index = file(0, ".index");
  ASSERT_GT(index->size(), 80u);
  for (std::uint64_t at = 0; at < index->size(); ++at) {
    SCOPED_TRACE(at);
    char byte = 0;
    ASSERT_TRUE(index->read_at(at, &byte, 1));
    ASSERT_TRUE(index->write_at(at, std::string(1, static_cast<char>(byte ^ 1)), "test"));
    open(end);
    for (Offset offset = end - 1; offset >= 0; --offset) {  // downwards: else where the last read ended is remembered
      auto read = log_->read({offset, 1});
      ASSERT_TRUE(read && !read->bytes->empty()) << offset;
      ASSERT_EQ(RecordBatchView::parse(*read->bytes)->base_offset(), offset);
    }
    ASSERT_TRUE(index->write_at(at, std::string(1, byte), "test"));
  }
}

TEST_F(SegmentTest, an_empty_one_inside_another_is_removed_at_a_start) {
  for (Offset at : {5, 30}) {
    for (bool checkpointed : {false, true}) {
      SCOPED_TRACE(at);
      start();
      open();
      for (int i = 0; i < 100; ++i) ASSERT_TRUE(put(50));
      std::optional<Offset> point;
      if (checkpointed) point = *log_->checkpoint();
      auto before = found_from_each();
      file(at, ".log");
      open(point);
      EXPECT_EQ(found_from_each(), before);
      EXPECT_FALSE(env_->files().exists(segment_path("/d/t-0", at, ".log")));
    }
  }
}

TEST_F(SegmentTest, what_a_power_cut_took_is_not_aborted_later) {
  int met = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    start(seed);
    open();
    ASSERT_TRUE(put(10));
    ASSERT_TRUE(sync());
    ASSERT_TRUE(env_->files().sync_directory("/d", "test"));
    auto point = log_->checkpoint();
    ASSERT_TRUE(point);
    abort();
    env_->faults().kill("log.segment.sync", sim::Side::before);
    ASSERT_FALSE(log_->checkpoint());
    env_->power_cut();
    env_->reboot();
    env_->faults().clear();
    open(*point);
    // The index has arrived, what it speaks of has not.
    if (log_->offsets().log_end_offset > 1 || !env_->files().exists(segment_path("/d/t-0", 0, ".txnindex"))) continue;
    ++met;
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(put(10, {7, 1, true}));
    ASSERT_TRUE(log_->append_marker(ControlType::commit, 7, 2, 0));
    ASSERT_TRUE(sync());
    EXPECT_EQ(aborted_from(0), 0u);
    point = log_->checkpoint();
    ASSERT_TRUE(point);
    open(*point);
    ASSERT_EQ(aborted_from(0), 0u);
  }
  EXPECT_GT(met, 0);
}

TEST_F(SegmentTest, a_damaged_index_of_aborted_transactions_is_built_anew) {
  for (const char* damage : {"cut", "zeroes", "garbage"}) {
    SCOPED_TRACE(damage);
    start();
    open();
    abort();
    for (int i = 0; i < 60; ++i) ASSERT_TRUE(put(50));
    auto point = log_->checkpoint();
    ASSERT_TRUE(point);
    ASSERT_GT(log_->extent().segments, 1u);
    auto index = file(0, ".txnindex");
    if (damage == std::string("cut")) {
      ASSERT_TRUE(index->truncate(33, "test"));
    } else {
      ASSERT_TRUE(index->write_at(0, std::string(34, damage == std::string("zeroes") ? '\0' : '\1'), "test"));
    }
    for (int i = 0; i < 2; ++i) {
      open(*point);
      EXPECT_EQ(aborted_from(0), 1u);
      ASSERT_TRUE(log_->checkpoint());
    }
  }
}

TEST_F(SegmentTest, garbage_where_nothing_was_aborted_goes) {
  open();
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(put(50));
  auto point = log_->checkpoint();
  ASSERT_TRUE(point);
  ASSERT_TRUE(file(0, ".txnindex")->append(std::string(34, '\1'), "test"));
  open(*point);
  EXPECT_EQ(aborted_from(0), 0u);
  ASSERT_TRUE(log_->checkpoint());
  EXPECT_EQ(file(0, ".txnindex")->size(), 0u);
}

TEST_F(SegmentTest, indexes_whose_segment_is_gone_do_not_become_those_of_the_next) {
  flush_ = FlushMode::os;
  open();
  while (log_->extent().segments < 3) ASSERT_TRUE(put(50));
  abort();
  while (log_->extent().segments < 4) ASSERT_TRUE(put(50));
  const auto segments = log_->cleanable_segments();
  const Offset torn = segments[1]->base_offset(), last = segments[2]->base_offset();
  ASSERT_TRUE(file(torn, ".log")->truncate(file(torn, ".log")->size() / 2, "test"));
  for (std::uint64_t n = 1; n <= 4; ++n) {  // files of later segments that recovery gets to remove
    env_->faults().kill("log.segment.remove", sim::Side::after);
    std::ignore = try_to_open();
    if (!env_->is_killed()) env_->kill();
    env_->reboot();
    env_->faults().clear();
  }
  open();
  while (log_->offsets().log_end_offset < last) ASSERT_TRUE(put(50));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put(50, {7, 1, true}));
  ASSERT_TRUE(log_->append_marker(ControlType::commit, 7, 2, 0));
  EXPECT_EQ(aborted_from(last), 0u);
}

TEST_F(SegmentTest, the_first_checkpoint_after_a_start_syncs_the_indexes_that_it_wrote) {
  open();
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(put(50));
  auto point = log_->checkpoint();
  ASSERT_TRUE(point);
  ASSERT_GT(log_->extent().segments, 10u);
  open(*point);
  auto syncs = [&] { return env_->faults().passes().at("log.index.sync"); };
  const auto before = syncs();
  ASSERT_TRUE(put(10));
  ASSERT_TRUE(log_->checkpoint());
  EXPECT_LE(syncs() - before, 2u);
}

TEST_F(SegmentTest, one_that_a_compaction_has_replaced_is_read_to_its_end) {
  open();
  for (int i = 0; i < 150; ++i) ASSERT_TRUE(broker::put(*log_, 20 + (i * 37) % 90, {}, "k" + std::to_string(i % 60)));
  auto old = log_->cleanable_segments();
  auto position = old[0]->position_for(20);
  ASSERT_TRUE(position);
  ASSERT_TRUE(compact(*log_, 0));
  EXPECT_EQ(*old[0]->position_for(20), *position);
  EXPECT_TRUE(old[1]->position_for(old[1]->base_offset() + 20));
}

TEST(SegmentOnDisk, readers_beside_compactions_miss_nothing) {
  const std::string path = ::testing::TempDir() + "/millrace_compactions_" + std::to_string(::getpid());
  constexpr int superseded = 10, count = 120;
  for (unsigned round = 0; round < 20; ++round) {
    auto directory = *LogDirectory::open(real_env(), path, FlushMode::group, [](const std::string&) {});
    auto options = options_in(path);
    options.config.compacts = true;
    auto log = *PartitionLog::open(*directory, options);
    for (int i = 0; i < count; ++i) {
      const int key = i < superseded ? 50 + i : i;
      ASSERT_TRUE(put(*log, static_cast<std::size_t>(20 + (i * 37) % 90), {}, "k" + std::to_string(key)));
    }
    std::atomic<bool> is_done = false;
    std::atomic<int> wrong = 0, reads = 0;
    std::thread reader([&] {
      for (unsigned draw = round; !is_done; ++reads) {
        draw = draw * 1664525u + 1013904223u;
        const Offset at = superseded + (draw >> 8) % (count - superseded);
        auto read = log->read({at, 1});
        auto batch = read && !read->bytes->empty() ? RecordBatchView::parse(*read->bytes) : Error("nothing");
        if (!batch || batch->base_offset() != at) ++wrong;
      }
    });
    while (reads < 100) std::this_thread::yield();
    EXPECT_TRUE(compact(*log, 0));
    is_done = true;
    reader.join();
    EXPECT_EQ(wrong, 0) << "of " << reads << " reads";
    log.reset();
    directory.reset();
    ASSERT_TRUE(real_env().files().remove_all(path, "test"));
  }
}

}  // namespace
}  // namespace millrace::broker
