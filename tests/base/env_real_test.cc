#include "millrace/base/env_real.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "millrace/base/monitor.h"

namespace {
// How many of the next syncs fail as those of a broken disk do: Linux tells each descriptor once.
std::atomic<int> syncs_to_fail{0};
int sync_or_fail(long call, int fd) {
  if (syncs_to_fail > 0) {
    --syncs_to_fail;
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(call, fd));
}
}  // namespace

// In place of the C library's.
extern "C" int fdatasync(int fd) { return sync_or_fail(SYS_fdatasync, fd); }
extern "C" int syncfs(int fd) noexcept { return sync_or_fail(SYS_syncfs, fd); }

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RealFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/millrace_files_" + std::to_string(::getpid());
    ASSERT_TRUE(files_.make_directories(directory_));
  }
  void TearDown() override { ASSERT_TRUE(files_.remove_all(directory_, "test")); }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }

  FileSystem& files_ = real_env().files();
  std::string directory_;
};

std::string content_of(File& file, std::uint64_t offset = 0) {
  std::string text(file.size() + 10, '?');
  auto n = file.read_at(offset, text.data(), text.size());
  EXPECT_TRUE(n);
  text.resize(n ? *n : 0);
  return text;
}

TEST_F(RealFiles, an_append_of_parts_is_one_text_at_the_end) {
  auto file = files_.open(path("a"), OpenMode::append);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->append("one ", "test"));
  std::vector<BytesView> parts = {"two ", "", "three"};
  ASSERT_TRUE((*file)->append(parts, "test"));
  EXPECT_EQ((*file)->size(), 13u);
  EXPECT_EQ(content_of(**file), "one two three");
  EXPECT_EQ(content_of(**file, 4), "two three");
}

TEST_F(RealFiles, an_append_of_more_parts_than_the_system_takes_at_once_is_whole) {
  auto file = files_.open(path("a"), OpenMode::append);
  ASSERT_TRUE(file);
  std::vector<BytesView> parts(3000, "xy");
  ASSERT_TRUE((*file)->append(parts, "test"));
  EXPECT_EQ((*file)->size(), 6000u);
  EXPECT_EQ(content_of(**file).size(), 6000u);
}

TEST_F(RealFiles, a_file_opened_again_for_append_goes_on_at_its_end) {
  ASSERT_TRUE((*files_.open(path("a"), OpenMode::append))->append("old ", "test"));
  auto file = files_.open(path("a"), OpenMode::append);
  ASSERT_TRUE((*file)->append("new", "test"));
  EXPECT_EQ(content_of(**file), "old new");
}

TEST_F(RealFiles, a_reader_sees_the_size_that_a_writer_made) {
  auto writer = files_.open(path("a"), OpenMode::append);
  auto reader = files_.open(path("a"), OpenMode::read);
  ASSERT_TRUE((*writer)->append("grown", "test"));
  EXPECT_EQ((*reader)->size(), 5u);
}

TEST_F(RealFiles, write_at_overwrites_and_truncate_cuts) {
  auto file = files_.open(path("a"), OpenMode::append);
  ASSERT_TRUE((*file)->append("0123456789", "test"));
  ASSERT_TRUE((*file)->write_at(2, "ab", "test"));
  ASSERT_TRUE((*file)->truncate(5, "test"));
  EXPECT_EQ(content_of(**file), "01ab4");
  ASSERT_TRUE((*file)->append("!", "test"));
  EXPECT_EQ(content_of(**file), "01ab4!");
}

TEST_F(RealFiles, a_rename_does_not_replace_a_device_or_a_pipe) {
  ASSERT_TRUE(files_.open(path("a"), OpenMode::append));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  auto renamed = files_.rename(path("a"), path("pipe"), "test");
  ASSERT_FALSE(renamed);
  EXPECT_THAT(renamed.error().text(), HasSubstr("it is a device or a pipe"));
  EXPECT_THAT(files_.list(directory_).value(), ElementsAre("a", "pipe"));
}

TEST_F(RealFiles, open_modes_refuse_what_they_should) {
  auto missing = files_.open(path("none"), OpenMode::read);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kafka_storage_error);
  EXPECT_THAT(missing.error().message(), HasSubstr(path("none") + ": No such file"));
  ASSERT_TRUE(files_.open(path("a"), OpenMode::create_new));
  EXPECT_FALSE(files_.open(path("a"), OpenMode::create_new));
  EXPECT_FALSE(files_.open(directory_, OpenMode::read));
}

