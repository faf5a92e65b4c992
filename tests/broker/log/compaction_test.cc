#include "millrace/broker/log/compaction.h"

#include <gtest/gtest.h>

#include <set>

#include "millrace/base/sim/sim_env.h"

namespace millrace::broker {
namespace {

struct Kept {
  Offset offset;
  std::string key;
  std::optional<std::string> value;
  friend bool operator==(const Kept&, const Kept&) = default;
};

class CompactionTest : public ::testing::Test {
 protected:
  Result<> open(sim::SimEnv& env) {
    log_.reset();
    directory_.reset();
    MR_ASSIGN(directory_, LogDirectory::open(env, "/d", FlushMode::group, [](const std::string&) {}));
    PartitionLog::Options options;
    options.partition = {"t", 0};
    options.topic_id = {1, 2};
    options.directory = "/d/t-0";
    options.config.segment_bytes = 1200;
    options.config.index_interval_bytes = 100;
    options.config.compacts = true;
    options.config.delete_retention_ms = 60'000;
    MR_ASSIGN(log_, PartitionLog::open(*directory_, options));
    return {};
  }
  Result<> put(const std::string& key, const std::optional<std::string>& value, PartitionLog::Producer producer = {},
               Compression codec = Compression::none) {
    RecordBatchBuilder batch;
    batch.append({1000}, key, value ? BytesView(*value) : BytesView());
    MR_TRY(log_->append(batch, producer, codec));
    return {};
  }
  // Something to compact, all of it on disk; `meaning`: what read_committed delivers of it.
  void make_durable_log(sim::SimEnv& env, std::vector<Kept>& meaning) {
    epoch_ = 0;
    ASSERT_TRUE(open(env));
    ASSERT_TRUE(fill(3, 80));
    meaning = committed();
    ASSERT_TRUE(log_->checkpoint());
    ASSERT_TRUE(env.files().sync_directory("/d", "test"));
  }
  // Everything that read_committed delivers.
  std::vector<Kept> committed() {
    auto all = read_all();
    EXPECT_TRUE(all) << "it cannot be read";
    return all.value_or(std::vector<Kept>());
  }
  std::optional<std::vector<Kept>> read_all() {
    std::vector<Kept> all;
    ReadRequest request{log_->offsets().log_start_offset, 1 << 20, ReadUpTo::last_stable_offset, -1};
    Bytes scratch;
    for (;;) {
      auto read = log_->read(request);
      if (!read) return std::nullopt;
      if (read->bytes->empty()) return all;
      BytesView left = *read->bytes;
      std::set<ProducerId> aborted;
      std::size_t next = 0;
      while (!left.empty()) {
        auto batch = *RecordBatchView::parse(left);
        if (!batch.crc_matches()) return std::nullopt;
        left.remove_prefix(batch.bytes().size());
        request.offset = batch.last_offset() + 1;
        for (; next < read->aborted.size() && read->aborted[next].first_offset <= batch.last_offset(); ++next) {
          aborted.insert(read->aborted[next].producer_id);
        }
        if (batch.is_control()) {
          if (batch.count() > 0 && *decode_control(batch) == ControlType::abort) aborted.erase(batch.producer_id());
          continue;
        }
        if (batch.is_transactional() && aborted.count(batch.producer_id())) continue;
        RecordReader reader(batch, scratch);
        RecordView record;
        while (reader.next(record)) {
          all.push_back({record.offset, std::string(record.key), {}});
          if (record.has_value()) all.back().value = std::string(record.value);
        }
        if (!reader.status()) return std::nullopt;
      }
    }
  }
  bool is_caught(std::string_view lie, std::string_view cut_at);
  // The table that the log means.
  static std::map<std::string, std::string> table(const std::vector<Kept>& records) {
    std::map<std::string, std::string> table;
    for (const auto& record : records) {
      if (record.value) {
        table[record.key] = *record.value;
      } else {
        table.erase(record.key);
      }
    }
    return table;
  }
  // Puts, tombstones, transactions that commit or abort, drawn from a seed.
  Result<> fill(std::uint64_t seed, int count) {
    std::uint64_t state = seed * 2654435761u + 1;
    auto draw = [&](std::uint64_t n) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return (state >> 33) % n;
    };
    ProducerEpoch epoch = epoch_;
    for (int i = 0; i < count; ++i) {
      auto key = "k" + std::to_string(draw(12));
      auto codec = static_cast<Compression>(draw(5));
      std::optional<std::string> value;
      if (draw(4) != 0) value = "value " + std::to_string(i);
      if (draw(2) == 0) {
        MR_TRY(put(key, value, {}, codec));
        continue;
      }
      for (std::uint64_t n = 1 + draw(3); n > 0; --n)
        MR_TRY(put("k" + std::to_string(draw(12)), value, {5, epoch, true}, codec));
      auto type = draw(3) == 0 ? ControlType::abort : ControlType::commit;
      MR_TRY(log_->append_marker(type, 5, ++epoch, 0));
    }
    epoch_ = epoch;
    return {};
  }

