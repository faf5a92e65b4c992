#include "millrace/statestore/global_key_value_store.h"

#include <gmock/gmock.h>

#include "tests/statestore/store_contract.h"

namespace millrace {
namespace {

using contract::text_of;
using ::testing::ElementsAre;

class GlobalStoreTest : public ::testing::Test {
 protected:
  static StoreSpec spec() {
    StoreSpec spec;
    spec.name = "countries";
    spec.key = spec.value = contract::text();
    spec.is_global = true;
    return spec;
  }
  static std::vector<std::string> rows(std::unique_ptr<KeyValueIterator> it) {
    std::vector<std::string> result;
    while (it->next()) result.push_back(std::string(it->key()) + "=" + text_of(it->value()));
    return result;
  }
  void put(const std::string& key, const std::string& value, Timestamp timestamp) {
    store.apply(key, &value, timestamp);
  }
  GlobalKeyValueStore store{spec()};
};

TEST_F(GlobalStoreTest, holds_the_last_value_of_each_key_of_its_topic) {
  put("a", "1", {1});
  put("b", "1", {2});
  put("a", "2", {3});
  store.apply("b", nullptr, {4});
  store.apply("c", nullptr, {5});
  EXPECT_EQ(text_of(store.get("a")), "2@3");
  EXPECT_EQ(text_of(store.get("b")), "none");
  EXPECT_EQ(text_of(store.get("c")), "none");
  EXPECT_EQ(store.name(), "countries");
  EXPECT_FALSE(store.caches());
}

TEST_F(GlobalStoreTest, scans_are_in_key_order_and_see_the_store_as_of_their_creation) {
  for (const char* key : {"c", "a", "ab", "b"}) put(key, "1", {1});
  auto all = store.all(ScanOrder::ascending);
  store.apply("b", nullptr, {2});
  put("a", "2", {2});
  EXPECT_THAT(rows(std::move(all)), ElementsAre("a=1@1", "ab=1@1", "b=1@1", "c=1@1"));
  EXPECT_THAT(rows(store.all(ScanOrder::descending)), ElementsAre("c=1@1", "ab=1@1", "a=2@2"));
  EXPECT_THAT(rows(store.range("ab", "b", ScanOrder::ascending)), ElementsAre("ab=1@1"));
  EXPECT_THAT(rows(store.prefix_scan("a")), ElementsAre("a=2@2", "ab=1@1"));
}

using GlobalStoreDeathTest = GlobalStoreTest;
TEST_F(GlobalStoreDeathTest, nobody_puts_into_it) {
  const std::string value = "1";
  EXPECT_DEATH(store.put("a", &value, {1}, {}), "filled from its topic only");
}

}  // namespace
}  // namespace millrace
