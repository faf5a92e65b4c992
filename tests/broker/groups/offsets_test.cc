#include "millrace/broker/groups/offsets.h"

#include <gtest/gtest.h>

namespace millrace::broker {
namespace {

std::string hex(BytesView bytes) {
  std::string text;
  for (unsigned char c : bytes) {
    text += "0123456789abcdef"[c >> 4];
    text += "0123456789abcdef"[c & 15];
  }
  return text;
}

// The bytes of Kafka's OffsetCommitKey version 1 and OffsetCommitValue version 3.
TEST(Offsets, has_kafkas_bytes) {
  EXPECT_EQ(hex(encode_offset_key({"g", {"t", 2}})),
            "0001"
            "000167"
            "000174"
            "00000002");
  EXPECT_EQ(hex(encode_offset_value({7, 3, "m", {100}})),
            "0003"
            "0000000000000007"
            "00000003"
            "00016d"
            "0000000000000064");
  auto value = decode_offset_value(encode_offset_value({7, 3, "m", {100}}));
  ASSERT_TRUE(value);
  EXPECT_EQ(value->metadata, "m");
  EXPECT_EQ(*decode_offset_key(Bytes(std::string("\0\2\0\1g", 5))), std::nullopt);  // a group's metadata
}

}  // namespace
}  // namespace millrace::broker
