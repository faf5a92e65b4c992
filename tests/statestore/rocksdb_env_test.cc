// A task's database on the simulated disk: killed and cut off at every operation, its syncs taken away.
#include "millrace/statestore/rocksdb/rocksdb_env.h"

#include <gmock/gmock.h>
#include <rocksdb/file_system.h>

#include <functional>
#include <map>

#include "millrace/base/log.h"
#include "millrace/base/sim/sim_env.h"
#include "millrace/statestore/rocksdb/task_database.h"
#include "millrace/statestore/store_error.h"

namespace millrace {
namespace {

using sim::Side;
using sim::SimEnv;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int keys = 20;

TaskDatabase::Update update(std::size_t store, int version) {
  TaskDatabase::Update u{store, {}};
  for (int k = 0; k < keys; ++k) u.rows.add("key" + std::to_string(100 + k), "value " + std::to_string(version));
  u.rows.position.topic = {1, 2};
  u.rows.position.next_offset = version;
  return u;
}

Result<std::unique_ptr<TaskDatabase>> open(SimEnv& env) {
  return TaskDatabase::open(env, "/state/0_0/rocksdb", {"a", "b"}, make_database_memory(8 << 20));
}

using Write = Result<> (TaskDatabase::*)(const std::vector<TaskDatabase::Update>&);

// Opens, writes checkpoints 1 to 6, closes. Returns the last one that was reported durable.
int write_six(SimEnv& env, Write write = &TaskDatabase::insert) {
  auto database = open(env);
  if (!database) return 0;
  for (int version = 1; version <= 6; ++version)
    if (!((**database).*write)({update(0, version), update(1, version)})) return version - 1;
  return 6;
}

// The same, by turns one way and the other, and opened anew after each two.
int write_six_both_ways(SimEnv& env) {
  for (int version = 1; version <= 6; version += 2) {
    auto database = open(env);
    if (!database || !(*database)->ingest({update(0, version), update(1, version)})) return version - 1;
    if (!(*database)->insert({update(0, version + 1), update(1, version + 1)})) return version;
  }
  return 6;
}

// Which checkpoint both stores hold, whole; -1: none that was ever written.
int version_of(TaskDatabase& database) {
  int version = -1;
  for (std::size_t store = 0; store < 2; ++store) {
    auto position = database.position(store);
    const int at = position ? static_cast<int>(position->next_offset) : 0;
    if (store > 0 && at != version) return -1;
    version = at;
    auto rows = database.rows(store)->scan({}, {}, true);
    int count = 0;
    for (; rows->next(); ++count)
      if (Bytes(rows->value()) != "value " + std::to_string(version)) return -1;
    if (count != (version > 0 ? keys : 0)) return -1;
  }
  return version;
}

class TaskDatabaseInSimulation : public ::testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::off); }  // RocksDB tells of every operation that a dead node refuses
  void TearDown() override { set_log_level(LogLevel::warn); }
};

void cut_the_power_at_every_operation(const std::function<int(SimEnv&)>& write_all) {
  SimEnv whole(1);
  ASSERT_EQ(write_all(whole), 6);
  const std::uint64_t operations = whole.faults().operations();
  ASSERT_GT(operations, 100u);
  for (std::uint64_t at = 1; at <= operations; ++at) {
    SimEnv env(at);
    env.faults().kill_operation(at, at % 2 ? Side::before : Side::after);
    const int reported = write_all(env);
    env.power_cut();
    env.faults().clear();
    env.reboot();
    auto database = open(env);
    ASSERT_TRUE(database) << "operation " << at << ": " << database.error().text();
    const int version = version_of(**database);
    ASSERT_TRUE(version == reported || version == reported + 1)
        << "operation " << at << ": " << version << " after " << reported;
    ASSERT_FALSE(env.files().exists("/state/0_0/rocksdb/ingest"));
    ASSERT_TRUE((*database)->insert({update(0, version + 1), update(1, version + 1)}));
    ASSERT_EQ(version_of(**database), version + 1) << "operation " << at << ": an older row covers a newer one";
    ASSERT_TRUE((*database)->ingest({update(0, version + 2), update(1, version + 2)}));
    ASSERT_EQ(version_of(**database), version + 2) << "operation " << at << ": an older row covers a newer one";
  }
}

