// Tables whose source topic is their changelog (topology.optimization=reuse.ktable.source.topics): they come back as
// they were when their input was committed, and not as the topic ends.
#include "millrace/runtime/source_changelog.h"

#include "millrace/runtime/restorer.h"
#include "tests/runtime/embedded_app.h"
#include "tests/runtime/recorded_output.h"
#include "tests/runtime/scripted_log.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr Topic<std::string, std::string> rows{"rows"}, asks{"asks"}, out{"out"};
constexpr Topic<std::string, std::int64_t> numbers{"rows"};

void table(StreamsBuilder& builder) { builder.table(rows, {.as = "rows"}); }

// What the table holds for each key that is asked for.
void ask(StreamsBuilder& builder) {
  auto known = builder.table(rows, {.as = "rows"});
  builder.stream(asks).join(known, [](const std::string&, const std::string& row) { return row; }).to(out);
}

// Writes other bytes than it reads: what a reader knows, and a copy of the topic's bytes would not.
struct Quoted {
  static void write(const std::string& text, Bytes& out) { out.append("\"" + text + "\""); }
  static Result<std::string> read(BytesView in) {
    if (in.size() < 2 || in.front() != '"') return Error("no quotes");
    return std::string(in.substr(1, in.size() - 2));
  }
};
constexpr Quoted quoted{};

// ---------------------------------------------------------------- a log as a test wants it

class ScriptedSource : public ::testing::Test {
 protected:
  ScriptedSource() {
    settings_.application_id = "app";
    log_.create("rows");
  }
  // The rows that a restore gives, "key=value@timestamp", in the order of keys.
  Result<std::string> restored(std::optional<Offset> committed, const TopologyFunction& topology = table) {
    StreamsBuilder builder;
    topology(builder);
    Topology built = builder.build({.reuse_source_topics = true});
    Task task({0, 0}, built, {0}, settings_, output_, {}, [](const StoreSpec&) { return nullptr; });
    Restorer restorer(real_env(), log_, log_, exactly_once_, 1 << 20);
    OffsetsToCommit offsets;
    if (committed) offsets[partition_] = {*committed, 0, ""};
    try {
      MR_ASSIGN(Restored result, restorer.restore(task, task.stores().at(0), nullptr, 0, offsets));
      records_ = result.records;
      leader_epoch_ = result.leader_epoch;
    } catch (const std::exception& e) {
      return Error(e.what());
    }
    std::string text;
    auto all = dynamic_cast<KeyValueStore&>(*task.stores().at(0).store).all(ScanOrder::ascending);
    const bool is_text = task.stores().at(0).spec->value.table->type == &value_type_of<std::string>;
    while (all->next()) {
      const void* value = all->value().value;
      text += (text.empty() ? "" : " ") + std::string(all->key()) + "=" +
              (is_text ? *static_cast<const std::string*>(value)
                       : std::to_string(*static_cast<const std::int64_t*>(value))) +
              "@" + std::to_string(all->value().timestamp.ms);
    }
    return text;
  }
  void expect_rows(std::optional<Offset> committed, const std::string& expected) {
    auto got = restored(committed);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(*got, expected);
  }
  const TopicPartition partition_{"rows", 0};
  ScriptedLog log_;
  RecordedOutput output_;
  TaskSettings settings_;
  bool exactly_once_ = true;
  std::int64_t records_ = 0;
  LeaderEpoch leader_epoch_ = -1;
};

TEST_F(ScriptedSource, is_taken_up_to_the_committed_offset_be_it_within_a_batch) {
  log_.put(partition_, {{"a", "1", 10}, {"b", "2", 20}, {"a", "3", 15}, {"b", std::nullopt, 30}});
  log_.put(partition_, {{"c", "5", 40}});
  expect_rows(std::nullopt, "");
  expect_rows(0, "");
  expect_rows(1, "a=1@10");
  expect_rows(2, "a=1@10 b=2@20");
  expect_rows(3, "a=3@15 b=2@20");
  expect_rows(4, "a=3@15");
  expect_rows(5, "a=3@15 c=5@40");
}

TEST_F(ScriptedSource, records_that_the_table_did_not_take_are_left_out) {
  log_.put(partition_, {{"a", "1", 10}, {std::nullopt, "2", 20}, {"a", "3", -1}});
  expect_rows(3, "a=1@10");
}

