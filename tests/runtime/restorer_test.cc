// A store that comes back from its changelog, on the real runtime over the embedded log: long and short ones, by
// however many threads.
#include "millrace/runtime/restorer.h"

#include <atomic>

#include "millrace/base/murmur2.h"
#include "tests/runtime/embedded_app.h"
#include "tests/runtime/metric_value.h"
#include "tests/runtime/recorded_output.h"
#include "tests/runtime/scripted_log.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

constexpr Topic<std::string, std::string> in{"in"};
constexpr Topic<std::string, std::int64_t> numbers{"in"}, counts{"counts"};
constexpr const char* changelog = "app-rows-changelog";
constexpr int many = 60'000;  // rows: the changelog is long, and its rows go in as files

const ConfigValues no_caches{{"statestore.cache.max.bytes", "0"}, {"state.value.cache.max.bytes", "0"}};

std::string key_of(int i) { return "k" + std::to_string(i); }

void table(StreamsBuilder& builder) { builder.table(in, {.as = "rows"}); }

class RestorerTest : public EmbeddedAppOnDisk {
 protected:
  // The changelog of the table's store, as another process would have left it. No value: a tombstone.
  using Update = std::pair<std::string, std::optional<std::string>>;
  void create_tables(int partitions) {
    create("in", partitions);
    auto made = log_->admin().create_topic({changelog, partitions, {{"cleanup.policy", "compact"}}});
    ASSERT_TRUE(made) << made.error().text();
  }
  void log(const std::vector<Update>& updates, int partitions = 1) {
    auto producer = log_->make_producer({});
    ASSERT_TRUE(producer);
    std::vector<RecordBatchBuilder> batches(static_cast<std::size_t>(partitions));
    auto send = [&](std::size_t p) {
      ASSERT_TRUE((*producer)->append({changelog, static_cast<PartitionId>(p)}, batches[p]));
      batches[p].clear();
    };
    for (const auto& [key, value] : updates) {
      const auto p = static_cast<std::size_t>(partition_for_key(key, partitions));
      batches[p].append({1000}, BytesView(key), value ? BytesView(*value) : BytesView());
      if (batches[p].size() > 100'000) send(p);
    }
    for (std::size_t p = 0; p < batches.size(); ++p)
      if (!batches[p].empty()) send(p);
  }
  static std::optional<std::string> found(const Streams& streams, const std::string& key) {
    std::optional<std::string> result;
    auto asked = streams.query("rows", key, [&](ValueAndTimestamp value) {
      if (value) result = *static_cast<const std::string*>(value.value);
    });
    EXPECT_TRUE(asked) << asked.error().text();
    return result;
  }
  static double restores(const Streams& streams, const std::string& reason) {
    return metric_value(streams, "restore-metrics", "restores-total", {{"reason", reason}});
  }
};

TEST_F(RestorerTest, every_task_is_restored_with_more_and_with_fewer_threads_than_tasks_and_by_default) {
  create_tables(5);
  std::vector<Update> updates;
  for (int i = 0; i < 200; ++i) updates.push_back({key_of(i), "v" + std::to_string(i)});
  log(updates, 5);
  for (const char* threads : {"", "1", "2", "5", "64"}) {
    std::filesystem::remove_all(dir_ / "state");
    ConfigValues config;
    if (*threads) config["num.stream.threads"] = threads;
    auto streams = app(table, config);
    auto started = streams->start();
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_EQ(restores(*streams, "new"), 5) << threads;
    for (const auto& [key, value] : updates) EXPECT_EQ(found(*streams, key), value) << threads;
    ASSERT_TRUE(streams->close());
  }
}

// In pieces: each overlays the one before, and what a piece deletes may be in an earlier one.
TEST_F(RestorerTest, of_a_long_changelog_the_last_word_on_each_key_counts_and_is_in_the_checkpoint) {
  create_tables(1);
  std::vector<Update> updates;
  std::map<std::string, std::optional<std::string>> expected;
  auto update = [&](int i, std::optional<std::string> value) {
    expected[key_of(i)] = value;
    updates.push_back({key_of(i), std::move(value)});
  };
  for (int i = 0; i < many; ++i) update(i, "first " + std::to_string(i));
  for (int i = 0; i < many; i += 2) update(i, std::nullopt);
  for (int i = 0; i < many; i += 4) update(i, "second " + std::to_string(i));
  for (int i = 0; i < many; i += 8) update(i, std::nullopt);
  for (int i = 0; i < many; i += 16) update(i, i % 32 ? "" : "third");
  log(updates);
  ConfigValues config = no_caches;
  config["state.memory.bytes"] = "16777216";
  for (const char* reason : {"new", "checkpoint"}) {
    auto streams = app(table, config);
    auto started = streams->start();
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_EQ(restores(*streams, reason), 1);
    for (int i = 0; i < many; i += 7) ASSERT_EQ(found(*streams, key_of(i)), expected[key_of(i)]) << key_of(i);
    for (int i = 0; i < 64; ++i) ASSERT_EQ(found(*streams, key_of(i)), expected[key_of(i)]) << key_of(i);
    ASSERT_TRUE(streams->close());
  }
}

TEST_F(RestorerTest, a_compressed_changelog_of_large_values_comes_back_too) {
  create_tables(1);
  std::vector<Update> updates;
  for (int i = 0; i < 400; ++i)
    updates.push_back({key_of(i % 300), std::string(90'000, static_cast<char>('a' + i % 26))});
  auto producer = log_->make_producer({.compression = Compression::zstd});
  ASSERT_TRUE(producer);
  for (const auto& [key, value] : updates) {
    ProducerRecord record{changelog, 0, Bytes(key), Bytes(*value), Timestamp{1000}, {}};
    ASSERT_TRUE((*producer)->send(std::move(record), {}));
  }
  ASSERT_TRUE((*producer)->flush());
  ConfigValues config = no_caches;
  config["state.memory.bytes"] = "16777216";
  auto streams = app(table, config);
  auto started = streams->start();
  ASSERT_TRUE(started) << started.error().text();
  for (int i = 100; i < 400; ++i)
    ASSERT_EQ(found(*streams, key_of(i % 300)), updates[static_cast<std::size_t>(i)].second);
  EXPECT_TRUE(streams->close());
}

TEST_F(RestorerTest, windows_that_came_back_by_files_go_on_where_they_were) {
  create("in");
  auto windowed = [](StreamsBuilder& builder) {
    builder.stream(in)
        .group_by_key()
        .windowed_by(TimeWindows{.size = 1h, .grace = 1h})
        .count({.as = "rows"})
        .to_stream()
        .map([](const Windowed<std::string>& w, std::int64_t n) {
          return KeyValue{w.key + "@" + std::to_string(w.window.start.ms / 3'600'000), n};
        })
        .to(counts);
  };
  create("counts");
  auto producer = log_->make_producer({});
  RecordBatchBuilder batch;
  for (int i = 0; i < many; ++i) {
    batch.append({i % 2 * 3'600'000}, BytesView(key_of(i)), BytesView("v"));
    if (batch.size() < 100'000 && i + 1 < many) continue;
    ASSERT_TRUE((*producer)->append({"in", 0}, batch));
    batch.clear();
  }
  ASSERT_TRUE(run(windowed));
  std::filesystem::remove_all(dir_ / "state");
  std::vector<Sent> more;
  for (int i = 0; i < 100; ++i) more.push_back({"in", key_of(i), "v", {i % 2 * 3'600'000}});
  send(more);
  ASSERT_TRUE(run(windowed, no_caches));
  std::map<std::string, std::int64_t> last;
  for (const ConsumedRecord& r : records("counts")) last[*r.key] = from_big_endian<std::int64_t>(r.value->data());
  EXPECT_EQ(last.size(), static_cast<std::size_t>(many));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(last[key_of(i) + "@" + std::to_string(i % 2)], i < 100 ? 2 : 1) << i;
}

// Rows stay on disk as long as their segment does.
TEST_F(RestorerTest, windows_that_had_expired_are_hidden_after_they_came_back_by_files) {
  create("in");
  auto windowed = [](StreamsBuilder& builder) {
    builder.stream(in).group_by_key().windowed_by(TimeWindows{.size = 1h, .grace = 0h}).count({.as = "rows"});
  };
  auto producer = log_->make_producer({});
  RecordBatchBuilder batch;
  for (int i = 0; i < many; ++i) {
    batch.append({i + 1 < many ? 0 : 3'600'000}, BytesView(key_of(i)), BytesView("v"));
    if (batch.size() < 100'000 && i + 1 < many) continue;
    ASSERT_TRUE((*producer)->append({"in", 0}, batch));
    batch.clear();
  }
  ASSERT_TRUE(run(windowed));
  std::filesystem::remove_all(dir_ / "state");
  auto streams = app(windowed, {});
  ASSERT_TRUE(streams->start());
  for (const auto& [key, start_ms, is_there] : {std::tuple(key_of(0), 0, false), {key_of(many - 1), 3'600'000, true}}) {
    bool found = !is_there;
    ASSERT_TRUE(streams->query("rows", key, Timestamp{start_ms}, [&](ValueAndTimestamp v) { found = bool(v); }));
    EXPECT_EQ(found, is_there) << key;
  }
  ASSERT_TRUE(streams->close());
}

std::atomic<int> failures_left{0};

TEST_F(RestorerTest, what_came_back_by_files_is_there_after_a_redo) {
  create("in");
  create("counts");
  auto counted = [](StreamsBuilder& builder) {
    builder.stream(in)
        .map_values([](const std::string& value) {
          if (value == "poison" && failures_left.fetch_sub(1) > 0) throw std::runtime_error("cannot digest it");
          return value;
        })
        .group_by_key()
        .count({.as = "rows"})
        .to_stream()
        .to(counts);
  };
  std::vector<Sent> once;
  for (int i = 0; i < many; ++i) once.push_back({"in", key_of(i), "v"});
  send(once);
  ASSERT_TRUE(run(counted));
  std::filesystem::remove_all(dir_ / "state");
  send({{"in", key_of(1), "v"}, {"in", key_of(2), "poison"}, {"in", key_of(3), "v"}});
  failures_left = 2;
  auto streams = app(counted, no_caches);
  streams->set_uncaught_exception_handler([](const Error&) { return StreamThreadExceptionResponse::replace_thread; });
  ASSERT_TRUE(streams->start());
  EXPECT_EQ(restores(*streams, "new"), 1);
  ASSERT_TRUE(streams->run_until_end_of_input());
  EXPECT_EQ(restores(*streams, "checkpoint"), 2);
  ASSERT_TRUE(streams->close());
  std::map<std::string, std::int64_t> last;
  for (const ConsumedRecord& r : records("counts")) last[*r.key] = from_big_endian<std::int64_t>(r.value->data());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(last[key_of(i)], i >= 1 && i <= 3 ? 2 : 1) << i;
}

// A log as a test wants it, and a task with one store.
class ScriptedRestore : public ::testing::Test {
 protected:
  ScriptedRestore() {
    StreamsBuilder builder;
    table(builder);
    topology_ = builder.build();
    settings_.application_id = "app";
    log_.create(changelog);
  }
  Result<Restored> restore(TaskDatabase* database) {
    Task task({0, 0}, topology_, {0}, settings_, output_, {},
              [&](const StoreSpec&) { return database ? database->rows(0) : nullptr; });
    Restorer restorer(real_env(), log_, log_, true, 1 << 20);
    return restorer.restore(task, task.stores().at(0), database, 0, {});
  }
  const TopicPartition partition_{changelog, 0};
  ScriptedLog log_;
  Topology topology_;
  RecordedOutput output_;
  TaskSettings settings_;
};

TEST_F(ScriptedRestore, a_changelog_whose_end_was_compacted_away_is_whole) {
  log_.put(partition_, {{"a", "1"}});
  log_.at(partition_).end +=
      6;  // an aborted transaction and its marker, behind which the log has begun another segment
  auto restored = restore(nullptr);
  ASSERT_TRUE(restored) << restored.error().text();
  EXPECT_EQ(restored->records, 1);
}

class ScriptedRestoreOnDisk : public ScriptedRestore {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer does not know Debian's RocksDB";
#endif
    auto database = TaskDatabase::open(real_env(), directory_, {"rows"}, make_database_memory(8 << 20));
    ASSERT_TRUE(database) << database.error().text();
    database_ = *std::move(database);
  }
  ~ScriptedRestoreOnDisk() override {
    database_.reset();
    std::filesystem::remove_all(directory_);
  }
  // So long that its rows are written.
  void log_much(LeaderEpoch epoch) {
    for (int i = 0; i < 30; ++i)
      log_.put(partition_, {{key_of(i), std::string(100'000, 'v')}}, {.leader_epoch = epoch});
  }
  std::unique_ptr<TaskDatabase> database_;

 private:
  const std::string directory_ =
      std::filesystem::temp_directory_path() / ("millrace-restore-" + std::to_string(real_env().random().next()));
};

TEST_F(ScriptedRestoreOnDisk, the_checkpoint_that_it_writes_stands_behind_the_last_batch_that_it_holds) {
  log_much(3);
  log_.put_marker(partition_, ControlType::abort, 9);  // of a later epoch, as a restarted broker writes it
  auto restored = restore(database_.get());
  ASSERT_TRUE(restored) << restored.error().text();
  ASSERT_TRUE(database_->position(0));
  EXPECT_EQ(database_->position(0)->next_offset, 30);
  EXPECT_EQ(database_->position(0)->leader_epoch, 3);
}

// Else tombstones that are not read when it stops halfway might be gone before its position is too old.
TEST_F(ScriptedRestoreOnDisk, the_checkpoint_that_it_writes_is_as_old_as_the_one_that_it_goes_on_from) {
  log_.epoch_end = 60;
  log_much(0);
  ASSERT_TRUE(restore(database_.get()));
  auto position = database_->position(0);
  ASSERT_TRUE(position);
  position->written = {real_env().clock().now().ms - 3'600'000};
  TaskDatabase::Update update{0, {}};
  update.rows.position = *position;
  ASSERT_TRUE(database_->write({update}));
  log_much(0);
  auto restored = restore(database_.get());
  ASSERT_TRUE(restored) << restored.error().text();
  EXPECT_EQ(restored->reason, RestoreReason::checkpoint);
  EXPECT_EQ(database_->position(0)->next_offset, 60);
  EXPECT_EQ(database_->position(0)->written, position->written);
}

TEST_F(RestorerTest, a_checkpoint_of_a_leader_epoch_that_the_changelog_does_not_have_is_not_trusted) {
  create_tables(1);
  log({{"a", "1"}, {"b", "2"}});
  ASSERT_TRUE(run(table));
  const std::string directory = dir_ / "state" / "app" / "0_0";
  auto next = [&](LeaderEpoch epoch, Offset offset) {  // as if it had been written by a leader that was lost
    auto database = TaskDatabase::open(real_env(), directory, {"rows"}, make_database_memory(8 << 20));
    ASSERT_TRUE(database) << database.error().text();
    auto position = (*database)->position(0);
    ASSERT_TRUE(position);
    EXPECT_EQ(position->leader_epoch, 0);
    position->leader_epoch = epoch;
    position->next_offset = offset;
    TaskDatabase::Update update{0, {}};
    update.rows.position = *position;
    ASSERT_TRUE((*database)->write({update}));
  };
  for (LeaderEpoch epoch : {0, 9}) {
    next(epoch, 2);
    auto streams = app(table);
    ASSERT_TRUE(streams->start());
    EXPECT_EQ(restores(*streams, epoch == 0 ? "checkpoint" : "leader-epoch"), 1) << epoch;
    EXPECT_EQ(found(*streams, "b"), "2");
    ASSERT_TRUE(streams->close());
  }
}

TEST_F(RestorerTest, a_value_that_cannot_be_deserialised_is_an_error_that_names_the_task) {
  create_tables(2);
  log({{"a", "abc"}, {"b", "abc"}, {"c", "abc"}, {"d", "abc"}}, 2);  // no number has three bytes
  for (const char* threads : {"1", "2"}) {
    auto streams =
        app([](StreamsBuilder& builder) { builder.table(numbers, {.as = "rows"}); }, {{"num.stream.threads", threads}});
    auto started = streams->start();
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().text(), HasSubstr("task 0_0"));
  }
}

}  // namespace
}  // namespace millrace
