#include "millrace/base/crc32c.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

// One bit at a time, from the polynomial: what the definition says.
std::uint32_t by_the_definition(BytesView bytes) {
  std::uint32_t crc = ~0u;
  for (char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

TEST(Crc32c, gives_the_examples_of_rfc_3720) {
  Bytes zeros(std::string(32, '\0')), ones(std::string(32, '\xff')), rising, falling;
  for (int i = 0; i < 32; ++i) {
    rising += static_cast<char>(i);
    falling += static_cast<char>(31 - i);
  }
  EXPECT_EQ(crc32c(zeros), 0x8a9136aau);
  EXPECT_EQ(crc32c(ones), 0x62a8ab43u);
  EXPECT_EQ(crc32c(rising), 0x46dd794eu);
  EXPECT_EQ(crc32c(falling), 0x113fdb5cu);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(Crc32c, is_the_definitions_for_every_length_and_alignment) {
  Bytes bytes;
  for (int i = 0; i < 400; ++i) bytes += static_cast<char>(i * 37 + i / 7);
  for (std::size_t from = 0; from < 16; ++from)
    for (std::size_t size = 0; from + size <= bytes.size(); size += size < 70 ? 1 : 31) {
      const BytesView part = BytesView(bytes).substr(from, size);
      ASSERT_EQ(crc32c(part), by_the_definition(part)) << from << ", " << size;
    }
}

}  // namespace
}  // namespace millrace
