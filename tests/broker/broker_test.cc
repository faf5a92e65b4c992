// Crash safety of the whole broker: a workload is killed at every one of its file operations, in turn, with and without
// the loss of what was not synced, and what a restart finds is checked.
#include "millrace/broker/broker.h"

#include <gtest/gtest.h>

#include <thread>

#include "millrace/base/sim/sim_env.h"

namespace millrace::broker {
namespace {

using sim::Side;
using sim::SimEnv;

BrokerConfig config_of(FlushMode flush) {
  BrokerConfig config;
  config.data_dir = "/data";
  config.flush = flush;
  config.housekeeping_interval = 0ms;
  config.report = [](const std::string&) {};
  return config;
}

RecordBatchBuilder batch_of(const std::string& value) {
  RecordBatchBuilder batch;
  batch.append({1'700'000'000'000}, "key", value);
  return batch;
}

// Values that read_committed sees.
std::vector<std::string> committed_values(PartitionLog& log) {
  std::vector<std::string> values;
  ReadRequest request;
  request.up_to = ReadUpTo::last_stable_offset;
  request.offset = log.offsets().log_start_offset;
  for (;;) {
    auto read = log.read(request);
    EXPECT_TRUE(read) << (read ? "" : read.error().text());
    if (!read || read->bytes->empty()) return values;
    BytesView left = *read->bytes;
    std::set<ProducerId> aborted;
    std::size_t next = 0;
    Bytes scratch;
    while (!left.empty()) {
      auto batch = *RecordBatchView::parse(left);
      EXPECT_TRUE(batch.crc_matches());
      left.remove_prefix(batch.bytes().size());
      request.offset = batch.last_offset() + 1;
      for (; next < read->aborted.size() && read->aborted[next].first_offset <= batch.last_offset(); ++next) {
        aborted.insert(read->aborted[next].producer_id);
      }
      if (batch.is_control()) {
        if (*decode_control(batch) == ControlType::abort) aborted.erase(batch.producer_id());
        continue;
      }
      if (batch.is_transactional() && aborted.count(batch.producer_id())) continue;
      RecordReader reader(batch, scratch);
      RecordView record;
      while (reader.next(record)) values.emplace_back(record.value);
    }
  }
}

struct Progress {
  bool topics_made = false;
  int committed = 0;  // acknowledged
  int plain = 0;      // appended and synced
};

// One transaction a round over two partitions and an offset; every third is aborted; a plain record in between.
Result<> work(Broker& broker, int rounds, Progress& progress) {
  MR_TRY(broker.create_topic("a", 1, {{"segment.bytes", "2000"}}));
  MR_TRY(broker.create_topic("b", 1, {}));
  MR_TRY(broker.create_topic("plain", 1, {}));
  progress.topics_made = true;
  MR_ASSIGN(auto a, broker.partition({"a", 0}));
  MR_ASSIGN(auto b, broker.partition({"b", 0}));
  MR_ASSIGN(auto plain, broker.partition({"plain", 0}));
  MR_ASSIGN(auto producer, broker.transactions().init_producer_id("tx", 60s));
  for (int i = 0; i < rounds; ++i) {
    bool abort = i % 3 == 2;
    std::string value = abort ? "aborted" : std::to_string(progress.committed);
    for (auto& log : {a, b}) {
      if (i % 4 == 3 && log == b) continue;  // some touch one partition only
      MR_TRY(broker.transactions().add("tx", producer, log));
      auto batch = batch_of(value);
      MR_TRY(log->append(batch, {producer.id, producer.epoch, true}));
    }
    MR_TRY(broker.transactions().add("tx", producer, broker.offsets_log()));
    GroupOffsets offsets{{{"in", 0}, {abort ? -5 : progress.committed + 1, -1, "", {0}}}};
    MR_TRY(broker.offsets().add_to_transaction("g", offsets, {producer.id, producer.epoch, true}));
    MR_ASSIGN(producer, broker.transactions().end("tx", producer, abort ? ControlType::abort : ControlType::commit));
    if (!abort) ++progress.committed;
    auto record = batch_of(std::to_string(i));
    MR_TRY(plain->append(record, {}));
    MR_TRY(broker.sync({plain}));
    ++progress.plain;
    if (i == rounds / 2) MR_TRY(broker.close());  // a checkpoint in the middle; the broker goes on
  }
  return broker.close();
}

// What must hold after any crash. `unknown`: commits whose answer did not arrive (0 or 1).
void check(Broker& broker, const Progress& progress) {
  if (!progress.topics_made) return;
  for (auto* name : {"a", "b", "plain"}) {
    auto log = broker.partition({name, 0});
    ASSERT_TRUE(log) << log.error().text();
  }
  auto a = *broker.partition({"a", 0});
  auto values = committed_values(*a);
  int found = static_cast<int>(values.size());
  for (auto* name : {"a", "b"}) {
    for (const auto& open : (*broker.partition({name, 0}))->open_transactions()) {
      ADD_FAILURE() << name << " has an open transaction of producer " << open.producer_id << ", epoch " << open.epoch;
    }
  }
  EXPECT_GE(found, progress.committed);
  EXPECT_LE(found, progress.committed + 1);
  for (int i = 0; i < found; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], std::to_string(i));
  std::vector<std::string> b_expected;
  int committed = 0;
  for (int round = 0; committed < found; ++round) {
    if (round % 3 == 2) continue;
    if (round % 4 != 3) b_expected.push_back(std::to_string(committed));
    ++committed;
  }
  EXPECT_EQ(committed_values(**broker.partition({"b", 0})), b_expected);
  auto offsets = broker.offsets().of_group("g");
  if (found == 0) {
    EXPECT_TRUE(offsets.empty());
  } else {
    EXPECT_EQ((offsets[{"in", 0}].offset), found);
  }
  EXPECT_GE(static_cast<int>(committed_values(**broker.partition({"plain", 0})).size()), progress.plain);
}

// Goes on after the restart: ids, epochs and sequences must fit what the crash left.
void go_on(Broker& broker, const Progress& progress) {
  if (!progress.topics_made) return;
  auto a = *broker.partition({"a", 0});
  std::size_t before = committed_values(*a).size();
  auto producer = broker.transactions().init_producer_id("tx", 60s);
  ASSERT_TRUE(producer) << producer.error().text();
  ASSERT_TRUE(broker.transactions().add("tx", *producer, a));
  auto batch = batch_of("more");
  auto appended = a->append(batch, {producer->id, producer->epoch, true});
  ASSERT_TRUE(appended) << appended.error().text();
  auto ended = broker.transactions().end("tx", *producer, ControlType::commit);
  ASSERT_TRUE(ended) << ended.error().text();
  EXPECT_EQ(committed_values(*a).size(), before + 1);
}

void check_after_restart(SimEnv& env, FlushMode flush, const Progress& progress) {
  env.reboot();
  env.faults().clear();
  auto broker = Broker::open(env, config_of(flush));
  ASSERT_TRUE(broker) << broker.error().text();
  check(**broker, progress);
  if (!::testing::Test::HasFailure()) go_on(**broker, progress);
}

constexpr int rounds = 12;

std::uint64_t operations_of_a_whole_run(FlushMode flush) {
  SimEnv env(1);
  auto broker = *Broker::open(env, config_of(flush));
  Progress progress;
  auto result = work(*broker, rounds, progress);
  EXPECT_TRUE(result) << (result ? "" : result.error().text());
  check(*broker, progress);
  return env.faults().operations();
}

void crash_everywhere(FlushMode flush, bool power_cut, std::uint64_t seed = 0) {
  std::uint64_t operations = operations_of_a_whole_run(flush);
  ASSERT_GT(operations, 300u);
  for (std::uint64_t n = 1; n <= operations; ++n) {
    SCOPED_TRACE("killed at operation " + std::to_string(n) + " of " + std::to_string(operations));
    SimEnv env(seed * 100'000 + n);
    Progress progress;
    env.faults().kill_operation(n, (n + seed) % 2 ? Side::before : Side::after);
    {
      auto broker = Broker::open(env, config_of(flush));
      if (broker) (void)work(**broker, rounds, progress);
      if (!env.is_killed()) env.kill();
    }
    if (power_cut) env.power_cut();
    check_after_restart(env, flush, progress);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(Broker, survives_being_killed_at_every_operation) { crash_everywhere(FlushMode::group, false); }
TEST(Broker, survives_a_power_cut_at_every_operation) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    crash_everywhere(FlushMode::group, true, seed);
    if (HasFailure()) return;
  }
}
TEST(Broker, survives_being_killed_without_a_sync) { crash_everywhere(FlushMode::os, false); }

// The disk fails once, the process goes on as far as it may, then the power goes. Whatever was answered before, and
// whatever is answered after, holds.
TEST(Broker, survives_a_failure_of_every_operation_with_a_power_cut_after_it) {
  const std::uint64_t operations = operations_of_a_whole_run(FlushMode::group);
  for (std::uint64_t n = 1; n <= operations; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n) + " of " + std::to_string(operations) + " fails");
    SimEnv env(n);
    Progress progress;
    env.faults().fail_operation(n);
    if (auto broker = Broker::open(env, config_of(FlushMode::group))) {
      (void)work(**broker, rounds, progress);
      for (int i = 0; i < 2; ++i) {
        auto plain = (*broker)->partition({"plain", 0});
        auto record = batch_of("more");
        if (plain && (*plain)->append(record, {}) && (*broker)->sync({*plain})) ++progress.plain;
        (void)(*broker)->close();
      }
      env.kill();
    }
    env.power_cut();
    check_after_restart(env, FlushMode::group, progress);
    if (HasFailure()) return;
  }
}