TEST_F(ScriptedSource, aborted_records_count_as_the_guarantee_has_it) {
  log_.put(partition_, {{"a", "1", 10}});
  log_.put(partition_, {{"a", "2", 20}, {"b", "2", 20}}, {.producer_id = 9, .transactional = true});
  log_.put_marker(partition_, ControlType::abort, 9);
  log_.at(partition_).aborted = {{9, 1}};
  expect_rows(4, "a=1@10");
  exactly_once_ = false;
  expect_rows(4, "a=2@20 b=2@20");
}

TEST_F(ScriptedSource, what_was_processed_undecided_is_not_guessed_at) {
  log_.put(partition_, {{"a", "1", 10}, {"b", "2", 20}});
  log_.at(partition_).undecided = 1;
  auto got = restored(2);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), ErrorCode::unstable_offset_commit);
  EXPECT_THAT(got.error().text(), AllOf(HasSubstr("rows-0: offset 2"), HasSubstr("from offset 1")));
}

TEST_F(ScriptedSource, whose_committed_end_was_compacted_away_is_whole) {
  log_.put(partition_, {{"a", "1", 10}});
  log_.at(partition_).end += 6;
  expect_rows(5, "a=1@10");
}

TEST_F(ScriptedSource, its_leader_epoch_is_that_of_the_committed_offset_and_not_of_what_is_behind_it) {
  log_.put(partition_, {{"a", "1", 10}}, {.leader_epoch = 3});
  log_.put(partition_, {{"a", "2", 20}}, {.leader_epoch = 5});
  log_.put_marker(partition_, ControlType::commit, 9);  // of epoch 0
  for (const auto& [committed, epoch] : std::map<Offset, LeaderEpoch>{{0, -1}, {1, 3}, {2, 5}, {3, 0}}) {
    ASSERT_TRUE(restored(committed));
    EXPECT_EQ(leader_epoch_, epoch) << committed;
  }
}

TEST_F(ScriptedSource, a_record_that_does_not_deserialise_goes_to_its_handler_and_none_behind_the_end_does) {
  auto of_numbers = [](StreamsBuilder& builder) { builder.table(numbers, {.as = "rows"}); };
  log_.put(partition_, {{"a", std::string(8, '\0'), 10}, {"b", "abc", 20}, {"b", std::nullopt, 20}});
  EXPECT_TRUE(restored(1, of_numbers)) << "the next one is no business of the restore";
  auto got = restored(3, of_numbers);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().text(), HasSubstr("topic rows, partition 0, offset 1: the value does not deserialise"));
  settings_.on_deserialization_error = OnError::skip;
  EXPECT_TRUE(restored(3, of_numbers));
}

TEST_F(ScriptedSource, comes_back_as_the_store_writes_it_where_the_store_has_serdes_of_its_own) {
  log_.put(partition_, {{"a", "1", 10}});
  auto got = restored(1, [](StreamsBuilder& b) { b.table(rows, {.as = "rows", .value_serde = quoted}); });
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(*got, "a=1@10");
  got = restored(1, [](StreamsBuilder& b) { b.table(rows, {.as = "rows", .key_serde = quoted}); });
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(*got, "\"a\"=1@10");
}

// ---------------------------------------------------------------- on a real disk

