#include "millrace/broker/log/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/sim/sim_env.h"
#include "millrace/broker/log/flusher.h"
#include "millrace/broker/log/partition_log.h"

namespace millrace::broker {
namespace {

using ::testing::HasSubstr;

class RecoveryTest : public ::testing::Test {
 protected:
  void open_directory(FlushMode flush) {
    log_.reset();
    directory_.reset();
    auto opened = LogDirectory::open(env_, "/d", flush, [this](const std::string& s) { reports_.push_back(s); });
    ASSERT_TRUE(opened) << opened.error().text();
    directory_ = std::move(*opened);
  }
  Result<> open_log(Offset recovery_point = 0) {
    log_.reset();
    PartitionLog::Options options;
    options.partition = {"t", 0};
    options.topic_id = {1, 2};
    options.directory = "/d/t-0";
    options.config.segment_bytes = 4000;
    options.config.index_interval_bytes = 200;
    options.recovery_point = recovery_point;
    MR_ASSIGN(log_, PartitionLog::open(*directory_, options));
    return {};
  }
  void open_empty(FlushMode flush) {
    ASSERT_TRUE(env_.files().remove_all("/d", "test"));
    open_directory(flush);
    ASSERT_TRUE(open_log());
  }
  void append(int count) {
    for (int i = 0; i < count; ++i) {
      RecordBatchBuilder batch;
      batch.append({1000 + i}, "key", std::string(50, 'v'));
      auto appended = log_->append(batch, {7, 0, false});
      ASSERT_TRUE(appended) << appended.error().text();
    }
  }
  Offset end() { return log_->offsets().log_end_offset; }
  std::string segment(Offset base) { return segment_path("/d/t-0", base, ".log"); }
  void overwrite(const std::string& path, std::uint64_t at, const std::string& bytes) {
    auto file = *env_.files().open(path, OpenMode::append);
    ASSERT_TRUE(file->write_at(at, bytes, "test"));
  }
  Offset last_segment() {
    Offset last = 0;
    auto names = *env_.files().list("/d/t-0");
    for (const auto& name : names) {
      if (name.ends_with(".log")) last = std::stoll(name.substr(0, 20));
    }
    return last;
  }

  sim::SimEnv env_{1};
  std::vector<std::string> reports_;
  std::unique_ptr<LogDirectory> directory_;
  std::shared_ptr<PartitionLog> log_;
};

TEST_F(RecoveryTest, an_intact_log_opens_whole_from_any_recovery_point) {
  open_directory(FlushMode::group);
  ASSERT_TRUE(open_log());
  append(200);
  auto point = log_->checkpoint();
  ASSERT_TRUE(point);
  append(100);
  for (Offset from : {Offset{0}, *point}) {
    auto opened = open_log(from);
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(end(), 300);
    for (Offset offset : {0, 1, 57, 199, 200, 299}) {
      auto read = log_->read({offset, 1});
      ASSERT_TRUE(read);
      EXPECT_EQ(RecordBatchView::parse(*read->bytes)->base_offset(), offset);
    }
    EXPECT_EQ(log_->producer_epochs().count(7), 1u);
  }
}

// Whether a power cut without a sync by the caller leaves anything but the first so many batches.
bool leaves_a_hole(std::string_view lie) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    sim::SimEnv env(seed);
    env.faults().lie_about(lie);
    std::unique_ptr<LogDirectory> directory;
    auto open = [&]() -> std::shared_ptr<PartitionLog> {
      directory.reset();
      auto opened = LogDirectory::open(env, "/d", FlushMode::group, [](const std::string&) {});
      if (!opened) return nullptr;
      directory = *std::move(opened);
      PartitionLog::Options options;
      options.partition = {"t", 0};
      options.topic_id = {1, 2};
      options.directory = "/d/t-0";
      options.config.segment_bytes = 4000;
      auto log = PartitionLog::open(*directory, options);
      return log ? *std::move(log) : nullptr;
    };
    auto log = open();
    if (!env.files().sync_directory("/d", "test")) return true;
    for (int i = 0; i < 150; ++i) {
      RecordBatchBuilder batch;
      batch.append({1000 + i}, "key", std::string(50, 'v'));
      if (!log->append(batch, {7, 0, false})) return true;
    }
    log.reset();
    env.power_cut();
    env.faults().clear();
    env.reboot();
    log = open();
    if (!log) return true;
    for (Offset offset = 0; offset < log->offsets().log_end_offset; ++offset) {
      auto read = log->read({offset, 1});
      if (!read || read->bytes->empty() || RecordBatchView::parse(*read->bytes)->base_offset() != offset) return true;
    }
    log.reset();
  }
  return false;
}