// A crash during the recovery from a crash.
TEST(Broker, survives_a_power_cut_at_every_operation_of_its_recovery) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    for (std::uint64_t n = 1;; n += 3) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", killed at operation " + std::to_string(n) + " of the recovery");
      SimEnv env(seed);
      Progress progress;
      env.faults().kill_operation(200 + 7 * seed, Side::before);
      {
        auto broker = Broker::open(env, config_of(FlushMode::group));
        if (broker) (void)work(**broker, rounds, progress);
        if (!env.is_killed()) env.kill();
      }
      env.power_cut();
      env.reboot();
      env.faults().clear();
      env.faults().kill_operation(n, Side::after);
      bool whole = false;
      {
        auto broker = Broker::open(env, config_of(FlushMode::group));
        whole = broker.has_value() && !env.is_killed();
        EXPECT_TRUE(whole || env.is_killed()) << (broker ? "" : broker.error().text());
      }
      if (whole) break;
      env.power_cut();
      check_after_restart(env, FlushMode::group, progress);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

// Each sync of the commit path is needed: with one of them a lie, some power cut breaks the promise.
TEST(Broker, needs_the_sync_of_its_segments) {
  bool broken = false;
  for (std::uint64_t seed = 1; seed <= 60 && !broken; ++seed) {
    SimEnv env(seed);
    env.faults().lie_about("log.segment.sync");
    Progress progress;
    {
      auto broker = Broker::open(env, config_of(FlushMode::group));
      ASSERT_TRUE(broker);
      (void)work(**broker, 4, progress);
      env.kill();
    }
    env.power_cut();
    env.reboot();
    auto broker = Broker::open(env, config_of(FlushMode::group));
    broken =
        !broker || static_cast<int>(committed_values(**(*broker)->partition({"plain", 0})).size()) < progress.plain;
  }
  EXPECT_TRUE(broken);
}

