#include "millrace/statestore/global_key_value_store.h"

#include <gmock/gmock.h>

#include "tests/statestore/store_contract.h"

namespace millrace {
namespace {

using contract::text_of;
using ::testing::ElementsAre;

class GlobalStoreTest : public ::testing::Test {
 protected:
  static StoreSpec spec(const AnySerde& value) {
    StoreSpec spec;
    spec.name = "countries";
    spec.key = contract::text();
    spec.value = value;
    spec.is_global = true;
    return spec;
  }
  static std::vector<std::string> rows(std::unique_ptr<KeyValueIterator> it) {
    std::vector<std::string> result;
    while (it->next()) result.push_back(std::string(it->key()) + "=" + text_of(it->value()));
    return result;
  }
  GlobalKeyValueStore store{spec(contract::text())};
};

TEST_F(GlobalStoreTest, holds_the_last_value_of_each_key_of_its_topic) {
  ASSERT_TRUE(store.apply("a", "1", {1}, "t"));
  ASSERT_TRUE(store.apply("b", "1", {2}, "t"));
  ASSERT_TRUE(store.apply("a", "2", {3}, "t"));
  ASSERT_TRUE(store.apply("b", {}, {4}, "t"));
  ASSERT_TRUE(store.apply("c", {}, {5}, "t"));
  EXPECT_EQ(text_of(store.get("a")), "2@3");
  EXPECT_EQ(text_of(store.get("b")), "none");
  EXPECT_EQ(text_of(store.get("c")), "none");
  EXPECT_EQ(store.name(), "countries");
  EXPECT_FALSE(store.caches());
}

TEST_F(GlobalStoreTest, scans_are_in_key_order_and_see_the_store_as_of_their_creation) {
  for (const char* key : {"c", "a", "ab", "b"}) ASSERT_TRUE(store.apply(key, "1", {1}, "t"));
  auto all = store.all(ScanOrder::ascending);
  ASSERT_TRUE(store.apply("b", {}, {2}, "t"));
  ASSERT_TRUE(store.apply("a", "2", {2}, "t"));
  EXPECT_THAT(rows(std::move(all)), ElementsAre("a=1@1", "ab=1@1", "b=1@1", "c=1@1"));
  EXPECT_THAT(rows(store.all(ScanOrder::descending)), ElementsAre("c=1@1", "ab=1@1", "a=2@2"));
  EXPECT_THAT(rows(store.range("ab", "b", ScanOrder::ascending)), ElementsAre("ab=1@1"));
  EXPECT_THAT(rows(store.prefix_scan("a")), ElementsAre("a=2@2", "ab=1@1"));
}

TEST_F(GlobalStoreTest, a_value_that_does_not_deserialise_is_an_error_and_adds_no_key) {
  GlobalKeyValueStore numbers{spec(contract::number())};
  Bytes one;
  append_big_endian<std::int64_t>(one, 1);
  ASSERT_TRUE(numbers.apply("good", one, {1}, "t"));
  EXPECT_FALSE(numbers.apply("bad", "short", {2}, "t"));
  EXPECT_FALSE(numbers.get("bad"));
  EXPECT_TRUE(numbers.get("good"));
}

using GlobalStoreDeathTest = GlobalStoreTest;
TEST_F(GlobalStoreDeathTest, nobody_puts_into_it) {
  const std::string value = "1";
  EXPECT_DEATH(store.put("a", &value, {1}, {}), "filled from its topic only");
}

}  // namespace
}  // namespace millrace
