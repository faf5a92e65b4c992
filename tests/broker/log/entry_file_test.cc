#include "millrace/broker/log/entry_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/sim/sim_env.h"

namespace millrace::broker {
namespace {

using ::testing::AnyOf;
using ::testing::StartsWith;

constexpr const char* path = "/d/entries";

// A file of entries of four bytes in a directory whose names are on disk.
class EntryFileTest : public ::testing::Test {
 protected:
  void start(std::uint64_t seed) {
    env_ = std::make_unique<sim::SimEnv>(seed);
    ASSERT_TRUE(files().make_durable_directories("/d", "test"));
    reopen();
    for (int i = 0; i < 3; ++i) entries_->push("old" + std::to_string(i));
    ASSERT_TRUE(entries_->write("write"));
    ASSERT_TRUE(entries_->take_unsynced()->sync("sync"));
    ASSERT_TRUE(files().sync_directory("/d", "test"));
  }
  void reopen() {
    entries_ = std::make_unique<EntryFile>(files(), path, 4);
    ASSERT_TRUE(entries_->load(false));
  }
  void cut_power() {
    env_->power_cut();
    env_->reboot();
    reopen();
  }
  std::string content() {
    std::string all;
    for (std::size_t i = 0; i < entries_->count(); ++i) all += BytesView(*entries_->entry(i));
    return all;
  }
  FileSystem& files() { return env_->files(); }

  std::unique_ptr<sim::SimEnv> env_;
  std::unique_ptr<EntryFile> entries_;
};

TEST_F(EntryFileTest, what_is_on_disk_stays_there_when_entries_above_it_are_cut_and_written_anew) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    start(seed);
    entries_->push("torn");
    ASSERT_TRUE(entries_->write("write"));
    reopen();
    entries_->truncate(3);
    entries_->push("new3");
    ASSERT_TRUE(entries_->write("write"));
    cut_power();
    ASSERT_THAT(content(), StartsWith("old0old1old2"));
  }
}

TEST_F(EntryFileTest, a_power_cut_leaves_all_of_the_old_entries_or_all_that_take_their_place) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    start(seed);
    entries_->clear();
    for (int i = 0; i < 5; ++i) entries_->push("new" + std::to_string(i));
    ASSERT_TRUE(entries_->write("write"));
    cut_power();
    ASSERT_THAT(content(), AnyOf("old0old1old2", "new0new1new2new3new4"));
  }
}

TEST_F(EntryFileTest, a_write_that_failed_halfway_is_made_good_by_the_next) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    start(seed);
    entries_->push("new3");
    env_->faults().fail("write", 1);
    ASSERT_FALSE(entries_->write("write"));
    entries_->push("new4");
    ASSERT_TRUE(entries_->write("write"));
    reopen();
    ASSERT_EQ(content(), "old0old1old2new3new4");
  }
}

TEST_F(EntryFileTest, a_torn_last_entry_is_left_out_and_written_over) {
  start(1);
  ASSERT_TRUE((*files().open(path, OpenMode::append))->append("ne", "test"));
  reopen();
  EXPECT_EQ(content(), "old0old1old2");
  entries_->push("new3");
  ASSERT_TRUE(entries_->write("write"));
  reopen();
  EXPECT_EQ(content(), "old0old1old2new3");
}

}  // namespace
}  // namespace millrace::broker