TEST_F(TaskDatabaseInSimulation, holds_the_last_checkpoint_or_the_one_under_way_after_a_power_cut_at_every_operation) {
  cut_the_power_at_every_operation([](SimEnv& env) { return write_six(env, &TaskDatabase::insert); });
}

TEST_F(TaskDatabaseInSimulation, holds_the_last_ingestion_or_the_one_under_way_after_a_power_cut_at_every_operation) {
  cut_the_power_at_every_operation([](SimEnv& env) { return write_six(env, &TaskDatabase::ingest); });
}

TEST_F(TaskDatabaseInSimulation, holds_the_last_of_checkpoints_written_both_ways_after_a_power_cut_at_every_operation) {
  cut_the_power_at_every_operation(write_six_both_ways);
}

// The process lives on after it and closes in good order; the next one finds what the kernel's cache has, and is cut
// off.
void fail_at_every_second_operation(std::uint64_t first) {
  SimEnv whole(1);
  ASSERT_EQ(write_six_both_ways(whole), 6);
  for (std::uint64_t at = first; at <= whole.faults().operations(); at += 2) {
    SimEnv env(at);
    env.faults().fail_operation(at);
    const int reported = write_six_both_ways(env);
    env.faults().clear();
    env.kill();
    env.reboot();
    int version = 0;
    {
      auto database = open(env);
      ASSERT_TRUE(database) << "operation " << at << ": " << database.error().text();
      version = version_of(**database);
      ASSERT_TRUE(version == reported || version == reported + 1)
          << "operation " << at << ": " << version << " after " << reported;
    }
    env.power_cut();
    env.reboot();
    auto database = open(env);
    ASSERT_TRUE(database) << "operation " << at << ": " << database.error().text();
    ASSERT_EQ(version_of(**database), version) << "operation " << at;
  }
}

TEST_F(TaskDatabaseInSimulation, holds_the_last_checkpoint_or_the_one_under_way_after_a_failure_at_each_odd_operation) {
  fail_at_every_second_operation(1);
}

TEST_F(TaskDatabaseInSimulation,
       holds_the_last_checkpoint_or_the_one_under_way_after_a_failure_at_each_even_operation) {
  fail_at_every_second_operation(2);
}

// Whether some power cut after a reported checkpoint loses or tears it.
bool is_caught_lying_about(std::string_view site, Write write = &TaskDatabase::insert) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SimEnv env(seed);
    env.faults().lie_about(site);
    const int reported = write_six(env, write);
    env.power_cut();
    env.faults().clear();
    env.reboot();
    auto database = open(env);
    if (!database || version_of(**database) != reported) return true;
  }
  return false;
}

TEST_F(TaskDatabaseInSimulation, loses_a_checkpoint_where_a_sync_is_a_lie) {
  EXPECT_TRUE(is_caught_lying_about("rocksdb.sst.sync"));
  EXPECT_TRUE(is_caught_lying_about("rocksdb.manifest.sync"));
  EXPECT_TRUE(is_caught_lying_about("rocksdb.directory.sync"));
  EXPECT_FALSE(is_caught_lying_about("no.such.site"));
}

TEST_F(TaskDatabaseInSimulation, loses_an_ingestion_where_a_sync_is_a_lie) {
  EXPECT_TRUE(is_caught_lying_about("rocksdb.sst.sync", &TaskDatabase::ingest));
  EXPECT_TRUE(is_caught_lying_about("rocksdb.manifest.sync", &TaskDatabase::ingest));
  EXPECT_TRUE(is_caught_lying_about("rocksdb.directory.sync", &TaskDatabase::ingest));
  EXPECT_FALSE(is_caught_lying_about("no.such.site", &TaskDatabase::ingest));
}

