#include "millrace/statestore/window_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "millrace/statestore/window_key.h"
#include "tests/statestore/memory_checkpoint.h"

namespace millrace {
namespace {

constexpr std::int64_t interval_ms = 100;

class WindowRowsTest : public ::testing::Test {
 protected:
  void add(const std::string& key, std::int64_t start) {
    Bytes table_key, row_key;
    append_table_key(table_key, key, {start});
    append_row_key(row_key, table_key, interval_ms);
    checkpoint.rows[row_key] = key + "/" + std::to_string(start);
  }
  std::vector<std::string> rows(const WindowRange& range, ScanOrder order) {
    std::vector<std::string> result;
    WindowRows rows(checkpoint, range, interval_ms, order);
    while (rows.next()) result.emplace_back(rows.value());
    return result;
  }
  // By looking at every row.
  std::vector<std::string> expected(const WindowRange& range, ScanOrder order) const {
    std::vector<std::string> result;
    for (const auto& [row_key, value] : checkpoint.rows) {
      const BytesView table_key = table_key_in_row_key(row_key);
      if (range.contains(key_in_table_key(table_key), start_in_table_key(table_key))) result.push_back(value);
    }
    if (order == ScanOrder::descending) std::reverse(result.begin(), result.end());
    return result;
  }
  contract::MemoryCheckpoint checkpoint;
};

// Keys that are each other's prefixes, with bytes that a window's start begins with: they lie between one another.
TEST_F(WindowRowsTest, gives_what_a_look_at_every_row_gives) {
  std::mt19937_64 random(5);
  std::vector<Bytes> keys;
  for (int n = 0; n < 4; ++n)
    for (int i = 0; i < (1 << (2 * n)); ++i) {
      Bytes key;
      for (int at = 0; at < n; ++at) key += "\0\1a\xff"[i >> (2 * at) & 3];
      keys.push_back(key);
    }
  for (int i = 0; i < 1500; ++i) add(keys[random() % keys.size()], static_cast<std::int64_t>(random() % 1000));
  for (int i = 0; i < 2000; ++i) {
    WindowRange range;
    if (random() % 4) range.from_key = keys[random() % keys.size()];
    if (random() % 4) range.to_key = random() % 2 ? range.from_key : std::optional(keys[random() % keys.size()]);
    range.from = {static_cast<std::int64_t>(random() % 1100) - 50};
    range.to = random() % 4 ? range.from + Duration(random() % 400) : Timestamp{INT64_MAX};
    const ScanOrder order = random() % 2 ? ScanOrder::ascending : ScanOrder::descending;
    ASSERT_EQ(rows(range, order), expected(range, order)) << "range " << i;
  }
}

TEST_F(WindowRowsTest, looks_at_one_keys_rows_only) {
  for (int k = 0; k < 100; ++k)
    for (std::int64_t segment = 0; segment < 3; ++segment) add("key" + std::to_string(k), segment * interval_ms);
  EXPECT_EQ(rows({Bytes("key50"), Bytes("key50"), {0}, {1000}}, ScanOrder::ascending).size(), 3u);
  EXPECT_LE(checkpoint.seeks, 2 * 3);
}

TEST_F(WindowRowsTest, an_empty_range_gives_nothing) {
  add("a", 10);
  EXPECT_TRUE(rows({{}, {}, {20}, {10}}, ScanOrder::ascending).empty());
  EXPECT_TRUE(rows({{}, {}, {-20}, {-10}}, ScanOrder::descending).empty());
}

}  // namespace
}  // namespace millrace