TEST(RecoveryInSimulation, a_power_cut_leaves_no_hole_between_segments) { EXPECT_FALSE(leaves_a_hole("no.such.site")); }

TEST(RecoveryInSimulation, a_power_cut_leaves_a_hole_where_the_sync_of_a_full_segment_is_a_lie) {
  EXPECT_TRUE(leaves_a_hole("log.roll.sync"));
  EXPECT_TRUE(leaves_a_hole("log.roll.directory"));
}

// Linux drops the pages of a failed sync but for its cache: they can be read, and no later sync writes them.
TEST_F(RecoveryTest, what_a_failed_sync_left_in_the_cache_is_on_disk_after_the_next_process_has_synced) {
  for (const char* site : {"log.segment.sync", "log.roll.sync"}) {
    SCOPED_TRACE(site);
    open_empty(FlushMode::group);
    ASSERT_TRUE(env_.files().sync_directory("/d", "test"));
    append(3);
    ASSERT_TRUE(Flusher(*directory_).sync({log_}));
    env_.faults().fail(site);
    bool appended = true;
    for (int i = 0; i < 100 && appended; ++i) {
      RecordBatchBuilder batch;
      batch.append({1000}, "key", std::string(50, 'v'));
      appended = log_->append(batch, {7, 0, false}).has_value();
      if (site == std::string("log.segment.sync") && i == 10) break;
    }
    EXPECT_FALSE(appended && Flusher(*directory_).sync({log_}));
    const Offset was = end();
    env_.kill();
    env_.reboot();
    open_directory(FlushMode::group);
    ASSERT_TRUE(open_log());
    ASSERT_EQ(end(), was);
    append(1);
    ASSERT_TRUE(Flusher(*directory_).sync({log_}));
    env_.power_cut();
    env_.reboot();
    open_directory(FlushMode::group);
    auto opened = open_log();
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(end(), was + 1);
  }
}

TEST_F(RecoveryTest, a_log_that_was_synced_to_its_end_is_not_written_to) {
  open_directory(FlushMode::group);
  ASSERT_TRUE(open_log());
  append(150);
  ASSERT_TRUE(Flusher(*directory_).sync({log_}));
  open_directory(FlushMode::group);
  ASSERT_TRUE(open_log());
  EXPECT_FALSE(env_.faults().passes().contains("log.recovery.unsynced"));
}

TEST_F(RecoveryTest, a_torn_tail_is_truncated) {
  open_directory(FlushMode::group);
  ASSERT_TRUE(open_log());
  append(10);
  auto size = env_.files().open(segment(0), OpenMode::append).value()->size();
  ASSERT_TRUE(env_.files().open(segment(0), OpenMode::append).value()->truncate(size - 5, "test"));
  ASSERT_TRUE(open_log());
  EXPECT_EQ(end(), 9);
  append(1);
  EXPECT_EQ(end(), 10);
}

TEST_F(RecoveryTest, zeroes_at_the_end_are_a_torn_tail) {
  open_directory(FlushMode::group);
  ASSERT_TRUE(open_log());
  append(10);
  overwrite(segment(0), env_.files().open(segment(0), OpenMode::append).value()->size(), std::string(3000, '\0'));
  ASSERT_TRUE(open_log());
  EXPECT_EQ(end(), 10);
}

TEST_F(RecoveryTest, a_synced_batch_that_is_damaged_refuses_to_open_and_names_file_and_position) {
  for (std::size_t at :
       {std::size_t{8}, std::size_t{16}, std::size_t{17}, std::size_t{70}}) {  // length, magic, CRC, body
    SCOPED_TRACE(at);
    open_empty(FlushMode::group);
    append(10);
    Flusher flusher(*directory_);
    ASSERT_TRUE(flusher.sync({log_}));
    std::uint64_t batch = env_.files().open(segment(0), OpenMode::append).value()->size() / 10;
    overwrite(segment(0), 3 * batch + at, "\x7f");
    auto opened = open_log();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ErrorCode::corrupt_message);
    EXPECT_THAT(opened.error().message(), HasSubstr(segment(0)));
    EXPECT_THAT(opened.error().message(), HasSubstr("byte " + std::to_string(3 * batch)));
    log_.reset();
  }
}

