#include "millrace/statestore/entry_memory.h"

#include <gtest/gtest.h>

#include <string>

#include "millrace/statestore/entry_table.h"
#include "tests/statestore/store_contract.h"

namespace millrace {
namespace {

class EntryMemoryTest : public ::testing::Test {
 protected:
  std::string value(const Entry* e) const { return *static_cast<const std::string*>(table.value(e)); }
  EntryTable table{contract::text(), true};
  Entry* entry = table.insert("key", EntryTable::hash_of("key"));
};

TEST_F(EntryMemoryTest, a_new_entry_has_its_key_and_no_value) {
  EXPECT_EQ(table.key(entry), "key");
  EXPECT_EQ(table.value(entry), nullptr);
  EXPECT_EQ(table.old_value(entry), nullptr);
}

TEST_F(EntryMemoryTest, keeps_the_old_value_until_it_is_dropped) {
  const std::string one(100, '1'), two(100, '2');
  table.set_value(entry, &one);
  table.keep_old(entry);
  table.set_value(entry, &two);
  EXPECT_EQ(value(entry), two);
  ASSERT_NE(table.old_value(entry), nullptr);
  EXPECT_EQ(*static_cast<const std::string*>(table.old_value(entry)), one);
  table.drop_old(entry);
  EXPECT_EQ(table.old_value(entry), nullptr);
}

TEST_F(EntryMemoryTest, a_value_may_be_set_to_itself_and_taken_away) {
  const std::string one(100, '1');
  table.set_value(entry, &one);
  table.set_value(entry, table.value(entry));
  EXPECT_EQ(value(entry), one);
  table.set_value(entry, nullptr);
  EXPECT_EQ(table.value(entry), nullptr);
  table.keep_old(entry);
  EXPECT_EQ(table.old_value(entry), nullptr);
}

TEST_F(EntryMemoryTest, reads_a_value_from_its_bytes) {
  ASSERT_TRUE(table.read_value(entry, "first", {}));
  ASSERT_TRUE(table.read_value(entry, "second", {}));
  EXPECT_EQ(value(entry), "second");
}

TEST_F(EntryMemoryTest, counts_what_values_old_values_and_headers_hold) {
  const std::size_t empty = table.memory_bytes();
  const std::string large(100'000, 'x'), small = "x";
  table.set_value(entry, &large);
  table.count_value(entry, large.size());
  EXPECT_GE(table.memory_bytes(), empty + 100'000);
  table.keep_old(entry);
  EXPECT_GE(table.memory_bytes(), empty + 200'000);
  table.drop_old(entry);
  EXPECT_LT(table.memory_bytes(), empty + 110'000);
  entry->headers = new Headers{{"name", Bytes(std::string(50'000, 'h'))}};
  table.count_value(entry, large.size());
  EXPECT_GE(table.memory_bytes(), empty + 150'000);
  delete std::exchange(entry->headers, nullptr);
  table.set_value(entry, nullptr);
  EXPECT_EQ(table.memory_bytes(), empty);
}

TEST_F(EntryMemoryTest, counts_the_serialised_size_where_a_serde_does_not_say_what_a_value_holds) {
  SerdeTable silent = contract::text_table;
  silent.memory_size = nullptr;
  EntryTable other({&silent, nullptr}, false);
  Entry* e = other.insert("key", EntryTable::hash_of("key"));
  const std::size_t empty = other.memory_bytes();
  ASSERT_TRUE(other.read_value(e, std::string(100'000, 'x'), {}));
  EXPECT_GE(other.memory_bytes(), empty + 100'000);
  other.erase(e);
  EXPECT_LT(other.memory_bytes(), empty);
}

}  // namespace
}  // namespace millrace
