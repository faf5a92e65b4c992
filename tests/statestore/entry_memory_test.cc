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
  EntryTable table{&value_type_of<std::string>, true};
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
  ASSERT_TRUE(table.read_value(entry, contract::text(), "first", {}));
  ASSERT_TRUE(table.read_value(entry, contract::text(), "second", {}));
  EXPECT_EQ(value(entry), "second");
}

}  // namespace
}  // namespace millrace