// RocksDB names the new manifest in CURRENT when it opens.
TEST_F(TaskDatabaseInSimulation, opens_no_more_where_the_sync_before_a_rename_is_a_lie) {
  auto opens_after_all_cuts = [](std::string_view lie) {
    for (std::uint64_t pass = 1; pass <= 3; ++pass)
      for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SimEnv env(seed);
        write_six(env);
        env.faults().lie_about(lie);
        env.faults().kill("rocksdb.rename", Side::after, pass);
        (void)open(env);
        env.power_cut();
        env.faults().clear();
        env.reboot();
        if (!open(env)) return false;
      }
    return true;
  };
  EXPECT_TRUE(opens_after_all_cuts("no.such.site"));
  EXPECT_FALSE(opens_after_all_cuts("rocksdb.rename.directory.sync"));
}

TEST_F(TaskDatabaseInSimulation, does_the_same_operations_in_two_runs_of_a_seed) {
  SimEnv first(7), second(7);
  write_six_both_ways(first);
  write_six_both_ways(second);
  EXPECT_EQ(first.faults().operations(), second.faults().operations());
  EXPECT_EQ(first.faults().passes(), second.faults().passes());
  EXPECT_EQ(first.clock().now(), second.clock().now());
}

// RocksDB holds up nobody who ingests, however far its compactions are behind: that would end in a thousand files.
TEST_F(TaskDatabaseInSimulation, goes_through_the_memtable_while_too_many_files_wait_for_a_compaction) {
  SimEnv env(1);
  auto database = open(env);
  ASSERT_TRUE(database);
  auto passes = [&](const char* site) {
    auto found = env.faults().passes().find(site);
    return found == env.faults().passes().end() ? 0 : found->second;
  };
  bool was_full = false, was_compacted = false;
  for (int version = 1; version <= 30; ++version) {
    const auto files = (*database)->files_at_level_0(0);
    const auto ingested_before = passes("checkpoint.ingest.before");
    ASSERT_TRUE((*database)->write({update(0, version), update(1, version)}));
    EXPECT_EQ(passes("checkpoint.ingest.before") - ingested_before, files < 2) << version << ", " << files << " files";
    EXPECT_EQ(version_of(**database), version);
    was_full |= files >= 2;
    was_compacted |= was_full && files == 0;
  }
  EXPECT_TRUE(was_full);
  EXPECT_TRUE(was_compacted);
}

void fail_a_sync(Write write, std::string_view site, std::uint64_t pass) {
  SimEnv env(1);
  {
    auto database = open(env);
    ASSERT_TRUE(database);
    ASSERT_TRUE(((**database).*write)({update(0, 1), update(1, 1)}));
    env.faults().fail(site, pass);
    auto failed = ((**database).*write)({update(0, 2), update(1, 2)});
    ASSERT_FALSE(failed) << site << " " << pass;
    EXPECT_EQ(failed.error().code(), ErrorCode::kafka_storage_error);
    EXPECT_EQ((*database)->position(0)->next_offset, 1);
  }
  env.power_cut();
  env.reboot();
  auto database = open(env);
  ASSERT_TRUE(database) << database.error().text();
  EXPECT_EQ(version_of(**database), 1) << site << " " << pass;
}

TEST_F(TaskDatabaseInSimulation, reports_a_failed_sync_and_keeps_the_checkpoint_before) {
  fail_a_sync(&TaskDatabase::insert, "rocksdb.sst.sync", 1);
  // Of each of three files once where it is made and once where the database takes it in.
  for (std::uint64_t pass = 1; pass <= 6; ++pass) fail_a_sync(&TaskDatabase::ingest, "rocksdb.sst.sync", pass);
  fail_a_sync(&TaskDatabase::ingest, "rocksdb.link", 2);
}

// ---------------------------------------------------------------- what counts as a failure