class SourceChangelogTest : public EmbeddedAppOnDisk, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    EmbeddedAppOnDisk::SetUp();
    if (IsSkipped()) return;
    for (const char* topic : {"rows", "asks", "out"}) create(topic);
  }
  ConfigValues config(ConfigValues more = {}) const {
    more["processing.guarantee"] = GetParam();
    more["topology.optimization"] = "reuse.ktable.source.topics";
    return more;
  }
  std::filesystem::path state() const { return dir_ / "state"; }
  std::string data() const { return dir_ / "data"; }
  void reopen_log() {
    auto log = make_log_client(real_env(), data(), {});
    ASSERT_TRUE(log) << log.error().text();
    log_ = *std::move(log);
  }
  // To the end of the input. Why the table was restored, and how many records that took.
  std::string run_to_end(const TopologyFunction& topology = ask, const ConfigValues& more = {}) {
    auto streams = app(topology, config(more));
    auto started = streams->start();
    EXPECT_TRUE(started) << started.error().text();
    if (!started) return "not started";
    auto ran = streams->run_until_end_of_input();
    EXPECT_TRUE(ran) << ran.error().text();
    std::string text;
    double read = 0;
    for (const MetricValue& m : streams->metrics()) {
      if (m.name.name == "restores-total" && m.value > 0) text += m.name.tags.at("reason");
      if (m.name.name == "restore-total") read += m.value;
    }
    auto closed = streams->close();
    EXPECT_TRUE(closed) << closed.error().text();
    return text + " " + std::to_string(static_cast<int>(read));
  }
  // Younger rows and older questions: the questions come first, and are answered from what came back.
  void send_rows_later(std::vector<std::pair<std::string, std::optional<std::string>>> updates) {
    std::vector<Sent> records;
    for (auto& [key, value] : updates) records.push_back({"rows", key, value, {900'000}});
    send(records);
  }
  void send_asks(const std::vector<std::string>& keys) {
    std::vector<Sent> records;
    for (const auto& key : keys) records.push_back({"asks", key, "?", {500'000}});
    send(records);
  }
  Offset committed() {
    auto groups = log_->admin().describe_groups();
    EXPECT_TRUE(groups);
    for (const GroupDescription& group : *groups)
      if (auto at = group.committed.find({"rows", 0}); at != group.committed.end()) return at->second.offset;
    return -1;
  }
  std::optional<StorePosition> position() {
    auto database = TaskDatabase::open(real_env(), state() / "app" / "0_0", {"rows"}, make_database_memory(8 << 20));
    EXPECT_TRUE(database) << database.error().text();
    return (*database)->position(0);
  }
};

TEST_P(SourceChangelogTest, a_table_whose_state_is_gone_comes_back_as_of_the_committed_input) {
  send({{"rows", "a", "1"}, {"rows", "b", "1"}, {"rows", "c", "1"}, {"rows", "b", std::nullopt}});
  EXPECT_EQ(run_to_end(), "new 0") << "the first start processes what is there";
  send_rows_later({{"a", "2"}, {"c", std::nullopt}, {"d", "1"}});
  send_asks({"a", "b", "c", "d"});
  std::filesystem::remove_all(state());
  EXPECT_EQ(run_to_end(), "new 4");
  EXPECT_EQ(text("out"), "a=1 c=1");
  send_asks({"a", "b", "c", "d"});
  EXPECT_EQ(run_to_end(), "checkpoint 0") << "nothing is read twice";
  EXPECT_EQ(text("out"), "a=1 c=1 a=2 d=1");
  auto topics = log_->admin().list_topics();
  ASSERT_TRUE(topics);
  for (const auto& topic : *topics) EXPECT_EQ(topic.name.find("app-"), std::string::npos) << topic.name;
}

TEST_P(SourceChangelogTest, a_table_in_memory_comes_back_as_of_the_committed_input_at_every_start) {
  const ConfigValues in_memory{{"dsl.store.suppliers.class", "in_memory"}};
  send({{"rows", "a", "1"}, {"rows", "b", "1"}, {"rows", "b", std::nullopt}});
  run_to_end(ask, in_memory);
  send_rows_later({{"a", "2"}, {"b", "2"}});
  send_asks({"a", "b"});
  EXPECT_EQ(run_to_end(ask, in_memory), "in-memory 3");
  EXPECT_EQ(text("out"), "a=1");
}

// As after a crash between a commit and the next checkpoint.
TEST_P(SourceChangelogTest, a_checkpoint_that_is_behind_the_committed_input_is_made_up_from_there) {
  send({{"rows", "a", "1"}, {"rows", "b", "1"}, {"rows", "c", "1"}});
  run_to_end();
  std::filesystem::copy(state(), dir_ / "older", std::filesystem::copy_options::recursive);
  send({{"rows", "a", "2"}, {"rows", "b", std::nullopt}});
  run_to_end();
  std::filesystem::remove_all(state());
  std::filesystem::rename(dir_ / "older", state());
  send_rows_later({{"a", "3"}});
  send_asks({"a", "b", "c"});
  EXPECT_EQ(run_to_end(), "checkpoint 2");
  EXPECT_EQ(text("out"), "a=2 c=1");
}

// As where a power cut took the commit (flush=os), or offsets were set back.
TEST_P(SourceChangelogTest, a_checkpoint_that_is_ahead_of_the_committed_input_is_not_trusted) {
  send({{"rows", "a", "1"}, {"rows", "b", "1"}});
  run_to_end();
  send_rows_later({{"a", "2"}, {"b", std::nullopt}});
  send_asks({"a", "b"});
  log_.reset();
  std::filesystem::copy(data(), dir_ / "older", std::filesystem::copy_options::recursive);
  reopen_log();
  run_to_end();
  EXPECT_EQ(text("out"), "a=1 b=1");
  log_.reset();
  std::filesystem::remove_all(data());
  std::filesystem::rename(dir_ / "older", data());
  reopen_log();
  EXPECT_EQ(run_to_end(), "beyond-committed 2");
  EXPECT_EQ(text("out"), "a=1 b=1");
}

TEST_P(SourceChangelogTest, the_checkpoint_stands_at_the_committed_offset_markers_and_aborted_records_included) {
  send({{"rows", "a", "1"}});
  run_to_end();
  ASSERT_TRUE(position());
  EXPECT_EQ(position()->next_offset, 1);
  send({{"rows", "a", "aborted"}, {"rows", "b", "aborted"}}, End::abort);
  send({{"rows", "c", "1"}}, End::commit);
  run_to_end();
  EXPECT_EQ(committed(), 6) << "a record, two and a marker, a record; the last marker may come later";
  ASSERT_TRUE(position());
  EXPECT_EQ(position()->next_offset, committed());
  send_asks({"a", "b", "c"});
  EXPECT_EQ(run_to_end(), "checkpoint 0");
  EXPECT_EQ(text("out"), GetParam() == "at_least_once" ? "a=aborted b=aborted c=1" : "a=1 c=1");
  std::filesystem::remove_all(state());
  send_asks({"a", "b", "c"});
  run_to_end();
  EXPECT_EQ(text("out"),
            GetParam() == "at_least_once" ? "a=aborted b=aborted c=1 a=aborted b=aborted c=1" : "a=1 c=1 a=1 c=1");
}

TEST_P(SourceChangelogTest, what_the_handler_skipped_is_not_there_after_a_restore_either) {
  const ConfigValues skip{{"deserialization.exception.handler", "continue"}};
  const auto asked = [](StreamsBuilder& builder) {
    auto known = builder.table(numbers, {.as = "rows"});
    builder.stream(asks).join(known, [](const std::string&, std::int64_t n) { return std::to_string(n % 7); }).to(out);
  };
  send({{"rows", "a", std::string(7, '\0') + "\x05"}, {"rows", "a", "abc"}, {"rows", "b", "abc"}});
  run_to_end(asked, skip);
  std::filesystem::remove_all(state());
  send_asks({"a", "b"});
  auto strict = app(asked, config());
  auto started = strict->start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().text(), AllOf(HasSubstr("task 0_0"), HasSubstr("offset 1: the value")));
  strict.reset();
  EXPECT_EQ(run_to_end(asked, skip), "new 3");
  EXPECT_EQ(text("out"), "a=5");
  EXPECT_EQ(dropped_, 0);
}

TEST_P(SourceChangelogTest, rows_stay_whose_records_are_gone_as_long_as_the_checkpoint_is_there) {
  send({{"rows", "a", "1"}});
  send({{"rows", "b", "1"}});
  run_to_end();
  log_.reset();
  reopen_log();  // which lets records be deleted
  ASSERT_TRUE(log_->admin().delete_records({"rows", 0}, 1));
  send_asks({"a", "b"});
  EXPECT_EQ(run_to_end(), "checkpoint 0");
  EXPECT_EQ(text("out"), "a=1 b=1");
  std::filesystem::remove_all(state());
  send_asks({"a", "b"});
  EXPECT_EQ(run_to_end(), "new 1");
  EXPECT_EQ(text("out"), "a=1 b=1 b=1");
}

TEST_P(SourceChangelogTest, the_way_back_to_a_changelog_that_was_never_written_is_refused) {
  send({{"rows", "a", "1"}});
  run_to_end();
  auto streams = app(ask, {{"processing.guarantee", GetParam()}});
  auto started = streams->start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().text(), AllOf(HasSubstr("store rows"), HasSubstr("topology.optimization")));
  streams.reset();
  send_asks({"a"});
  EXPECT_EQ(run_to_end(), "checkpoint 0");
  EXPECT_EQ(text("out"), "a=1");
}

// The other way is open: what the topic holds is the table.
TEST_P(SourceChangelogTest, a_table_that_had_a_changelog_comes_back_from_its_source_topic) {
  send({{"rows", "a", "1"}, {"rows", "b", "1"}});
  ASSERT_TRUE(run(ask, {{"processing.guarantee", GetParam()}}));
  send_rows_later({{"a", "2"}});
  send_asks({"a", "b"});
  EXPECT_EQ(run_to_end(), "topic-id 2");
  EXPECT_EQ(text("out"), "a=1 b=1");
}

INSTANTIATE_TEST_SUITE_P(Guarantees, SourceChangelogTest, ::testing::Values("exactly_once_v2", "at_least_once"));

}  // namespace
}  // namespace millrace