TEST_F(RecoveryTest, under_flush_os_a_damaged_batch_truncates_and_reports_what_was_lost) {
  open_directory(FlushMode::os);
  ASSERT_TRUE(open_log());
  append(10);
  overwrite(segment(0), env_.files().open(segment(0), OpenMode::append).value()->size() / 10 * 3 + 70, "\x7f");
  ASSERT_TRUE(open_log());
  EXPECT_EQ(end(), 3);
  EXPECT_THAT(reports_.back(), HasSubstr("loses offsets 3 to at least 4"));
}

TEST_F(RecoveryTest, un_synced_pages_in_the_wrong_order_truncate_under_group) {
  open_directory(FlushMode::group);
  ASSERT_TRUE(open_log());
  append(10);  // never synced
  overwrite(segment(0), env_.files().open(segment(0), OpenMode::append).value()->size() / 10 * 3 + 70, "\x7f");
  ASSERT_TRUE(open_log());
  EXPECT_EQ(end(), 3);
}

TEST_F(RecoveryTest, damage_below_the_recovery_point_refuses_in_either_mode) {
  for (auto flush : {FlushMode::group, FlushMode::os}) {
    open_empty(flush);
    append(20);
    auto point = log_->checkpoint();
    ASSERT_TRUE(point);
    ASSERT_TRUE(env_.files().open(segment(0), OpenMode::append).value()->truncate(500, "test"));
    auto opened = open_log(*point);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ErrorCode::corrupt_message);
    log_.reset();
  }
}

TEST_F(RecoveryTest, the_advice_of_an_error_about_damage_gets_the_log_open_again) {
  const std::string notes = "/d/synced-offsets";
  struct {
    bool checkpointed, torn;
  } cases[] = {{false, false}, {false, true}, {true, true}};
  for (auto [checkpointed, torn] : cases) {
    SCOPED_TRACE(checkpointed * 2 + torn);
    open_empty(FlushMode::group);
    append(10);
    Flusher flusher(*directory_);
    ASSERT_TRUE(flusher.sync({log_}));
    if (checkpointed) {
      ASSERT_TRUE(log_->checkpoint());
    }
    auto file = *env_.files().open(segment(0), OpenMode::append);
    const std::uint64_t three = file->size() / 10 * 3;
    if (torn) {
      ASSERT_TRUE(file->truncate(three, "test"));
    } else {
      overwrite(segment(0), three + 70, "\x7f");
    }
    auto opened = open_log(checkpointed ? 10 : 0);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message(), HasSubstr("copy the directory and remove " + notes));
    EXPECT_EQ(opened.error().message().find("recovery-point") != std::string::npos, checkpointed);
    directory_.reset();
    ASSERT_TRUE(env_.files().remove(notes, "test"));
    open_directory(FlushMode::group);
    opened = open_log(0);
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(end(), 3);
    log_.reset();
  }
}

// flush=os leaves full segments to the kernel; the next process, under flush=group, is what has to sync them.
TEST_F(RecoveryTest, an_acknowledgement_covers_what_an_earlier_process_left_unsynced_around_its_recovery_point) {
  for (int draw = 1; draw <= 30; ++draw) {
    SCOPED_TRACE(draw);
    open_empty(FlushMode::os);
    ASSERT_TRUE(env_.files().sync_directory("/d", "test"));
    append(10);
    auto point = log_->checkpoint();  // inside the first segment
    ASSERT_TRUE(point);
    append(100);
    ASSERT_GT(log_->extent().segments, 2u);
    open_directory(FlushMode::group);
    ASSERT_TRUE(open_log(*point));
    append(1);
    Flusher flusher(*directory_);
    ASSERT_TRUE(flusher.sync({log_}));
    env_.power_cut();
    env_.reboot();
    open_directory(FlushMode::group);
    auto opened = open_log(*point);
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(end(), 111);
  }
}

TEST_F(RecoveryTest, a_note_above_a_log_that_was_cut_does_not_stand_for_what_comes_there_later) {
  open_directory(FlushMode::group);
  ASSERT_TRUE(open_log());
  append(10);
  {
    Flusher flusher(*directory_);
    ASSERT_TRUE(flusher.sync({log_}));
  }
  overwrite(segment(0), env_.files().open(segment(0), OpenMode::append).value()->size() / 10 * 3 + 70, "\x7f");
  open_directory(FlushMode::os);
  ASSERT_TRUE(open_log());
  ASSERT_EQ(end(), 3);
  append(5);  // acknowledged by the kernel, not by the disk
  overwrite(segment(0), env_.files().open(segment(0), OpenMode::append).value()->size() - 1, "\x7f");
  open_directory(FlushMode::group);
  auto opened = open_log();
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ(end(), 7);
}

