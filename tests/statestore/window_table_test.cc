#include "millrace/statestore/window_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "millrace/statestore/window_key.h"
#include "tests/statestore/store_contract.h"

namespace millrace {
namespace {

using Model = std::map<std::string, std::map<std::int64_t, std::int64_t>>;

class WindowTableTest : public ::testing::Test {
 protected:
  static Bytes table_key(const std::string& key, std::int64_t start) {
    Bytes out;
    append_table_key(out, key, {start});
    return out;
  }
  Entry* find(const std::string& key, std::int64_t start) {
    const Bytes k = table_key(key, start);
    return table.find(k, WindowTable::hash_of(k));
  }
  Entry* insert(const std::string& key, std::int64_t start, std::int64_t value) {
    const Bytes k = table_key(key, start);
    KeyWindows* w = table.find_key(key);
    if (!w) w = table.insert_key(key);
    Entry* e = table.insert(w, k, WindowTable::hash_of(k));
    table.set_value(e, &value);
    return e;
  }
  void expect_equals(const Model& model) {
    std::size_t windows = 0;
    for (const auto& [key, expected] : model) {
      const KeyWindows* w = table.find_key(key);
      ASSERT_NE(w, nullptr) << key;
      ASSERT_EQ(w->windows.size(), expected.size()) << key;
      windows += expected.size();
      std::size_t i = 0;
      for (const auto& [start, value] : expected) {
        ASSERT_EQ(w->windows[i].start.ms, start);
        ASSERT_EQ(w->windows[i].entry, find(key, start));
        ASSERT_EQ(*static_cast<const std::int64_t*>(table.value(w->windows[i++].entry)), value);
      }
    }
    EXPECT_EQ(table.size(), windows);
  }
  WindowTable table{contract::number(), false};
};

TEST_F(WindowTableTest, agrees_with_a_map_of_maps_under_random_inserts_and_erasures) {
  std::mt19937_64 random(11);
  Model model;
  for (std::int64_t i = 0; i < 30'000; ++i) {
    const std::string key = "k" + std::to_string(random() % 60);
    const auto start = static_cast<std::int64_t>(random() % 40) * 1000;
    switch (random() % 8) {
      case 0:
        if (KeyWindows* w = table.find_key(key)) table.erase(w);
        model.erase(key);
        break;
      case 1:
        if (KeyWindows* w = table.find_key(key)) {
          const auto odd = [](const KeyWindows::Slot& s) { return s.start.ms / 1000 % 2 == 1; };
          EXPECT_EQ(table.erase_if(w, odd), std::erase_if(model[key], [](auto& x) { return x.first / 1000 % 2 == 1; }));
        }
        break;
      default:
        if (!find(key, start)) insert(key, start, i);
        model[key].try_emplace(start, i);
    }
  }
  expect_equals(model);
}

TEST_F(WindowTableTest, gives_the_windows_from_a_time_on) {
  for (std::int64_t start : {30, 10, 20}) insert("a", start, start);
  const KeyWindows* w = table.find_key("a");
  EXPECT_EQ(w->newest.ms, 30);
  EXPECT_EQ(w->from({10})->start.ms, 10);
  EXPECT_EQ(w->from({11})->start.ms, 20);
  EXPECT_EQ(w->from({31}), w->windows.end());
}

TEST_F(WindowTableTest, counts_no_bytes_for_what_was_erased) {
  const std::size_t before = table.memory_bytes();
  for (std::int64_t i = 0; i < 50; ++i) insert("key" + std::to_string(i % 5), i, i);
  EXPECT_GT(table.memory_bytes(), before + 50 * sizeof(Entry));
  for (int i = 0; i < 5; ++i) table.erase(table.find_key("key" + std::to_string(i)));
  EXPECT_EQ(table.memory_bytes(), before);
}

}  // namespace
}  // namespace millrace