TEST(Broker, a_failed_sync_fences_the_directory) {
  SimEnv env(1);
  auto broker = *Broker::open(env, config_of(FlushMode::group));
  ASSERT_TRUE(broker->create_topic("t", 1, {}));
  auto log = *broker->partition({"t", 0});
  auto batch = batch_of("a");
  ASSERT_TRUE(log->append(batch, {}));
  env.faults().fail("log.segment.sync");
  EXPECT_FALSE(broker->sync({log}));
  auto more = batch_of("b");
  auto refused = log->append(more, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kafka_storage_error);
  EXPECT_FALSE(broker->sync({log}));
}

TEST(Broker, a_close_writes_what_changed_and_nothing_else) {
  SimEnv env(1);
  const auto count = [&] {
    auto found = env.faults().passes().find("log.snapshot.write");
    return found == env.faults().passes().end() ? 0 : found->second;
  };
  const auto written = [&](const auto& doing) {
    auto broker = *Broker::open(env, config_of(FlushMode::group));
    doing(*broker);
    const auto before = count();
    EXPECT_TRUE(broker->close());
    return count() - before;
  };
  const auto append = [](Broker& broker) {
    auto batch = batch_of("a");
    ASSERT_TRUE((*broker.partition({"t", 1}))->append(batch, {}));
  };
  const auto create = [](Broker& broker) { ASSERT_TRUE(broker.create_topic("t", 4, {})); };
  const auto remove_records = [](Broker& broker) { ASSERT_TRUE((*broker.partition({"t", 1}))->delete_records(-1)); };
  const auto nothing = [](Broker&) {};
  EXPECT_GE(written(create), 4u);
  EXPECT_EQ(written(nothing), 0u);
  const auto of_one_log = written(append);
  EXPECT_GT(of_one_log, 0u);
  EXPECT_EQ(written(nothing), 0u);
  EXPECT_EQ(written(append), of_one_log);
  written(remove_records);
  EXPECT_EQ(written([](Broker& broker) {
              EXPECT_EQ((*broker.partition({"t", 1}))->offsets().log_start_offset, 2) << "it is not noted at a close";
            }),
            0u);
}