TEST_F(RecoveryTest, a_damaged_base_offset_refuses_and_costs_nothing) {
  for (bool below : {false, true}) {
    SCOPED_TRACE(below);
    open_empty(FlushMode::group);
    append(300);
    {
      Flusher flusher(*directory_);
      ASSERT_TRUE(flusher.sync({log_}));
    }
    const auto segments = log_->extent().segments;
    ASSERT_GT(segments, 2u);
    std::optional<Offset> point;
    if (below) {
      point = *log_->checkpoint();
      ASSERT_TRUE(env_.files().remove("/d/t-0/00000000000000000000.index", "test"));
    }
    overwrite(segment(0), 3, "\x7f");
    auto opened = open_log(point.value_or(0));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ErrorCode::corrupt_message);
    overwrite(segment(0), 3, std::string(1, '\0'));
    opened = open_log(point.value_or(0));
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(end(), 300);
    EXPECT_EQ(log_->extent().segments, segments);
    log_.reset();
  }
}

// No checksum covers the base offset: it is held against the batches and segments around it.
TEST_F(RecoveryTest, a_base_offset_that_does_not_fit_refuses_wherever_it_stands) {
  constexpr int count = 60;
  open_directory(FlushMode::group);
  ASSERT_TRUE(open_log());
  append(30);
  const Offset middle = *log_->checkpoint();
  append(count - 30);
  {
    Flusher flusher(*directory_);
    ASSERT_TRUE(flusher.sync({log_}));
  }
  ASSERT_GT(log_->extent().segments, 1u);
  const Offset last = last_segment();
  const auto batch_size = env_.files().open(segment(0), OpenMode::append).value()->size() / static_cast<unsigned>(last);
  for (Offset point : {Offset{0}, middle}) {
    for (Offset offset = point == 0 ? 0 : middle - 6; offset < count; ++offset) {
      for (std::uint64_t byte : {3u, 6u}) {
        if (byte == 6 && offset + 1 == count) continue;  // nothing is behind it: it may be right
        SCOPED_TRACE(testing::Message() << "from " << point << ", offset " << offset << ", byte " << byte);
        const Offset base = offset < last ? 0 : last;
        const std::uint64_t at = static_cast<std::uint64_t>(offset - base) * batch_size + byte;
        overwrite(segment(base), at, "\x7f");
        auto opened = open_log(point);
        EXPECT_TRUE(offset < point || !opened);
        EXPECT_TRUE(!opened || end() == count);
        log_.reset();
        overwrite(segment(base), at, std::string(1, '\0'));
      }
    }
    ASSERT_TRUE(open_log(point));
    ASSERT_EQ(end(), count);
  }
}

TEST_F(RecoveryTest, the_advice_of_an_error_about_damage_says_that_later_segments_go_too) {
  open_directory(FlushMode::group);
  ASSERT_TRUE(open_log());
  append(300);
  {
    Flusher flusher(*directory_);
    ASSERT_TRUE(flusher.sync({log_}));
  }
  ASSERT_GT(log_->extent().segments, 2u);
  overwrite(segment(0), env_.files().open(segment(0), OpenMode::append).value()->size() - 1, "\x7f");
  const Offset damaged = log_->cleanable_segments()[1]->base_offset() - 1;
  auto opened = open_log();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message(),
              HasSubstr("all records of this partition from offset " + std::to_string(damaged) + " on"));
  directory_.reset();
  ASSERT_TRUE(env_.files().remove("/d/synced-offsets", "test"));
  open_directory(FlushMode::group);
  const Offset last = last_segment();
  ASSERT_TRUE(open_log());
  EXPECT_EQ(end(), damaged);
  EXPECT_EQ(log_->extent().segments, 1u);
  EXPECT_THAT(reports_.back(),
              HasSubstr("loses offsets " + std::to_string(damaged) + " to at least " + std::to_string(last)));
}