TEST_F(RealFiles, names_are_listed_in_order_and_can_be_renamed_and_removed) {
  for (const char* name : {"c", "a", "b"}) ASSERT_TRUE(files_.open(path(name), OpenMode::replace));
  ASSERT_TRUE(files_.make_directories(path("d/e")));
  EXPECT_THAT(*files_.list(directory_), ElementsAre("a", "b", "c", "d"));
  EXPECT_TRUE(files_.is_directory(path("d")));
  EXPECT_FALSE(files_.is_directory(path("a")));
  ASSERT_TRUE(files_.rename(path("a"), path("b"), "test"));
  ASSERT_TRUE(files_.remove(path("c"), "test"));
  ASSERT_TRUE(files_.remove_all(path("d"), "test"));
  EXPECT_TRUE(files_.remove_all(path("d"), "test")) << "removing what is not there is no error";
  EXPECT_FALSE(files_.remove(path("c"), "test"));
  EXPECT_THAT(*files_.list(directory_), ElementsAre("b"));
  EXPECT_FALSE(files_.list(path("none")));
}

TEST_F(RealFiles, a_file_written_atomically_replaces_the_old_one_and_leaves_nothing_else) {
  ASSERT_TRUE(files_.write_file_atomically(path("a"), "old", "test"));
  ASSERT_TRUE(files_.write_file_atomically(path("a"), "new", "test"));
  EXPECT_EQ(*files_.read_file(path("a")), "new");
  EXPECT_THAT(*files_.list(directory_), ElementsAre("a"));
}

TEST_F(RealFiles, syncs_of_file_directory_and_filesystem_succeed) {
  auto file = files_.open(path("a"), OpenMode::append);
  EXPECT_TRUE((*file)->sync("test"));
  EXPECT_TRUE(files_.sync_directory(directory_, "test"));
  EXPECT_TRUE((*file)->sync_filesystem("test"));
  EXPECT_FALSE(files_.sync_directory(path("none"), "test"));
}

TEST_F(RealFiles, a_sync_that_failed_is_not_answered_with_success_later_nor_to_another_thread) {
  auto file = files_.open(path("a"), OpenMode::append);
  ASSERT_TRUE((*file)->append("content", "test"));
  syncs_to_fail = 1;
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { failed += !(*file)->sync("test"); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(syncs_to_fail, 0);
  // One of them had the kernel's answer. Who was there before it has what it wrote on disk; who comes after has not.
  EXPECT_GE(failed, 1);
  auto later = (*file)->sync("test");
  ASSERT_FALSE(later);
  EXPECT_THAT(later.error().message(), HasSubstr("cannot sync " + path("a") + ": Input/output error"));
}

TEST_F(RealFiles, a_sync_of_the_filesystem_that_failed_is_not_answered_with_success_later) {
  auto file = files_.open(path("a"), OpenMode::append);
  syncs_to_fail = 1;
  EXPECT_FALSE((*file)->sync_filesystem("test"));
  EXPECT_FALSE((*file)->sync_filesystem("test"));
  EXPECT_TRUE((*file)->sync("test")) << "what the file itself has is another matter";
}

TEST_F(RealFiles, a_lock_is_refused_while_held_and_the_error_names_the_holder) {
  auto first = files_.lock(path("lock"));
  ASSERT_TRUE(first);
  auto second = files_.lock(path("lock"));
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("held by process " + std::to_string(::getpid()) + " ("));
  first = Error("let go");
  EXPECT_TRUE(files_.lock(path("lock")));
}

TEST_F(RealFiles, a_holder_that_has_only_just_taken_the_lock_is_named_too) {
  for (const char* left_behind : {"", "999999999\n"}) {  // nothing, or the process that had it before
    const int holder = ::open(path("lock").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    ASSERT_GE(holder, 0);
    ASSERT_EQ(::flock(holder, LOCK_EX), 0);
    ASSERT_GE(::pwrite(holder, left_behind, std::strlen(left_behind), 0), 0);
    const std::string own = std::to_string(::getpid()) + "\n";
    std::thread writes([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(12));
      EXPECT_EQ(::ftruncate(holder, 0), 0);
      EXPECT_EQ(::pwrite(holder, own.data(), own.size(), 0), static_cast<ssize_t>(own.size()));
    });
    auto refused = files_.lock(path("lock"));
    writes.join();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("held by process " + std::to_string(::getpid()) + " ("));
    ::close(holder);
  }
}

TEST(RealClock, monotonic_time_does_not_go_back) {
  std::int64_t before = real_env().clock().monotonic_ns();
  EXPECT_LE(before, real_env().clock().monotonic_ns());
  EXPECT_GT(real_env().clock().now().ms, 1'600'000'000'000);
}

TEST(RealRandom, draws_differ) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 100; ++i) seen.insert(real_env().random().next());
  EXPECT_EQ(seen.size(), 100u);
}

TEST(RealWait, for_as_long_as_there_is_ends_when_it_holds_and_not_before) {
  Monitor monitor;
  bool holds = false;
  auto executor = real_env().make_io_executor(1, "test");
  MonitorLock lock(monitor);
  executor->post([&] {
    MonitorLock inner(monitor);
    holds = true;
    monitor.notify_all();
  });
  EXPECT_TRUE(real_env().wait(lock, [&] { return holds; }, Duration::max()));
}

TEST(UsableCores, are_at_least_one) { EXPECT_GE(usable_cores(), 1); }

}  // namespace
}  // namespace millrace