  std::unique_ptr<sim::SimEnv> env_;  // outlives what is open in it
  std::unique_ptr<LogDirectory> directory_;
  std::shared_ptr<PartitionLog> log_;
  ProducerEpoch epoch_ = 0;
};

TEST_F(CompactionTest, keeps_the_last_value_of_every_key_at_its_offset) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    sim::SimEnv env(seed);
    epoch_ = 0;
    ASSERT_TRUE(open(env));
    Offset first_dirty = 0;
    for (int round = 0; round < 4; ++round) {
      ASSERT_TRUE(fill(seed * 10 + static_cast<std::uint64_t>(round), 80));
      auto before = committed();
      Offset end = log_->offsets().log_end_offset;
      auto result = compact(*log_, first_dirty);
      ASSERT_TRUE(result) << result.error().text();
      first_dirty = result->first_dirty;
      auto after = committed();
      EXPECT_EQ(table(after), table(before));
      EXPECT_LT(after.size(), before.size());
      EXPECT_EQ(log_->offsets().log_end_offset, end);
      std::set<std::string> seen;  // what is left was there, with that offset; below the dirty tail no key twice
      for (const auto& record : after) {
        EXPECT_NE(std::find(before.begin(), before.end(), record), before.end());
        if (record.offset < first_dirty) {
          EXPECT_TRUE(seen.insert(record.key).second) << record.key;
        }
      }
      ASSERT_TRUE(open(env));
      EXPECT_EQ(committed(), after);
      env.run_for(30s);
    }
    log_.reset();
    directory_.reset();
  }
}

TEST_F(CompactionTest, tombstones_and_markers_go_after_their_retention) {
  sim::SimEnv& env = *(env_ = std::make_unique<sim::SimEnv>(1));
  ASSERT_TRUE(open(env));
  ASSERT_TRUE(put("gone", "x"));
  ASSERT_TRUE(put("gone", std::nullopt));
  ASSERT_TRUE(put("a", "1", {5, 0, true}));
  ASSERT_TRUE(log_->append_marker(ControlType::abort, 5, 1, 0));
  ASSERT_TRUE(put("b", "2"));
  ASSERT_TRUE(log_->roll());
  auto batches = [&] {
    std::vector<Offset> offsets;
    auto read = log_->read({0, 1 << 20});
    for (BytesView left = *read->bytes; !left.empty();) {
      auto batch = *RecordBatchView::parse(left);
      offsets.push_back(batch.base_offset());
      left.remove_prefix(batch.bytes().size());
    }
    return offsets;
  };
  ASSERT_TRUE(compact(*log_, 0));  // the tombstone, the marker, b
  EXPECT_EQ(batches(), (std::vector<Offset>{1, 3, 4}));
  EXPECT_EQ(committed().size(), 2u);
  ASSERT_TRUE(compact(*log_, 0));  // the marker has a horizon from here on
  env.run_for(61s);
  ASSERT_TRUE(compact(*log_, 0));
  EXPECT_EQ(batches(), (std::vector<Offset>{3, 4}));  // the marker is all that tells the epoch
}