// With topic t, of one record.
std::unique_ptr<Broker> closed_broker(SimEnv& env) {
  auto broker = *Broker::open(env, config_of(FlushMode::group));
  EXPECT_TRUE(broker->create_topic("t", 1, {}));
  auto batch = batch_of("a");
  EXPECT_TRUE((*broker->partition({"t", 0}))->append(batch, {}));
  EXPECT_TRUE(broker->close());
  return broker;
}

// What is left when topics.log is not what it was.
void lose_topics(const std::string& instead) {
  SimEnv env(1);
  closed_broker(env);
  const Bytes right = *env.files().read_file("/data/topics.log");
  ASSERT_TRUE(env.files().write_file_atomically("/data/topics.log", instead, "test"));
  auto refused = Broker::open(env, config_of(FlushMode::group));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("/data/topics.log does not know"), std::string::npos)
      << refused.error().text();
  EXPECT_EQ(*env.files().read_file("/data/topics.log"), instead);
  ASSERT_TRUE(env.files().write_file_atomically("/data/topics.log", right, "test"));
  auto broker = *Broker::open(env, config_of(FlushMode::group));
  EXPECT_EQ(committed_values(**broker->partition({"t", 0})), std::vector<std::string>{"a"});
}

// A bit in the middle of each of the files that say what was committed.
TEST(Broker, a_damaged_record_of_what_was_committed_is_refused_and_not_believed) {
  for (const std::string name : {"__consumer_offsets-0", "__transaction_state-0"}) {
    SCOPED_TRACE(name);
    SimEnv env(1);
    {
      auto broker = *Broker::open(env, config_of(FlushMode::group));
      ASSERT_TRUE(broker->create_topic("t", 1, {}));
      ASSERT_TRUE(broker->offsets().commit("g", {{{"t", 0}, {139, -1, "", {0}}}}));
      ASSERT_TRUE(broker->transactions().init_producer_id("tx", 1min));
      ASSERT_TRUE(broker->close());
    }
    const std::string path = "/data/" + name + "/00000000000000000000.log";
    const Bytes right = *env.files().read_file(path);
    for (std::size_t at = 80; at < right.size(); at += 7) {  // behind the first batch's header
      Bytes wrong = right;
      wrong[at] = static_cast<char>(wrong[at] ^ 1);
      ASSERT_TRUE(env.files().write_file_atomically(path, wrong, "test"));
      auto refused = Broker::open(env, config_of(FlushMode::group));
      ASSERT_FALSE(refused) << at;
      EXPECT_EQ(refused.error().code(), ErrorCode::corrupt_message) << refused.error().text();
      EXPECT_NE(refused.error().text().find(name), std::string::npos) << refused.error().text();
    }
    ASSERT_TRUE(env.files().write_file_atomically(path, right, "test"));
    EXPECT_TRUE(Broker::open(env, config_of(FlushMode::group)));
  }
}

TEST(Broker, a_damaged_list_of_topics_costs_no_records) { lose_topics(std::string(70, 'x')); }
TEST(Broker, an_empty_list_of_topics_costs_no_records) { lose_topics(""); }

