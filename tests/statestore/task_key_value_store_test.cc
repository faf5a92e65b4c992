#include "millrace/statestore/task_key_value_store.h"

#include <gmock/gmock.h>

#include "tests/statestore/store_contract.h"

namespace millrace {
namespace {

using contract::Engine;
using contract::text_of;
using ::testing::ElementsAre;
using KeyValueBench = contract::Bench<TaskKeyValueStore>;

void put(KeyValueBench& b, const std::string& key, const char* value, std::int64_t ms) {
  std::string v = value ? value : "";
  b.store->put(key, value ? &v : nullptr, {ms}, b.at(ms));
}
std::vector<std::string> rows(std::unique_ptr<KeyValueIterator> it) {
  std::vector<std::string> result;
  while (it->next()) result.push_back(std::string(it->key()) + "=" + text_of(it->value()));
  return result;
}

class KeyValueStoreLaws : public ::testing::TestWithParam<std::tuple<Engine, bool>> {
 protected:
  KeyValueBench bench{std::get<0>(GetParam()), std::get<1>(GetParam()), StoreSpec::Kind::key_value};
};
INSTANTIATE_TEST_SUITE_P(Engines, KeyValueStoreLaws, ::testing::Combine(contract::engines(), ::testing::Bool()));

TEST_P(KeyValueStoreLaws, gives_the_last_value_put_before_and_after_a_checkpoint) {
  put(bench, "a", "1", 10);
  put(bench, "a", "2", 20);
  EXPECT_EQ(text_of(bench.store->get("a")), "2@20");
  EXPECT_EQ(text_of(bench.store->get("b")), "none");
  bench.store->task_store().flush();
  bench.checkpoint();
  EXPECT_EQ(text_of(bench.store->get("a")), "2@20");
  EXPECT_EQ(text_of(bench.store->get("b")), "none");
}

TEST_P(KeyValueStoreLaws, a_deleted_key_is_gone_also_where_a_checkpoint_has_it) {
  put(bench, "a", "1", 10);
  bench.store->task_store().flush();
  bench.checkpoint();
  put(bench, "a", nullptr, 20);
  EXPECT_EQ(text_of(bench.store->get("a")), "none");
  EXPECT_THAT(rows(bench.store->all(ScanOrder::ascending)), ElementsAre());
  bench.store->task_store().flush();
  bench.checkpoint();
  EXPECT_EQ(text_of(bench.store->get("a")), "none");
}

TEST_P(KeyValueStoreLaws, scans_merge_memory_and_checkpoint_in_key_order) {
  put(bench, "b", "1", 1);
  put(bench, "d", "1", 2);
  bench.store->task_store().flush();
  bench.checkpoint();
  put(bench, "a", "2", 3);
  put(bench, "d", "2", 4);
  put(bench, "c", "2", 5);
  EXPECT_THAT(rows(bench.store->all(ScanOrder::ascending)), ElementsAre("a=2@3", "b=1@1", "c=2@5", "d=2@4"));
  EXPECT_THAT(rows(bench.store->all(ScanOrder::descending)), ElementsAre("d=2@4", "c=2@5", "b=1@1", "a=2@3"));
  EXPECT_THAT(rows(bench.store->range("b", "c", ScanOrder::ascending)), ElementsAre("b=1@1", "c=2@5"));
  EXPECT_THAT(rows(bench.store->prefix_scan("d")), ElementsAre("d=2@4"));
}

TEST_P(KeyValueStoreLaws, restores_what_the_changelog_holds) {
  auto restored = bench.store->task_store().restore("a", "1", true, {10});
  ASSERT_TRUE(restored);
  ASSERT_TRUE(bench.store->task_store().restore("b", "1", true, {11}));
  ASSERT_TRUE(bench.store->task_store().restore("b", {}, false, {12}));
  EXPECT_EQ(text_of(bench.store->get("a")), "1@10");
  EXPECT_EQ(text_of(bench.store->get("b")), "none");
}

// The first checkpoint is being written while a key that it holds is deleted: the deletion must outlive it.
TEST_P(KeyValueStoreLaws, a_deletion_is_kept_while_an_older_checkpoint_is_being_written) {
  if (!bench.database) GTEST_SKIP() << "in memory there is no checkpoint";
  put(bench, "a", "1", 10);
  bench.store->task_store().flush();
  auto rows_before = rows_of(bench.spec, {bench.log.batch.seal({})}, bench.observed);
  ASSERT_TRUE(rows_before);
  for (int i = 0; i < 2000; ++i) put(bench, "gone" + std::to_string(i), nullptr, 20);
  put(bench, "a", nullptr, 20);
  bench.store->task_store().flush();
  bench.store->task_store().trim(0);
  ASSERT_TRUE(bench.database->write({{0, *std::move(rows_before)}}));
  EXPECT_EQ(text_of(bench.store->get("a")), "none");
}

TEST(RecordCache, logs_only_the_last_update_of_each_key_in_the_order_of_the_last_updates) {
  KeyValueBench b{Engine::memory, true, StoreSpec::Kind::key_value};
  put(b, "a", "1", 1);
  put(b, "b", "1", 2);
  put(b, "a", "2", 3);
  EXPECT_TRUE(b.log.all.empty());
  b.store->task_store().flush();
  EXPECT_THAT(b.log.all, ElementsAre(contract::Logged{"b", "1", false, 2}, contract::Logged{"a", "2", false, 3}));
}

TEST(RecordCache, a_key_that_came_and_went_between_two_flushes_is_never_seen) {
  KeyValueBench b{Engine::memory, true, StoreSpec::Kind::key_value};
  put(b, "a", "1", 1);
  put(b, "a", nullptr, 2);
  b.store->task_store().flush();
  EXPECT_TRUE(b.log.all.empty());
}

TEST(RecordCache, an_eviction_flushes_the_store_with_the_evicted_key_first) {
  KeyValueBench b{Engine::memory, true, StoreSpec::Kind::key_value,
                  140};  // two entries of 58 bytes fit, a third does not
  put(b, "a", "1", 1);
  put(b, "b", "1", 2);
  put(b, "a", "2", 3);
  put(b, "c", "1", 4);
  EXPECT_THAT(b.log.all, ElementsAre(contract::Logged{"b", "1", false, 2}, contract::Logged{"a", "2", false, 3},
                                     contract::Logged{"c", "1", false, 4}));
}

TEST(RecordCache, off_every_put_is_logged_at_once_and_gives_the_old_value) {
  KeyValueBench b{Engine::memory, false, StoreSpec::Kind::key_value};
  b.store->send_old_values();
  put(b, "a", "1", 1);
  const std::string two = "2";
  EXPECT_EQ(text_of(b.store->put("a", &two, {2}, b.at(2))), "1@1");
  EXPECT_EQ(b.log.all.size(), 2u);
}

}  // namespace
}  // namespace millrace
