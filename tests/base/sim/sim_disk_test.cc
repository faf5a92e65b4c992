#include "millrace/base/sim/sim_disk.h"

#include <gtest/gtest.h>

#include <set>

namespace millrace::sim {
namespace {

constexpr std::size_t page = SimFileContent::page_size;

// What `make` leaves after a power cut, over many seeds.
template <class Make>
std::set<std::string> outcomes(Make make, const std::string& path, int seeds = 300) {
  std::set<std::string> seen;
  for (int seed = 0; seed < seeds; ++seed) {
    SimDisk disk;
    make(disk);
    SeededRandom random(static_cast<std::uint64_t>(seed));
    disk.power_cut(random);
    SimNodePtr node = disk.find(path);
    seen.insert(!node ? "(none)" : node->is_directory ? "(folder)" : node->content.current());
  }
  return seen;
}

SimNodePtr durable_file(SimDisk& disk, const std::string& path, std::string_view content) {
  SimNodePtr node = disk.create(path).value();
  node->content.write(0, content);
  disk.sync_all();
  return node;
}

TEST(SimDisk, what_was_synced_survives_a_power_cut) {
  auto seen = outcomes([](SimDisk& disk) { durable_file(disk, "/a", "kept"); }, "/a");
  EXPECT_EQ(seen, (std::set<std::string>{"kept"}));
}

TEST(SimDisk, a_power_cut_loses_what_was_not_synced_or_keeps_it_or_tears_it) {
  std::string old(4 * page, 'o');
  auto seen = outcomes(
      [&](SimDisk& disk) { durable_file(disk, "/a", old)->content.write(0, std::string(4 * page, 'n')); }, "/a");
  EXPECT_TRUE(seen.contains(old)) << "nothing arrived";
  EXPECT_TRUE(seen.contains(std::string(4 * page, 'n'))) << "everything did";
  bool later_page_alone = false, torn = false;
  for (const std::string& content : seen) {
    later_page_alone |= content[0] == 'o' && content[3 * page] == 'n';
    torn |= content[0] == 'n' && content[page - 1] == 'o';
    for (std::size_t at = 0; at < content.size(); at += SimFileContent::sector_size) {
      EXPECT_EQ(content.substr(at, SimFileContent::sector_size), std::string(SimFileContent::sector_size, content[at]))
          << "a sector is whole";
    }
  }
  EXPECT_TRUE(later_page_alone);
  EXPECT_TRUE(torn);
}

TEST(SimDisk, an_unsynced_append_may_leave_any_size_and_zeroes) {
  auto seen = outcomes(
      [](SimDisk& disk) { durable_file(disk, "/a", "0123456789")->content.write(10, std::string(2 * page, 'x')); },
      "/a");
  bool shorter = false, zeroes = false;
  for (const std::string& content : seen) {
    EXPECT_GE(content.size(), 10u);
    EXPECT_EQ(content.substr(0, 10), "0123456789") << "an append leaves what was synced before alone";
    shorter |= content.size() > 10 && content.size() < 10 + 2 * page;
    zeroes |= content.find('\0') != std::string::npos;
  }
  EXPECT_TRUE(shorter);
  EXPECT_TRUE(zeroes);
}

TEST(SimDisk, a_synced_file_without_a_synced_name_may_be_gone) {
  auto seen = outcomes(
      [](SimDisk& disk) {
        SimNodePtr node = disk.create("/a").value();
        node->content.write(0, "x");
        node->content.sync();
      },
      "/a");
  EXPECT_EQ(seen, (std::set<std::string>{"(none)", "x"}));
  seen = outcomes(
      [](SimDisk& disk) {
        SimNodePtr node = disk.create("/a").value();
        node->content.write(0, "x");
        node->content.sync();
        EXPECT_TRUE(disk.sync_directory("/"));
      },
      "/a");
  EXPECT_EQ(seen, (std::set<std::string>{"x"}));
}

TEST(SimDisk, an_unsynced_removal_may_come_back) {
  auto seen = outcomes(
      [](SimDisk& disk) {
        durable_file(disk, "/a", "x");
        EXPECT_TRUE(disk.remove("/a"));
      },
      "/a");
  EXPECT_EQ(seen, (std::set<std::string>{"(none)", "x"}));
}

TEST(SimDisk, a_rename_has_happened_or_has_not) {
  for (int seed = 0; seed < 100; ++seed) {
    SimDisk disk;
    durable_file(disk, "/a", "old");
    durable_file(disk, "/a.tmp", "new");
    ASSERT_TRUE(disk.rename("/a.tmp", "/a"));
    SeededRandom random(static_cast<std::uint64_t>(seed));
    disk.power_cut(random);
    ASSERT_TRUE(disk.find("/a"));
    if (disk.find("/a")->content.current() == "new") {
      EXPECT_FALSE(disk.find("/a.tmp"));
    } else {
      EXPECT_EQ(disk.find("/a.tmp")->content.current(), "new");
    }
  }
}

TEST(SimDisk, a_folder_whose_name_was_not_synced_takes_its_files_with_it) {
  auto make = [](SimDisk& disk, bool sync_parent) {
    EXPECT_TRUE(disk.make_directories("/d/e"));
    SimNodePtr node = disk.create("/d/e/a").value();
    node->content.write(0, "x");
    node->content.sync();
    EXPECT_TRUE(disk.sync_directory("/d/e"));
    EXPECT_TRUE(disk.sync_directory("/"));
    if (sync_parent) {
      EXPECT_TRUE(disk.sync_directory("/d"));
    }
  };
  EXPECT_EQ(outcomes([&](SimDisk& disk) { make(disk, false); }, "/d/e/a"), (std::set<std::string>{"(none)", "x"}));
  EXPECT_EQ(outcomes([&](SimDisk& disk) { make(disk, true); }, "/d/e/a"), (std::set<std::string>{"x"}));
}

TEST(SimDisk, a_folder_can_be_renamed_with_all_in_it) {
  SimDisk disk;
  ASSERT_TRUE(disk.make_directories("/topics/a-0"));
  ASSERT_TRUE(disk.create("/topics/a-0/0.log"));
  ASSERT_TRUE(disk.rename("/topics/a-0", "/topics/a-0.delete"));
  EXPECT_FALSE(disk.find("/topics/a-0"));
  EXPECT_TRUE(disk.find("/topics/a-0.delete/0.log"));
  EXPECT_FALSE(disk.rename("/topics/none", "/topics/b"));
}

TEST(SimFileContent, what_was_truncated_does_not_come_back_with_a_sync) {
  SimFileContent content;
  content.write(0, std::string(3 * page, 'a'));
  content.sync();
  content.truncate(10);
  content.truncate(2 * page);
  content.sync();
  std::string expected(10, 'a');
  expected.resize(2 * page);
  EXPECT_EQ(content.durable(), expected);
  EXPECT_TRUE(content.is_synced());
}

TEST(SimFileContent, after_a_failed_sync_the_next_one_does_not_write_the_pages) {
  SimFileContent content;
  content.write(0, "lost");
  content.fail_sync();
  content.sync();
  EXPECT_EQ(content.current(), "lost");
  EXPECT_EQ(content.durable(), std::string(4, '\0'));
  SeededRandom random(1);
  content.cut_power(random);
  EXPECT_EQ(content.current(), std::string(4, '\0'));
}

TEST(SimFileContent, what_a_failed_sync_has_dropped_is_on_disk_when_it_was_written_once_more) {
  SimFileContent content;
  content.write(0, "kept");
  content.fail_sync();
  content.write(0, "kept");
  content.sync();
  SeededRandom random(1);
  content.cut_power(random);
  EXPECT_EQ(content.current(), "kept");
}

}  // namespace
}  // namespace millrace::sim
