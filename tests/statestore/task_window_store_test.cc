#include "millrace/statestore/task_window_store.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>

#include "millrace/statestore/store_error.h"
#include "tests/statestore/memory_checkpoint.h"
#include "tests/statestore/store_contract.h"

namespace millrace {
namespace {

using contract::Engine;
using contract::text_of;
using ::testing::ElementsAre;
using WindowBench = contract::Bench<TaskWindowStore>;

void put(WindowBench& b, const std::string& key, const char* value, std::int64_t start, std::int64_t ms) {
  std::string v = value ? value : "";
  b.store->put(key, value ? &v : nullptr, {start}, {ms}, b.at(ms));
}
std::vector<std::string> rows(std::unique_ptr<WindowStoreIterator> it) {
  std::vector<std::string> result;
  while (it->next())
    result.push_back(std::string(it->key()) + "/" + std::to_string(it->window_start().ms) + "=" + text_of(it->value()));
  return result;
}

class WindowStoreLaws : public ::testing::TestWithParam<std::tuple<Engine, bool>> {
 protected:
  WindowBench bench{std::get<0>(GetParam()), std::get<1>(GetParam()), StoreSpec::Kind::window};
};
INSTANTIATE_TEST_SUITE_P(Engines, WindowStoreLaws, ::testing::Combine(contract::engines(), ::testing::Bool()));

TEST_P(WindowStoreLaws, gives_each_window_of_a_key_its_own_value_before_and_after_a_checkpoint) {
  put(bench, "a", "1", 0, 5);
  put(bench, "a", "2", 10'000, 10'005);
  bench.store->task_store().flush();
  bench.checkpoint();
  EXPECT_EQ(text_of(bench.store->fetch("a", Timestamp{0})), "1@5");
  EXPECT_EQ(text_of(bench.store->fetch("a", Timestamp{10'000})), "2@10005");
  EXPECT_EQ(text_of(bench.store->fetch("a", Timestamp{20'000})), "none");
}

TEST_P(WindowStoreLaws, fetches_a_range_of_windows_by_time) {
  for (int i = 0; i < 4; ++i) put(bench, "a", std::to_string(i).c_str(), i * 10'000, i * 10'000);
  bench.store->task_store().flush();
  bench.checkpoint();
  put(bench, "a", "4", 40'000, 40'000);
  EXPECT_THAT(rows(bench.store->fetch("a", {10'000}, {40'000}, ScanOrder::ascending)),
              ElementsAre("a/10000=1@10000", "a/20000=2@20000", "a/30000=3@30000", "a/40000=4@40000"));
  EXPECT_THAT(rows(bench.store->fetch("a", {30'000}, {50'000}, ScanOrder::descending)),
              ElementsAre("a/40000=4@40000", "a/30000=3@30000"));
}

TEST_P(WindowStoreLaws, a_window_older_than_the_retention_is_gone) {
  put(bench, "a", "old", 0, 0);
  bench.store->task_store().flush();
  bench.checkpoint();
  put(bench, "b", "new", 2'000'000, 2'000'000);
  bench.store->task_store().flush();
  bench.checkpoint();
  bench.store->task_store().trim(0);
  if (!std::get<1>(GetParam())) {
    EXPECT_EQ(text_of(bench.store->fetch("a", Timestamp{0})), "none");
  }
  EXPECT_EQ(text_of(bench.store->fetch("b", Timestamp{2'000'000})), "new@2000000");
}

TEST_P(WindowStoreLaws, scans_merge_memory_and_checkpoint_in_order_of_store_keys) {
  put(bench, "b", "1", 0, 1);
  put(bench, "a", "1", 10'000, 2);
  bench.store->task_store().flush();
  bench.checkpoint();
  put(bench, "a", "2", 0, 3);
  put(bench, "c", "2", 10'000, 4);
  put(bench, "b", nullptr, 0, 5);
  put(bench, "ab", "2", 5'000, 6);
  const bool by_time = bench.spec.in_memory;
  EXPECT_THAT(rows(bench.store->fetch_all({0}, {20'000}, ScanOrder::ascending)),
              by_time ? ElementsAre("a/0=2@3", "ab/5000=2@6", "a/10000=1@2", "c/10000=2@4")
                      : ElementsAre("a/0=2@3", "a/10000=1@2", "ab/5000=2@6", "c/10000=2@4"));
  EXPECT_THAT(rows(bench.store->fetch_range("a", "ab", {0}, {5'000}, ScanOrder::descending)),
              ElementsAre("ab/5000=2@6", "a/0=2@3"));
}

TEST_P(WindowStoreLaws, a_scan_sees_the_store_as_of_its_creation) {
  for (const char* key : {"a", "b", "c"}) put(bench, key, "1", 0, 1);
  bench.store->task_store().flush();
  bench.checkpoint();
  auto all = bench.store->fetch_all({0}, {20'000}, ScanOrder::ascending);
  auto one = bench.store->fetch("b", {0}, {20'000}, ScanOrder::ascending);
  put(bench, "b", "2", 0, 2);
  put(bench, "b", "2", 10'000, 2);
  put(bench, "c", nullptr, 0, 2);
  EXPECT_THAT(rows(std::move(all)), ElementsAre("a/0=1@1", "b/0=1@1", "c/0=1@1"));
  EXPECT_THAT(rows(std::move(one)), ElementsAre("b/0=1@1"));
}

// Whatever is flushed, checkpointed and evicted in between. Windows that a record cache may or may not show after they
// have expired are left out of what is asked for.
TEST_P(WindowStoreLaws, agrees_with_a_map_under_random_calls) {
  std::mt19937_64 random(3);
  using Key = std::pair<std::string, std::int64_t>;
  std::map<Key, std::string> model;
  auto expected = [&](const std::string* key, std::int64_t from) {
    std::vector<std::string> result;
    for (const auto& [k, value] : model)
      if ((!key || k.first == *key) && k.second >= from)
        result.push_back(k.first + "/" + std::to_string(k.second) + "=" + value);
    return result;
  };
  std::int64_t now = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::string key = "k" + std::to_string(random() % 25);
    now += static_cast<std::int64_t>(random() % 1000);
    const std::int64_t start = (now - static_cast<std::int64_t>(random() % 100'000)) / 10'000 * 10'000;
    const std::int64_t live = now - 300'000;
    if (random() % 10 == 0) {
      put(bench, key, nullptr, std::max<std::int64_t>(start, 0), i);
      model.erase({key, std::max<std::int64_t>(start, 0)});
    } else if (random() % 2) {
      put(bench, key, std::to_string(i).c_str(), std::max<std::int64_t>(start, 0), i);
      model[{key, std::max<std::int64_t>(start, 0)}] = std::to_string(i) + "@" + std::to_string(i);
    }
    if (random() % 40 == 0) bench.store->task_store().flush();
    if (random() % 100 == 0) bench.checkpoint();
    if (random() % 10 == 0) {
      ASSERT_EQ(rows(bench.store->fetch(key, {live}, {now}, ScanOrder::ascending)), expected(&key, live)) << i;
    }
    if (random() % 100 == 0) {
      auto all = rows(bench.store->fetch_all({live}, {now}, ScanOrder::ascending));
      auto wanted = expected(nullptr, live);
      std::sort(all.begin(), all.end());
      std::sort(wanted.begin(), wanted.end());
      ASSERT_EQ(all, wanted) << i;
    }
    const auto found = model.find({key, std::max<std::int64_t>(start, 0)});
    ASSERT_EQ(text_of(bench.store->fetch(key, {std::max<std::int64_t>(start, 0)})),
              found == model.end() ? "none" : found->second);
  }
}

// One window store over a checkpoint that counts what it is asked.
class WindowLoading : public ::testing::Test {
 protected:
  WindowLoading() {
    bench.spec.in_memory = false;
    bench.store = std::make_unique<TaskWindowStore>(
        bench.spec, StoreEnvironment{nullptr, &bench.log, &checkpoint, "app-s-changelog", 1 << 20});
  }
  void save() {
    TaskStore& store = bench.store->task_store();
    auto rows = rows_of(bench.spec, {bench.log.batch.seal({})}, bench.observed);
    ASSERT_TRUE(rows);
    checkpoint.apply(*rows);
    bench.log.batch.clear();
    store.checkpointed(store.logged_sequence());
  }
  int asked() const { return checkpoint.gets + checkpoint.scans; }
  contract::MemoryCheckpoint checkpoint;
  WindowBench bench{Engine::memory, false, StoreSpec::Kind::window};
};

TEST_F(WindowLoading, a_key_that_is_in_memory_asks_the_checkpoint_for_no_window) {
  put(bench, "a", "1", 0, 1);
  save();
  for (int i = 1; i < 20; ++i) {
    EXPECT_EQ(text_of(bench.store->fetch("a", {i * 10'000})), "none");
    put(bench, "a", "1", i * 10'000, 1);
  }
  EXPECT_EQ(rows(bench.store->fetch("a", {0}, {1'000'000}, ScanOrder::ascending)).size(), 20u);
  EXPECT_EQ(asked(), 0);
}

TEST_F(WindowLoading, an_evicted_key_is_looked_up_once_and_loaded_whole_at_its_second_window) {
  for (int i = 0; i < 10; ++i) put(bench, "a", std::to_string(i).c_str(), i * 10'000, i);
  save();
  bench.store->task_store().trim(0);
  EXPECT_EQ(text_of(bench.store->fetch("a", {30'000})), "3@3");
  EXPECT_EQ(checkpoint.gets, 1);
  EXPECT_EQ(checkpoint.scans, 0);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(bool(bench.store->fetch("a", {i * 10'000})), i < 10);
  EXPECT_EQ(rows(bench.store->fetch("a", {0}, {20'000}, ScanOrder::ascending)).size(), 3u);
  EXPECT_EQ(checkpoint.gets, 1);
  EXPECT_EQ(checkpoint.scans, 1);
}

TEST_F(WindowLoading, a_key_of_which_nothing_is_known_is_loaded_whole_for_a_range) {
  put(bench, "a", "1", 0, 1);
  put(bench, "ab", "1", 0, 1);
  save();
  bench.store->task_store().trim(0);
  EXPECT_THAT(rows(bench.store->fetch("a", {0}, {20'000}, ScanOrder::ascending)), ElementsAre("a/0=1@1"));
  EXPECT_THAT(rows(bench.store->fetch("b", {0}, {20'000}, ScanOrder::ascending)), ElementsAre());
  EXPECT_THAT(rows(bench.store->fetch("b", {0}, {20'000}, ScanOrder::ascending)), ElementsAre());
  EXPECT_EQ(checkpoint.scans, 2);
}

TEST_F(WindowLoading, a_key_is_kept_whole_while_one_of_its_windows_is_not_in_the_checkpoint) {
  for (int i = 0; i < 10; ++i) put(bench, "a", "1", i * 10'000, 1);
  save();
  put(bench, "a", "2", 50'000, 2);
  bench.store->task_store().trim(0);
  EXPECT_EQ(rows(bench.store->fetch("a", {0}, {1'000'000}, ScanOrder::ascending)).size(), 10u);
  EXPECT_EQ(asked(), 0);
}

TEST_F(WindowLoading, a_key_with_too_many_windows_is_merged_with_the_checkpoint) {
  const int many = static_cast<int>(windows_of_a_key_max) + 500;
  for (int i = 0; i < many; ++i) put(bench, "a", "1", i * 100, 1);
  save();
  put(bench, "a", "2", 700, 2);
  put(bench, "a", nullptr, 800, 2);
  bench.store->task_store().trim(0);
  EXPECT_THAT(rows(bench.store->fetch("a", {600}, {900}, ScanOrder::ascending)),
              ElementsAre("a/600=1@1", "a/700=2@2", "a/900=1@1"));
  EXPECT_EQ(rows(bench.store->fetch("a", {0}, {10'000'000}, ScanOrder::descending)).size(),
            static_cast<std::size_t>(many) - 1);
  EXPECT_EQ(text_of(bench.store->fetch("a", {1100})), "1@1");
  EXPECT_EQ(text_of(bench.store->fetch("a", {1101})), "none");
  EXPECT_EQ(text_of(bench.store->fetch("a", {700})), "2@2");
  const std::size_t before = bench.store->task_store().memory_bytes();
  save();
  bench.store->task_store().trim(0);
  EXPECT_LT(bench.store->task_store().memory_bytes(), before);
}

TEST_F(WindowLoading, expired_windows_leave_memory_and_are_not_loaded_again) {
  for (int i = 0; i < 10; ++i) put(bench, "a", "1", i * 10'000, 1);
  save();
  const std::size_t before = bench.store->task_store().memory_bytes();
  put(bench, "b", "1", 2'000'000, 1);
  bench.store->task_store().trim(1 << 20);
  EXPECT_LT(bench.store->task_store().memory_bytes(), before);
  EXPECT_THAT(rows(bench.store->fetch("a", {0}, {3'000'000}, ScanOrder::ascending)), ElementsAre());
}

TEST_F(WindowLoading, a_row_that_cannot_be_read_fails_each_time_it_is_asked_for) {
  put(bench, "a", "1", 0, 1);
  save();
  bench.store->task_store().trim(0);
  checkpoint.rows.begin()->second = "short";
  EXPECT_THROW(bench.store->fetch("a", {0}), StoreError);
  EXPECT_THROW(bench.store->fetch("a", {0}), StoreError);
  EXPECT_THROW(bench.store->fetch("a", {0}, {1}, ScanOrder::ascending), StoreError);
  EXPECT_THROW(bench.store->fetch("a", {0}, {1}, ScanOrder::ascending), StoreError);
}

// Kafka's cache shows what it holds, however old; only the store below hides expired windows.
TEST(WindowCache, a_scan_shows_an_expired_window_that_the_record_cache_still_holds) {
  contract::MemoryCheckpoint checkpoint;
  WindowBench b{Engine::memory, true, StoreSpec::Kind::window};
  b.spec.in_memory = false;
  b.store = std::make_unique<TaskWindowStore>(
      b.spec, StoreEnvironment{&b.cache, &b.log, &checkpoint, "app-s-changelog", 1 << 20});
  put(b, "a", "1", 0, 0);
  put(b, "b", "1", 2'000'000, 0);
  b.store->task_store().flush();
  auto saved = rows_of(b.spec, {b.log.batch.seal({})}, b.observed);
  ASSERT_TRUE(saved);
  checkpoint.apply(*saved);
  b.store->task_store().checkpointed(b.store->task_store().logged_sequence());
  b.store->task_store().trim(0);
  EXPECT_THAT(rows(b.store->fetch_all({0}, {3'000'000}, ScanOrder::ascending)),
              ElementsAre("a/0=1@0", "b/2000000=1@0"));
  EXPECT_THAT(rows(b.store->fetch("a", {0}, {3'000'000}, ScanOrder::ascending)), ElementsAre("a/0=1@0"));
}

TEST(WindowChangelog, keys_are_kafkas_key_start_and_sequence) {
  WindowBench b{Engine::memory, false, StoreSpec::Kind::window};
  put(b, "ab", "1", 1000, 1500);
  ASSERT_EQ(b.log.all.size(), 1u);
  EXPECT_EQ(b.log.all[0].key, std::string("ab\0\0\0\0\0\0\x03\xe8\0\0\0\0", 14));
}

}  // namespace
}  // namespace millrace