TEST(Broker, removes_what_a_crash_left_of_a_deletion) {
  SimEnv env(1);
  {
    auto broker = *Broker::open(env, config_of(FlushMode::group));
    ASSERT_TRUE(broker->create_topic("t", 1, {}));
    auto batch = batch_of("a");
    ASSERT_TRUE((*broker->partition({"t", 0}))->append(batch, {}));
    env.faults().fail("logs.topic.remove");
    EXPECT_FALSE(broker->delete_topic("t"));
    env.faults().clear();
  }
  ASSERT_TRUE(env.files().exists("/data/t-0"));
  auto broker = Broker::open(env, config_of(FlushMode::group));
  ASSERT_TRUE(broker) << broker.error().text();
  EXPECT_FALSE(env.files().exists("/data/t-0"));
}

// The process dies when the removal is written and not yet on disk; the next one finds it.
TEST(Broker, a_removal_that_a_restart_finds_is_on_disk_before_what_it_removes_is_gone) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    SimEnv env(seed);
    {
      auto broker = *Broker::open(env, config_of(FlushMode::group));
      ASSERT_TRUE(broker->create_topic("t", 1, {}));
      env.faults().kill("topics.log.append", Side::after);
      ASSERT_FALSE(broker->delete_topic("t"));
    }
    env.reboot();
    env.faults().clear();
    env.faults().kill("logs.stray.directory", Side::after);
    ASSERT_FALSE(Broker::open(env, config_of(FlushMode::group)));
    env.power_cut();
    env.reboot();
    env.faults().clear();
    auto broker = Broker::open(env, config_of(FlushMode::group));
    ASSERT_TRUE(broker) << broker.error().text();
    EXPECT_FALSE((*broker)->topic("t"));
  }
}

TEST(Broker, a_deletion_that_was_cut_short_leaves_no_offsets_to_a_topic_of_the_same_name) {
  SimEnv env(1);
  {
    auto broker = *Broker::open(env, config_of(FlushMode::group));
    ASSERT_TRUE(broker->create_topic("t", 1, {}));
    ASSERT_TRUE(broker->offsets().commit("g", {{{"t", 0}, {5, -1, "", {0}}}}));
    env.faults().kill("broker.topic.removed", Side::before);
    ASSERT_FALSE(broker->delete_topic("t"));
  }
  env.reboot();
  env.faults().clear();
  auto broker = *Broker::open(env, config_of(FlushMode::group));
  ASSERT_TRUE(broker->create_topic("t", 1, {}));
  EXPECT_TRUE(broker->offsets().of_group("g").empty());
}

TEST(Broker, what_a_checkpoint_could_not_note_the_next_one_notes) {
  for (const char* site : {"logs.log_starts", "logs.recovery_points"}) {
    SCOPED_TRACE(site);
    SimEnv env(1);
    {
      auto broker = *Broker::open(env, config_of(FlushMode::group));
      ASSERT_TRUE(broker->create_topic("t", 1, {}));
      auto log = *broker->partition({"t", 0});
      for (int i = 0; i < 4; ++i) {
        auto batch = batch_of(std::to_string(i));
        ASSERT_TRUE(log->append(batch, {}));
      }
      ASSERT_TRUE(log->delete_records(2));
      env.faults().fail(site);
      EXPECT_FALSE(broker->close());
      EXPECT_TRUE(broker->close());
      env.kill();
    }
    env.power_cut();
    env.reboot();
    auto directory = *LogDirectory::open(env, "/data", FlushMode::group, [](const std::string&) {});
    EXPECT_EQ((*directory->read_offsets(LogDirectory::log_start_file)).at({"t", 0}), 2);
    EXPECT_EQ((*directory->read_offsets(LogDirectory::recovery_point_file)).at({"t", 0}), 4);
  }
}

