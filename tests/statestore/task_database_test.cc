// TaskDatabase on a real disk. What it survives is in rocksdb_env_test.cc.
#include "millrace/statestore/rocksdb/task_database.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "millrace/base/env_real.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class TaskDatabaseTest : public ::testing::Test {
 protected:
  using Write = Result<> (TaskDatabase::*)(const std::vector<TaskDatabase::Update>&);
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer does not know Debian's RocksDB";
#endif
    dir_ = std::filesystem::temp_directory_path() / ("millrace-database-" + std::to_string(real_env().random().next()));
    open();
  }
  void TearDown() override {
    database.reset();
    std::filesystem::remove_all(dir_);
  }
  Result<std::unique_ptr<TaskDatabase>> try_open(const std::vector<std::string>& stores = {"a", "b"}) {
    database.reset();
    return TaskDatabase::open(real_env(), dir_, stores, make_database_memory(8 << 20));
  }
  void open() {
    auto opened = try_open();
    ASSERT_TRUE(opened) << opened.error().text();
    database = *std::move(opened);
  }
  static TaskDatabase::Update update(std::size_t store, Offset next_offset, const std::vector<std::string>& rows) {
    TaskDatabase::Update u{store, {}};
    for (const std::string& row : rows) {
      const std::size_t at = row.find('=');
      u.rows.add(row.substr(0, at), at == row.npos ? "" : row.substr(at + 1), at == row.npos);
    }
    u.rows.position = {{7, 8}, 3, next_offset, {99}};
    return u;
  }
  std::vector<std::string> rows(std::size_t store, bool ascending = true, std::optional<Bytes> from = {},
                                std::optional<Bytes> to = {}) {
    std::vector<std::string> result;
    auto scan = database->rows(store)->scan(std::move(from), std::move(to), ascending);
    while (scan->next()) result.push_back(std::string(scan->key()) + "=" + std::string(scan->value()));
    return result;
  }
  std::unique_ptr<TaskDatabase> database;
  std::filesystem::path dir_;
};

class TaskDatabaseWrites : public TaskDatabaseTest, public ::testing::WithParamInterface<int> {
 protected:
  Result<> write(const std::vector<TaskDatabase::Update>& updates) {
    return GetParam() ? database->ingest(updates) : database->insert(updates);
  }
};
INSTANTIATE_TEST_SUITE_P(Ways, TaskDatabaseWrites, ::testing::Values(0, 1));

TEST_F(TaskDatabaseTest, a_new_one_has_no_rows_and_no_positions) {
  EXPECT_FALSE(database->rows(0)->may_have_rows());
  EXPECT_FALSE(database->position(0));
  EXPECT_THAT(rows(0), IsEmpty());
}

TEST_P(TaskDatabaseWrites, holds_rows_and_position_of_each_store_also_when_opened_again) {
  ASSERT_TRUE(write({update(0, 5, {"k=1", "l=2"}), update(1, 6, {"k=3"})}));
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(rows(0), ElementsAre("k=1", "l=2"));
    EXPECT_THAT(rows(1), ElementsAre("k=3"));
    EXPECT_TRUE(database->rows(0)->may_have_rows());
    auto position = database->position(0);
    ASSERT_TRUE(position);
    EXPECT_EQ(position->topic, (TopicId{7, 8}));
    EXPECT_EQ(position->leader_epoch, 3);
    EXPECT_EQ(position->next_offset, 5);
    EXPECT_EQ(position->written.ms, 99);
    EXPECT_EQ(database->position(1)->next_offset, 6);
    open();
  }
}

TEST_P(TaskDatabaseWrites, a_later_write_replaces_deletes_and_adds) {
  ASSERT_TRUE(write({update(0, 1, {"a=1", "b=1", "c=1"})}));
  ASSERT_TRUE(write({update(0, 2, {"a=2", "b", "d=2"})}));
  EXPECT_THAT(rows(0), ElementsAre("a=2", "c=1", "d=2"));
  std::string value;
  auto found = database->rows(0)->get("b", value);
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
  ASSERT_TRUE(*database->rows(0)->get("a", value));
  EXPECT_EQ(value, "2");
}

TEST_P(TaskDatabaseWrites, rows_below_what_has_expired_are_gone) {
  ASSERT_TRUE(write({update(0, 1, {"a=1", "b=1", "c=1"})}));
  auto later = update(0, 2, {"d=2"});
  later.rows.expired_below = Bytes("b");
  ASSERT_TRUE(write({later}));
  EXPECT_THAT(rows(0), ElementsAre("b=1", "c=1", "d=2"));
  auto only_expiry = update(0, 3, {});
  only_expiry.rows.expired_below = Bytes("d");
  ASSERT_TRUE(write({only_expiry}));
  EXPECT_THAT(rows(0), ElementsAre("d=2"));
  EXPECT_EQ(database->position(0)->next_offset, 3);
}

TEST_P(TaskDatabaseWrites, an_empty_key_and_an_empty_value_are_a_row) {
  ASSERT_TRUE(write({update(0, 1, {"=0", "a="})}));
  EXPECT_THAT(rows(0), ElementsAre("=0", "a="));
  auto later = update(0, 2, {"", "a"});
  ASSERT_TRUE(write({later}));
  open();
  EXPECT_THAT(rows(0), IsEmpty());
}