TEST_F(TaskDatabaseInSimulation, writes_checkpoints_after_a_look_up_and_a_scan_that_have_failed_once) {
  SimEnv env(1);
  {
    auto database = open(env);
    ASSERT_TRUE(database);
    ASSERT_TRUE((*database)->insert({update(0, 1), update(1, 1)}));
  }
  auto database = open(env);  // nothing is in memory any more
  ASSERT_TRUE(database);
  std::string value;
  env.faults().fail("read");
  EXPECT_FALSE((*database)->rows(0)->get("key100", value));
  env.faults().fail("read");
  EXPECT_THROW((*database)->rows(1)->scan({}, {}, true)->next(), StoreError);
  EXPECT_EQ(version_of(**database), 1);
  auto inserted = (*database)->insert({update(0, 2), update(1, 2)});
  ASSERT_TRUE(inserted) << inserted.error().text();
  ASSERT_TRUE((*database)->ingest({update(0, 3), update(1, 3)}));
  EXPECT_EQ(version_of(**database), 3);
}

TEST_F(TaskDatabaseInSimulation, keeps_a_store_whose_last_row_cannot_be_read_for_clear) {
  SimEnv env(1);
  {
    auto database = open(env);
    ASSERT_TRUE(database);
    ASSERT_TRUE((*database)->insert({update(0, 1), update(1, 1)}));
  }
  auto database = open(env);
  ASSERT_TRUE(database);
  env.faults().fail("read");
  EXPECT_FALSE((*database)->clear(0));
  EXPECT_EQ(version_of(**database), 1);
  auto cleared = (*database)->clear(0);
  ASSERT_TRUE(cleared) << cleared.error().text();
  EXPECT_FALSE((*database)->rows(0)->scan({}, {}, true)->next());
}

// "key101 key102", in the order of the scan.
std::string keys_of(TaskDatabase& database, bool ascending) {
  std::string all;
  auto rows = database.rows(0)->scan({}, {}, ascending);
  while (rows->next()) all += (all.empty() ? "" : " ") + Bytes(rows->key());
  return all;
}

// RocksDB forgets an error when a range deletion makes its iterator seek anew.
TEST_F(TaskDatabaseInSimulation, scans_all_rows_or_fails_whichever_read_fails_beside_a_range_deletion) {
  SimEnv env(1);
  {
    auto database = open(env);
    ASSERT_TRUE(database);
    ASSERT_TRUE((*database)->ingest({update(0, 1)}));
    TaskDatabase::Update second{0, {}};
    second.rows.expired_below = Bytes("key110");
    second.rows.add("key120", "new");
    ASSERT_TRUE((*database)->ingest({second}));
  }
  for (const bool ascending : {true, false}) {
    const std::string all = keys_of(**open(env), ascending);
    ASSERT_EQ(all.size(), 11 * std::string("key110 ").size() - 1);
    int failed = 0;
    for (std::uint64_t at = 1; failed + 1 == static_cast<int>(at); ++at) {
      auto database = open(env);
      ASSERT_TRUE(database);
      env.faults().fail("read", at);
      try {
        ASSERT_EQ(keys_of(**database, ascending), all) << "read " << at;
      } catch (const StoreError& e) {
        EXPECT_THAT(e.what(), HasSubstr("cannot read /state/0_0"));
        ++failed;
      }
      env.faults().clear();
    }
    EXPECT_GE(failed, 2);
  }
}

TEST_F(TaskDatabaseInSimulation, names_what_failed_first_when_it_refuses_a_checkpoint) {
  SimEnv env(1);
  auto database = open(env);
  ASSERT_TRUE(database);
  env.faults().fail("read");  // of a file that is taken in
  ASSERT_FALSE((*database)->ingest({update(0, 1), update(1, 1)}));
  for (Write write : {&TaskDatabase::insert, &TaskDatabase::ingest}) {
    auto refused = ((**database).*write)({update(0, 2), update(1, 2)});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), AllOf(HasSubstr("earlier failure"), HasSubstr("cannot read /state/0_0"),
                                                 HasSubstr("Input/output error (simulated)")));
  }
}

