#include "millrace/statestore/checkpoint_rows.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "millrace/statestore/window_key.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CheckpointRowsTest : public ::testing::Test {
 protected:
  void windowed() {
    spec.kind = StoreSpec::Kind::window;
    spec.retention = 200'000ms;  // segments of 100'000
  }
  static Bytes window_key(const std::string& key, std::int64_t start) {
    Bytes table_key, store_key;
    append_table_key(table_key, key, {start});
    append_store_key(store_key, table_key);
    return store_key;
  }
  // Of all batches so far, as text: key=timestamp:value, or key=gone.
  std::vector<std::string> rows() {
    std::vector<BytesView> views(batches.begin(), batches.end());
    auto result = rows_of(spec, views, observed);
    if (!result) return {result.error().text()};
    expired_below = result->expired_below;
    std::vector<std::string> text;
    const auto in_order = [](const auto& a, const auto& b) { return a.key < b.key; };
    EXPECT_TRUE(std::is_sorted(result->rows.begin(), result->rows.end(), in_order));
    for (const auto& row : result->rows) {
      const bool window = spec.kind == StoreSpec::Kind::window;
      const BytesView table_key = window ? table_key_in_row_key(row.key) : row.key;
      std::string key(window ? key_in_table_key(table_key) : row.key);
      if (window)
        key = std::to_string(from_big_endian<std::int64_t>(row.key.data())) + "|" + key + "/" +
              std::to_string(start_in_table_key(table_key).ms);
      text.push_back(key + "=" +
                     (row.deleted ? "gone"
                                  : std::to_string(from_big_endian<std::int64_t>(row.value.data())) + ":" +
                                        std::string(row.value.substr(8))));
    }
    return text;
  }
  void seal(const RecordBatchBuilder::Stamp& stamp = {}, Compression compression = Compression::none) {
    batches.emplace_back(builder.seal(stamp, compression));
    builder.clear();
  }

  StoreSpec spec;
  RecordBatchBuilder builder;
  std::vector<Bytes> batches;
  Timestamp observed{-1};
  Bytes expired_below;
};

TEST_F(CheckpointRowsTest, are_the_last_value_of_each_key_with_its_timestamp_sorted) {
  builder.append({1}, "b", "1");
  builder.append({2}, "a", "1");
  seal();
  builder.append({3}, "b", "2");
  builder.append({4}, "", "empty key");
  builder.append({5}, "ab", "");
  seal();
  EXPECT_THAT(rows(), ElementsAre("=4:empty key", "a=2:1", "ab=5:", "b=3:2"));
}

TEST_F(CheckpointRowsTest, a_tombstone_is_a_deleted_row_unless_a_value_follows) {
  builder.append({1}, "a", "1");
  builder.append({2}, "a", {});
  builder.append({3}, "b", {});
  builder.append({4}, "b", "1");
  seal();
  EXPECT_THAT(rows(), ElementsAre("a=gone", "b=4:1"));
}

// Enough keys for the table of updates to grow, with common prefixes of every length around 8 and 16.
TEST_F(CheckpointRowsTest, agree_with_a_map_of_what_was_logged) {
  std::mt19937_64 random(17);
  std::map<std::string, std::string> model;
  for (int i = 0; i < 20'000; ++i) {
    std::string key = std::string("common prefix of them all").substr(0, random() % 20);
    key += std::to_string(random() % 300);
    if (random() % 4 == 0) key.append(random() % 3, '\0');
    const std::string value = std::to_string(i);
    if (random() % 10 == 0) {
      builder.append({i}, key, {});
      model[key] = "gone";
    } else {
      builder.append({i}, key, value);
      model[key] = std::to_string(i) + ":" + value;
    }
    if (builder.size() > 5000) seal();
  }
  seal();
  std::vector<std::string> expected;
  for (const auto& [key, value] : model) expected.push_back(key + "=" + value);
  EXPECT_EQ(rows(), expected);
}

TEST_F(CheckpointRowsTest, of_compressed_batches_are_the_same_and_control_batches_are_left_out) {
  builder.append({1}, "a", std::string(1000, 'x'));
  builder.append({2}, "b", "1");
  seal({}, Compression::lz4);
  builder.append({3}, "c", "marker");
  seal({.transactional = true, .control = true});
  EXPECT_THAT(rows(), ElementsAre("a=1:" + std::string(1000, 'x'), "b=2:1"));
}

TEST_F(CheckpointRowsTest, stay_when_the_batches_are_gone) {
  builder.append({1}, "key", "value");
  auto rows = rows_of(spec, {builder.seal({})}, observed);
  ASSERT_TRUE(rows);
  const CheckpointRows copy = *rows;
  builder.clear();
  builder.append({2}, "KEY", "VALUE");
  builder.seal({});
  rows->rows.clear();
  rows->bytes.clear();
  EXPECT_EQ(copy.rows[0].key, "key");
  EXPECT_EQ(copy.rows[0].value.substr(8), "value");
}

TEST_F(CheckpointRowsTest, of_windows_stand_under_their_segment_first) {
  windowed();
  builder.append({1}, window_key("b", 0), "1");
  builder.append({2}, window_key("a", 150'000), "1");
  builder.append({3}, window_key("a", 99'999), "1");
  seal();
  EXPECT_THAT(rows(), ElementsAre("0|a/99999=3:1", "0|b/0=1:1", "1|a/150000=2:1"));
  EXPECT_EQ(observed.ms, 150'000);
  EXPECT_THAT(expired_below, IsEmpty());
}

TEST_F(CheckpointRowsTest, of_windows_leave_out_segments_that_have_expired_and_say_so) {
  windowed();
  builder.append({1}, window_key("a", 100'000), "old");
  builder.append({2}, window_key("a", 299'999), "1");
  builder.append({3}, window_key("a", 420'000), "1");
  seal();
  EXPECT_THAT(rows(), ElementsAre("2|a/299999=2:1", "4|a/420000=3:1"));
  Bytes two;
  append_big_endian<std::int64_t>(two, 2);
  EXPECT_EQ(expired_below, two);
  // Time is carried over: a later checkpoint of an old window has none of it.
  batches.clear();
  builder.append({4}, window_key("b", 150'000), "late");
  seal();
  EXPECT_THAT(rows(), IsEmpty());
  EXPECT_EQ(observed.ms, 420'000);
}

TEST_F(CheckpointRowsTest, a_window_key_that_is_too_short_is_corrupt) {
  windowed();
  builder.append({1}, "short", "1");
  seal();
  EXPECT_THAT(rows(), ElementsAre("CORRUPT_MESSAGE: a window key of 5 bytes"));
}

TEST_F(CheckpointRowsTest, of_a_batch_that_is_cut_short_are_an_error) {
  builder.append({1}, "a", "1");
  seal();
  batches[0].resize(batches[0].size() - 1);
  EXPECT_THAT(rows()[0], ::testing::StartsWith("CORRUPT_MESSAGE"));
}

}  // namespace
}  // namespace millrace
