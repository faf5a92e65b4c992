#include "millrace/runtime/offset_metadata.h"

#include <gtest/gtest.h>

#include "millrace/base/base64.h"

namespace millrace {
namespace {

TEST(OffsetMetadata, is_kafka_streams_text) {
  // As Kafka Streams wrote it: tests/conformance/vectors/cases/stateless_to_table_store.json.
  EXPECT_EQ(encode({.partition_time = {1'016'763}, .processors = {}}), "AgAAAAAAD4O7");
  EXPECT_EQ(encode({}), to_base64(Bytes("\x02\xff\xff\xff\xff\xff\xff\xff\xff")));
}

TEST(OffsetMetadata, comes_back_as_it_was) {
  const OffsetMetadata some[] = {{}, {{0}, {}}, {{1'016'763}, {{"store", 7}}}, {{5}, {{"", -1}, {"a", 1}, {"b", 2}}}};
  for (const OffsetMetadata& metadata : some) {
    auto read = decode_offset_metadata(encode(metadata));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->partition_time, metadata.partition_time);
    EXPECT_EQ(read->processors, metadata.processors);
  }
}

TEST(OffsetMetadata, an_empty_text_knows_no_time) {
  auto read = decode_offset_metadata("");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->partition_time, Timestamp{-1});
}

TEST(OffsetMetadata, version_1_is_read_and_has_no_processors) {
  Bytes old("\x01");
  append_big_endian<std::int64_t>(old, 42);
  auto read = decode_offset_metadata(to_base64(old));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->partition_time, Timestamp{42});
  EXPECT_TRUE(read->processors.empty());
}

TEST(OffsetMetadata, another_version_is_refused_by_its_number) {
  for (char version : {0, 3, 100}) {
    Bytes newer(std::string(1, version));
    append_big_endian<std::int64_t>(newer, 42);
    auto read = decode_offset_metadata(to_base64(newer));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), ErrorCode::unsupported_version);
    EXPECT_EQ(read.error().message(), "offset metadata of version " + std::to_string(version));
  }
}

TEST(OffsetMetadata, what_is_damaged_is_refused) {
  const Bytes whole = *from_base64(encode({{1}, {{"store", 7}}}));
  for (std::size_t size = 1; size < whole.size(); ++size) {
    if (size == 9) continue;  // a partition time and no processors: whole as it is
    auto read = decode_offset_metadata(to_base64(BytesView(whole).substr(0, size)));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().code(), ErrorCode::corrupt_message) << size;
  }
  for (const char* text : {"not base64", "AgAAAAAAD4O", "====", "AgAA*AAAD4O7"}) {
    auto read = decode_offset_metadata(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), ErrorCode::corrupt_message) << text;
  }
}

TEST(OffsetMetadata, a_length_that_it_cannot_have_is_refused_before_anything_is_made_of_it) {
  Bytes huge("\x02");
  append_big_endian<std::int64_t>(huge, 1);
  append_big_endian<std::int32_t>(huge, 2'000'000'000);  // so many processors
  append_big_endian<std::int32_t>(huge, 2'000'000'000);  // so long a name
  EXPECT_FALSE(decode_offset_metadata(to_base64(huge)));
  Bytes negative("\x02");
  append_big_endian<std::int64_t>(negative, 1);
  append_big_endian<std::int32_t>(negative, 1);
  append_big_endian<std::int32_t>(negative, -1);
  EXPECT_FALSE(decode_offset_metadata(to_base64(negative)));
}

}  // namespace
}  // namespace millrace
