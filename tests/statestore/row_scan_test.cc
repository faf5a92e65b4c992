#include "millrace/statestore/row_scan.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>

#include "millrace/statestore/store_error.h"
#include "tests/statestore/memory_checkpoint.h"
#include "tests/statestore/store_contract.h"

namespace millrace {
namespace {

using contract::text_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RowScanTest : public ::testing::Test {
 protected:
  static StoreSpec spec() {
    StoreSpec spec;
    spec.name = "s";
    spec.value = contract::text();
    return spec;
  }
  void saved(const std::string& key, const std::string& value, std::int64_t ms = 1) {
    Bytes row;
    append_big_endian(row, ms);
    checkpoint.rows[key] = row + value;
  }
  void in_memory(const std::string& key, const char* value) {
    TaskStore::Row row{Bytes(key), AnyValue(&value_type_of<std::string>), {2}};
    const std::string text = value ? value : "";
    if (value) row.value.set(&text);
    overlay.push_back(std::move(row));
  }
  std::vector<std::string> scan(ScanOrder order) {
    RowScan::Shape shape{[](BytesView key) { return Bytes(key); }, [](BytesView key) { return key; }};
    auto base = checkpoint.scan({}, {}, order == ScanOrder::ascending);
    RowScan rows(store, std::move(overlay), std::move(base), std::move(shape), order);
    overlay.clear();
    std::vector<std::string> result;
    while (rows.next()) result.push_back(std::string(rows.table_key()) + "=" + text_of(rows.value()));
    EXPECT_FALSE(rows.next()) << "the end is the end";
    return result;
  }
  contract::MemoryCheckpoint checkpoint;
  std::vector<TaskStore::Row> overlay;
  TaskStore store{spec(), StoreEnvironment{nullptr, nullptr, &checkpoint, "c"}};
};

TEST_F(RowScanTest, memory_lies_over_the_checkpoint_and_hides_what_it_says_is_gone) {
  for (const char* key : {"a", "b", "c", "e"}) saved(key, "old");
  in_memory("d", "new");
  in_memory("b", "new");
  in_memory("c", nullptr);
  in_memory("never saved", nullptr);
  EXPECT_THAT(scan(ScanOrder::ascending), ElementsAre("a=old@1", "b=new@2", "d=new@2", "e=old@1"));
}

TEST_F(RowScanTest, either_side_may_be_empty) {
  EXPECT_THAT(scan(ScanOrder::ascending), ElementsAre());
  saved("a", "old");
  EXPECT_THAT(scan(ScanOrder::descending), ElementsAre("a=old@1"));
  checkpoint.rows.clear();
  in_memory("a", "new");
  EXPECT_THAT(scan(ScanOrder::ascending), ElementsAre("a=new@2"));
}

TEST_F(RowScanTest, agrees_with_a_map_in_both_directions) {
  std::mt19937_64 random(23);
  for (int round = 0; round < 200; ++round) {
    std::map<std::string, std::string> model;
    checkpoint.rows.clear();
    for (int i = 0; i < 30; ++i) {
      const std::string key = "k" + std::to_string(random() % 40);
      saved(key, "old");
      model[key] = "old@1";
    }
    for (int k = 0; k < 40; ++k) {
      const std::string key = "k" + std::to_string(k);
      if (random() % 3 == 0) {
        in_memory(key, "new");
        model[key] = "new@2";
      } else if (random() % 4 == 0) {
        in_memory(key, nullptr);
        model.erase(key);
      }
    }
    const ScanOrder order = round % 2 ? ScanOrder::ascending : ScanOrder::descending;
    std::vector<std::string> expected;
    for (const auto& [key, value] : model) expected.push_back(key + "=" + value);
    if (order == ScanOrder::descending) std::reverse(expected.begin(), expected.end());
    ASSERT_EQ(scan(order), expected) << round;
  }
}

TEST_F(RowScanTest, a_damaged_row_is_an_error) {
  checkpoint.rows["a"] = "short";
  try {
    scan(ScanOrder::ascending);
    FAIL() << "no error";
  } catch (const StoreError& e) {
    EXPECT_THAT(e.what(), HasSubstr("store s: a row of less than 8 bytes"));
  }
}

TEST_F(RowScanTest, a_disk_that_fails_is_an_error_and_not_the_end) {
  saved("a", "old");
  checkpoint.fails = true;
  EXPECT_THROW(scan(ScanOrder::ascending), StoreError);
}

}  // namespace
}  // namespace millrace