TEST_F(TaskDatabaseInSimulation, makes_and_empties_no_file_once_a_call_has_failed) {
  SimEnv env(1);
  ASSERT_TRUE(env.files().make_directories("/state"));
  auto files = make_rocksdb_env(env, "/state/ingest")->GetFileSystem();
  std::unique_ptr<rocksdb::FSWritableFile> file;
  ASSERT_TRUE(files->NewWritableFile("/state/1.sst", {}, &file, nullptr).ok());
  ASSERT_TRUE(file->Append("row", {}, nullptr).ok());
  env.faults().fail("rocksdb.sst.sync");
  EXPECT_FALSE(file->Sync({}, nullptr).ok());
  EXPECT_FALSE(files->NewWritableFile("/state/1.sst", {}, &file, nullptr).ok());
  EXPECT_FALSE(files->NewWritableFile("/state/2.sst", {}, &file, nullptr).ok());
  EXPECT_FALSE(files->ReopenWritableFile("/state/3.sst", {}, &file, nullptr).ok());
  EXPECT_EQ(env.files().list("/state").value(), std::vector<std::string>{"1.sst"});
  EXPECT_EQ(env.files().read_file("/state/1.sst").value(), "row");
}

using Content = std::map<std::string, std::string>;

// Replaces, deletes, and every third time lets expire; `content` becomes what the store holds then.
TaskDatabase::Update churn(int version, Content& content) {
  const auto key = [](int k) { return "key" + std::to_string(1000 + k); };
  TaskDatabase::Update u{0, {}};
  u.rows.position.topic = {1, 2};
  u.rows.position.next_offset = version;
  if (version % 3 == 0) {
    u.rows.expired_below = Bytes(key(version * 4));
    content.erase(content.begin(), content.lower_bound(key(version * 4)));
  }
  for (int k = version * 4; k < version * 4 + keys; ++k) {
    const bool is_deleted = (k + version) % 5 == 0;
    u.rows.add(key(k), "value " + std::to_string(version), is_deleted);
    is_deleted ? void(content.erase(key(k))) : void(content[key(k)] = "value " + std::to_string(version));
  }
  return u;
}

Content content_of(TaskDatabase& database) {
  Content content;
  auto rows = database.rows(0)->scan({}, {}, true);
  while (rows->next()) content[std::string(rows->key())] = std::string(rows->value());
  return content;
}

// Look-ups, ingestions, flushes and compactions, opened anew in the middle.
TEST_F(TaskDatabaseInSimulation, enters_nothing_that_rests_on_a_failed_read_whichever_read_fails) {
  std::vector<Content> contents(1);
  std::vector<TaskDatabase::Update> updates;
  for (int version = 1; version <= 12; ++version) {
    contents.push_back(contents.back());
    updates.push_back(churn(version, contents.back()));
  }
  bool has_failed = true;
  for (std::uint64_t at = 1; has_failed; ++at) {
    SimEnv env(at);
    env.faults().fail("read", at);
    std::size_t reported = 0;
    for (std::size_t until : {6, 12}) {
      auto database = open(env);
      while (database && reported < until) {
        auto write = reported % 2 ? &TaskDatabase::ingest : &TaskDatabase::insert;
        if (!((**database).*write)({updates[reported]})) break;
        ++reported;
        try {
          ASSERT_EQ(content_of(**database), contents[reported]) << "read " << at;
        } catch (const StoreError&) {
        }
      }
      if (reported < until) break;
    }
    has_failed = env.faults().passes().at("read") >= at;
    env.faults().clear();
    env.power_cut();
    env.reboot();
    auto database = open(env);
    ASSERT_TRUE(database) << "read " << at << ": " << database.error().text();
    const auto position = (*database)->position(0);
    const std::size_t version = position ? static_cast<std::size_t>(position->next_offset) : 0;
    ASSERT_TRUE(version == reported || version == reported + 1) << "read " << at;
    ASSERT_EQ(content_of(**database), contents[version]) << "read " << at;
  }
}

}  // namespace
}  // namespace millrace
