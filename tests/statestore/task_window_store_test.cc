#include "millrace/statestore/task_window_store.h"

#include <gmock/gmock.h>

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
  EXPECT_THAT(rows(bench.store->fetch("a", {10'000}, {40'000}, Order::ascending)),
              ElementsAre("a/10000=1@10000", "a/20000=2@20000", "a/30000=3@30000", "a/40000=4@40000"));
  EXPECT_THAT(rows(bench.store->fetch("a", {30'000}, {50'000}, Order::descending)),
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

TEST(WindowChangelog, keys_are_kafkas_key_start_and_sequence) {
  WindowBench b{Engine::memory, false, StoreSpec::Kind::window};
  put(b, "ab", "1", 1000, 1500);
  ASSERT_EQ(b.log.all.size(), 1u);
  EXPECT_EQ(b.log.all[0].key, std::string("ab\0\0\0\0\0\0\x03\xe8\0\0\0\0", 14));
}

}  // namespace
}  // namespace millrace