TEST_F(CompactionTest, touches_nothing_from_the_first_undecided_record_on) {
  sim::SimEnv& env = *(env_ = std::make_unique<sim::SimEnv>(1));
  ASSERT_TRUE(open(env));
  ASSERT_TRUE(put("a", "1", {5, 0, true}));
  ASSERT_TRUE(log_->roll());
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(put("k", std::to_string(i)));
  ASSERT_TRUE(compact(*log_, 0));
  EXPECT_EQ(RecordBatchView::parse(*log_->read({1, 1})->bytes)->base_offset(), 1);
}

TEST_F(CompactionTest, a_crash_at_any_step_leaves_a_log_that_opens_and_means_the_same) {
  for (bool power_cut : {false, true}) {
    for (std::uint64_t n = 1;; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n));
      sim::SimEnv env(n);
      std::vector<Kept> before;
      ASSERT_NO_FATAL_FAILURE(make_durable_log(env, before));
      env.faults().kill_operation(n, n % 2 ? sim::Side::before : sim::Side::after);
      auto first = compact(*log_, 0);
      bool whole = first.has_value() && !env.is_killed();
      if (whole) env.kill();
      log_.reset();
      directory_.reset();
      if (power_cut) env.power_cut();
      env.reboot();
      env.faults().clear();
      auto opened = open(env);
      ASSERT_TRUE(opened) << opened.error().text();
      EXPECT_EQ(table(committed()), table(before));
      ASSERT_TRUE(fill(4, 10));
      ASSERT_TRUE(compact(*log_, 0));
      log_.reset();
      directory_.reset();
      if (HasFailure()) return;
      if (whole) break;
    }
  }
}

TEST_F(CompactionTest, a_step_that_fails_and_another_try_leave_a_log_that_opens_and_means_the_same) {
  for (std::uint64_t n = 1;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    sim::SimEnv env(n);
    std::vector<Kept> before;
    ASSERT_NO_FATAL_FAILURE(make_durable_log(env, before));
    env.faults().fail_operation(n);
    const bool whole = compact(*log_, 0).has_value();
    env.faults().clear();
    auto now = read_all();  // half swapped in, it cannot be read before a restart
    if (now) {
      ASSERT_EQ(table(*now), table(before));
    }
    if (n % 2) env.faults().kill_operation(n, sim::Side::after);
    std::ignore = compact(*log_, 0);
    log_.reset();
    directory_.reset();
    env.power_cut();
    env.reboot();
    env.faults().clear();
    auto opened = open(env);
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(table(committed()), table(before));
    log_.reset();
    directory_.reset();
    if (HasFailure() || whole) return;
  }
}

// Whether a power cut before one of the first passes of `cut_at` changes what the log means when syncs at `lie` are
// lies.
bool CompactionTest::is_caught(std::string_view lie, std::string_view cut_at) {
  for (std::uint64_t pass = 1; pass <= 4; ++pass)
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      sim::SimEnv env(seed);
      epoch_ = 0;
      if (!open(env) || !fill(3, 80)) return false;
      auto before = table(committed());
      if (!compact(*log_, 0) || !log_->roll()) return false;  // the next one joins what this one made small
      if (!log_->checkpoint() || !env.files().sync_directory("/d", "test")) return false;
      env.faults().lie_about(lie);
      env.faults().kill(cut_at, sim::Side::before, pass);
      (void)compact(*log_, 0);
      if (!env.is_killed()) env.kill();
      log_.reset();
      directory_.reset();
      env.power_cut();
      env.reboot();
      env.faults().clear();
      bool caught = !open(env);
      if (!caught) {
        auto after = read_all();
        caught = !after || table(*after) != before;
      }
      log_.reset();  // before the Env goes
      directory_.reset();
      if (caught) return true;
    }
  return false;
}

TEST_F(CompactionTest, means_something_else_where_a_sync_is_a_lie) {
  EXPECT_TRUE(is_caught("compaction.cleaned.sync", "compaction.rename"));
  EXPECT_TRUE(is_caught("compaction.swap.directory", "compaction.remove.directory"));
  for (std::string_view site : {"compaction.swap", "compaction.remove.directory", "compaction.rename"})
    EXPECT_FALSE(is_caught("no.such.site", site)) << site;
}

}  // namespace
}  // namespace millrace::broker
