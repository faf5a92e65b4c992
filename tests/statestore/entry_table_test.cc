#include "millrace/statestore/entry_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "tests/statestore/store_contract.h"

namespace millrace {
namespace {

TEST(EntryTable, agrees_with_a_map_under_random_inserts_and_erasures) {
  std::mt19937_64 random(7);
  EntryTable table(contract::text(), true);
  std::map<std::string, std::string> model;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "k" + std::to_string(random() % 700);
    Entry* e = table.find(key, EntryTable::hash_of(key));
    EXPECT_EQ(e != nullptr, model.contains(key));
    if (random() % 3 == 0) {
      if (e) table.erase(e);
      model.erase(key);
      continue;
    }
    const std::string value = std::string(random() % 40, 'v') + std::to_string(i);
    if (!e) e = table.insert(key, EntryTable::hash_of(key));
    table.keep_old(e);
    table.set_value(e, &value);
    model[key] = value;
  }
  EXPECT_EQ(table.size(), model.size());
  for (const auto& [key, value] : model) {
    Entry* e = table.find(key, EntryTable::hash_of(key));
    ASSERT_NE(e, nullptr) << key;
    EXPECT_EQ(*static_cast<const std::string*>(table.value(e)), value);
  }
}

}  // namespace
}  // namespace millrace