// A checkpoint that was cut short had written index entries above the recovery point, and a power cut left zeroes for
// its batch.
TEST_F(RecoveryTest, an_index_entry_at_the_recovery_point_whose_batch_is_zeroes_is_a_torn_tail) {
  for (int point = 20; point < 26; ++point) {
    SCOPED_TRACE(point);
    std::ignore = env_.files().remove_all("/d", "test");  // there may be none
    open_directory(FlushMode::os);
    ASSERT_TRUE(open_log());
    append(point);
    ASSERT_TRUE(log_->checkpoint());
    const auto size = env_.files().open(segment(0), OpenMode::append).value()->size();
    append(5);
    ASSERT_TRUE(log_->checkpoint());
    ASSERT_EQ(log_->extent().segments, 1u);
    overwrite(segment(0), size, std::string(env_.files().open(segment(0), OpenMode::append).value()->size() - size, 0));
    auto opened = open_log(point);
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(end(), point);
    log_.reset();
  }
}

TEST_F(RecoveryTest, segments_that_were_cut_off_do_not_come_back_beside_new_records) {
  for (int draw = 1; draw <= 30; ++draw) {
    SCOPED_TRACE(draw);
    std::ignore = env_.files().remove_all("/d", "test");  // there may be none
    open_directory(FlushMode::os);
    ASSERT_TRUE(open_log());
    append(150);
    ASSERT_TRUE(log_->checkpoint());
    ASSERT_TRUE(env_.files().sync_directory("/d", "test"));
    overwrite(segment(0), env_.files().open(segment(0), OpenMode::append).value()->size() - 1, "\x7f");
    ASSERT_TRUE(open_log());
    const Offset cut = end();
    ASSERT_LT(cut, 60);
    append(1);
    env_.power_cut();
    env_.reboot();
    open_directory(FlushMode::os);
    auto opened = open_log();
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_LE(end(), cut + 1);
  }
}

TEST_F(RecoveryTest, the_indexes_of_a_segment_below_the_recovery_point_are_opened_once) {
  open_directory(FlushMode::group);
  ASSERT_TRUE(open_log());
  const auto opens = [&](int records) {
    append(records);
    const Offset point = *log_->checkpoint();
    const auto before = env_.faults().passes().at("open");
    EXPECT_TRUE(open_log(point));
    return env_.faults().passes().at("open") - before;
  };
  opens(10);
  const auto one = opens(1);
  ASSERT_EQ(log_->extent().segments, 1u);
  const auto many = opens(1000);
  const auto more = log_->extent().segments - 1;
  ASSERT_GT(more, 10u);
  EXPECT_LE(many - one, 4 * more);  // two indexes, and the log twice: first to see whether it is empty
}

TEST_F(RecoveryTest, lost_or_damaged_indexes_are_built_anew) {
  open_directory(FlushMode::group);
  ASSERT_TRUE(open_log());
  append(200);
  auto point = log_->checkpoint();
  ASSERT_TRUE(point);
  Offset last = last_segment();
  ASSERT_GT(last, 0);
  log_.reset();
  for (Offset base : {Offset{0}, last}) {
    ASSERT_TRUE(env_.files().remove(segment_path("/d/t-0", base, ".index"), "test"));
    ASSERT_TRUE(env_.files().remove(segment_path("/d/t-0", base, ".timeindex"), "test"));
  }
  ASSERT_TRUE(open_log(*point));
  EXPECT_EQ(end(), 200);
  for (Offset offset = 0; offset < 200; ++offset) {
    EXPECT_EQ(RecordBatchView::parse(*log_->read({offset, 1})->bytes)->base_offset(), offset);
  }
  EXPECT_EQ(*log_->offset_for_time({1100}), 100);
}

TEST_F(RecoveryTest, every_opening_that_appends_is_a_new_leader_epoch) {
  open_directory(FlushMode::group);
  for (LeaderEpoch epoch = 0; epoch < 3; ++epoch) {
    ASSERT_TRUE(open_log());
    append(5);
    EXPECT_EQ(log_->offsets().leader_epoch, epoch);
    ASSERT_TRUE(log_->checkpoint());
    ASSERT_TRUE(open_log());  // without an append: no epoch
  }
  EXPECT_EQ(log_->end_of_epoch(0), 5);
  EXPECT_EQ(log_->end_of_epoch(1), 10);
  EXPECT_EQ(log_->end_of_epoch(2), 15);
  EXPECT_EQ(log_->end_of_epoch(3), std::nullopt);
}

}  // namespace
}  // namespace millrace::broker