TEST(Broker, a_deleted_topic_takes_what_groups_have_committed_of_it) {
  SimEnv env(1);
  {
    auto broker = *Broker::open(env, config_of(FlushMode::group));
    for (auto* name : {"t", "u"}) ASSERT_TRUE(broker->create_topic(name, 1, {}));
    for (auto* group : {"g", "h"}) ASSERT_TRUE(broker->offsets().commit(group, {{{"t", 0}, {5, -1, "", {0}}}}));
    ASSERT_TRUE(broker->offsets().commit("g", {{{"u", 0}, {7, -1, "", {0}}}}));
    ASSERT_TRUE(broker->delete_topic("t"));
    EXPECT_EQ(broker->offsets().groups(), std::vector<std::string>{"g"});
    ASSERT_TRUE(broker->close());
  }
  auto broker = *Broker::open(env, config_of(FlushMode::group));
  EXPECT_EQ(broker->offsets().groups(), std::vector<std::string>{"g"});
  auto left = broker->offsets().of_group("g");
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ((left[{"u", 0}].offset), 7);
}

TEST(Broker, a_topic_in_the_list_has_its_partitions) {
  SimEnv env(1);
  auto broker = *Broker::open(env, config_of(FlushMode::group));
  constexpr int count = 100;
  std::thread other([&] {
    for (int i = 0; i < count; ++i) {
      const std::string name = "t" + std::to_string(i);
      while (!broker->topic(name)) std::this_thread::yield();
      auto log = broker->partition({name, 1});
      EXPECT_TRUE(log) << log.error().text();
    }
  });
  for (int i = 0; i < count; ++i) EXPECT_TRUE(broker->create_topic("t" + std::to_string(i), 2, {}));
  other.join();
}

TEST(Broker, a_topic_does_not_inherit_the_recovery_point_of_one_before_when_it_is_made_at_the_second_try) {
  for (auto* site : {"logs.recovery_points", "logs.log_starts", "logs.cleaned"}) {
    SCOPED_TRACE(site);
    SimEnv env(1);
    {
      auto broker = closed_broker(env);
      ASSERT_TRUE(broker->delete_topic("t"));
      env.faults().fail(site);
      EXPECT_FALSE(broker->create_topic("t", 1, {}));
      env.faults().clear();
      ASSERT_TRUE(broker->create_topic("t", 1, {}));
    }
    auto broker = Broker::open(env, config_of(FlushMode::group));
    ASSERT_TRUE(broker) << broker.error().text();
    EXPECT_EQ((*(*broker)->partition({"t", 0}))->offsets().log_end_offset, 0);
  }
}

TEST(Broker, a_full_disk_refuses_and_loses_nothing) {
  SimEnv env(1);
  auto broker = *Broker::open(env, config_of(FlushMode::group));
  ASSERT_TRUE(broker->create_topic("t", 1, {}));
  auto log = *broker->partition({"t", 0});
  auto batch = batch_of("a");
  ASSERT_TRUE(log->append(batch, {}));
  env.faults().set_capacity(env.disk().used_bytes() + 10);
  auto refused = log->append(batch, {});
  ASSERT_FALSE(refused);
  env.faults().set_capacity(std::nullopt);
  auto more = batch_of("b");
  auto appended = log->append(more, {});
  ASSERT_TRUE(appended) << appended.error().text();
  EXPECT_EQ(appended->base_offset, 1);
  EXPECT_EQ(committed_values(*log), (std::vector<std::string>{"a", "b"}));
}

TEST(Broker, a_transaction_that_is_open_too_long_is_aborted) {
  SimEnv env(1);
  auto broker = *Broker::open(env, config_of(FlushMode::group));
  ASSERT_TRUE(broker->create_topic("t", 1, {}));
  auto log = *broker->partition({"t", 0});
  auto producer = *broker->transactions().init_producer_id("tx", 10s);
  ASSERT_TRUE(broker->transactions().add("tx", producer, log));
  auto batch = batch_of("a");
  ASSERT_TRUE(log->append(batch, {producer.id, producer.epoch, true}));
  env.run_for(11s);
  ASSERT_TRUE(broker->housekeep());
  EXPECT_TRUE(committed_values(*log).empty());
  EXPECT_EQ(log->offsets().last_stable_offset, 2);
  auto late = log->append(batch, {producer.id, producer.epoch, true});
  EXPECT_EQ(late.error().code(), ErrorCode::invalid_producer_epoch);
  EXPECT_EQ(broker->transactions().end("tx", producer, ControlType::commit).error().code(),
            ErrorCode::invalid_txn_state);
  EXPECT_TRUE(broker->transactions().end("tx", producer, ControlType::abort));
}

}  // namespace
}  // namespace millrace::broker