TEST_P(TaskDatabaseWrites, a_position_alone_is_written_too) {
  ASSERT_TRUE(write({update(0, 4, {})}));
  open();
  EXPECT_EQ(database->position(0)->next_offset, 4);
}

TEST_P(TaskDatabaseWrites, scans_and_seeks_in_both_directions_within_bounds) {
  ASSERT_TRUE(write({update(0, 1, {"a=1", "b=1", "d=1"})}));
  EXPECT_THAT(rows(0, false), ElementsAre("d=1", "b=1", "a=1"));
  EXPECT_THAT(rows(0, true, Bytes("b"), Bytes("d")), ElementsAre("b=1"));
  auto up = database->rows(0)->scan({}, {}, true);
  ASSERT_TRUE(up->seek("c"));
  EXPECT_EQ(up->key(), "d");
  ASSERT_TRUE(up->seek("a"));
  EXPECT_TRUE(up->next());
  EXPECT_EQ(up->key(), "b");
  EXPECT_FALSE(up->seek("e"));
  auto down = database->rows(0)->scan({}, {}, false);
  ASSERT_TRUE(down->seek("c"));
  EXPECT_EQ(down->key(), "b");
  EXPECT_TRUE(down->next());
  EXPECT_FALSE(down->next());
}

TEST_P(TaskDatabaseWrites, a_scan_sees_the_rows_as_of_its_creation) {
  ASSERT_TRUE(write({update(0, 1, {"a=1", "b=1"})}));
  auto scan = database->rows(0)->scan({}, {}, true);
  ASSERT_TRUE(write({update(0, 2, {"a=2", "b", "c=2"})}));
  std::vector<std::string> seen;
  while (scan->next()) seen.push_back(std::string(scan->key()) + "=" + std::string(scan->value()));
  EXPECT_THAT(seen, ElementsAre("a=1", "b=1"));
}

TEST_P(TaskDatabaseWrites, clear_empties_one_store_for_good_and_what_is_written_then_counts) {
  ASSERT_TRUE(write({update(0, 1, {"a=1", "z=1"}), update(1, 1, {"a=1"})}));
  ASSERT_TRUE(database->clear(0));
  EXPECT_FALSE(database->rows(0)->may_have_rows());
  EXPECT_FALSE(database->position(0));
  open();
  EXPECT_THAT(rows(0), IsEmpty());
  EXPECT_THAT(rows(1), ElementsAre("a=1"));
  ASSERT_TRUE(write({update(0, 2, {"b=2", "z=2"})}));
  open();
  EXPECT_THAT(rows(0), ElementsAre("b=2", "z=2"));
}

TEST_F(TaskDatabaseTest, many_rows_overlay_each_other_whichever_way_they_come) {
  auto many = [](const std::string& value, Offset offset) {
    TaskDatabase::Update u{0, {}};
    for (int i = 0; i < 30'000; ++i) u.rows.add("k" + std::to_string(100'000 + i), value);
    u.rows.position.next_offset = offset;
    return u;
  };
  ASSERT_TRUE(database->write({many("first", 1)}));
  ASSERT_TRUE(database->write({update(0, 2, {"k100005=few", "k100006"})}));
  EXPECT_THAT(rows(0, true, Bytes("k100004"), Bytes("k100008")),
              ElementsAre("k100004=first", "k100005=few", "k100007=first"));
  ASSERT_TRUE(database->write({many("second", 3)}));
  open();
  EXPECT_THAT(rows(0), SizeIs(30'000));
  EXPECT_THAT(rows(0, true, Bytes("k100005"), Bytes("k100007")), ElementsAre("k100005=second", "k100006=second"));
}

TEST_F(TaskDatabaseTest, what_an_ingestion_that_was_cut_off_left_behind_is_removed_on_open) {
  const auto left = dir_ / "ingest" / "0.sst";
  ASSERT_TRUE(database->ingest({update(0, 1, {"a=1"})}));
  EXPECT_FALSE(std::filesystem::exists(left)) << "moved, not copied";
  auto file = real_env().files().open(left, OpenMode::replace);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->append("half a file", "test"));
  open();
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_THAT(rows(0), ElementsAre("a=1"));
}

TEST_F(TaskDatabaseTest, refuses_the_rows_of_a_store_that_the_topology_does_not_have) {
  auto opened = try_open({"a"});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::invalid_config);
  EXPECT_THAT(opened.error().message(), HasSubstr("holds store \"b\", which the topology does not have"));
}

TEST_P(TaskDatabaseWrites, a_position_may_be_of_input_offsets_instead) {
  auto written = update(0, 0, {"k=v"});
  written.rows.position = {};
  written.rows.position.inputs = {{{"orders", 3}, 17}, {{"a topic", 0}, 0}};
  ASSERT_TRUE(write({written}));
  open();
  ASSERT_TRUE(database->position(0));
  EXPECT_EQ(database->position(0)->inputs, written.rows.position.inputs);
  EXPECT_EQ(database->position(0)->topic, TopicId{});
  EXPECT_THAT(rows(0), ElementsAre("k=v"));
}

TEST_F(TaskDatabaseTest, is_held_by_one_process_at_a_time) {
  auto second = TaskDatabase::open(real_env(), dir_, {"a", "b"}, make_database_memory(8 << 20));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kafka_storage_error);
}

}  // namespace
}  // namespace millrace
