#include "millrace/base/compression.h"

#include <gtest/gtest.h>
#include <snappy.h>
#include <zlib.h>

namespace millrace {
namespace {

constexpr Compression codecs[] = {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4,
                                  Compression::zstd};

TEST(Compression, gives_back_what_went_in) {
  for (auto codec : codecs) {
    for (std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{100}, std::size_t{65536}, std::size_t{300001}}) {
      SCOPED_TRACE(std::string(name_of(codec)) + " " + std::to_string(size));
      Bytes in, packed, out;
      for (std::size_t i = 0; i < size; ++i) in.push_back(static_cast<char>((i * i) >> 7));
      compress(codec, in, packed);
      auto result = decompress(codec, packed, out);
      ASSERT_TRUE(result) << result.error().text();
      EXPECT_EQ(out, in);
    }
  }
}

TEST(Compression, refuses_more_than_the_limit) {
  Bytes in(std::string(1 << 20, 'x'));
  for (auto codec : codecs) {
    SCOPED_TRACE(name_of(codec));
    Bytes packed, out;
    compress(codec, in, packed);
    EXPECT_TRUE(decompress(codec, packed, out, in.size()));
    auto result = decompress(codec, packed, out, in.size() - 1);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::corrupt_message);
    EXPECT_LE(out.size(), in.size());
  }
}

TEST(Compression, reads_a_bare_snappy_block) {
  std::string packed;
  snappy::Compress("hello hello hello", 17, &packed);
  Bytes out;
  ASSERT_TRUE(decompress(Compression::snappy, packed, out));
  EXPECT_EQ(out, "hello hello hello");
}

TEST(Compression, a_snappy_block_that_claims_too_much_allocates_nothing) {
  Bytes claim("\xff\xff\xff\x1f xx");  // 64 MiB less one, in seven bytes
  Bytes out;
  EXPECT_FALSE(decompress(Compression::snappy, claim, out));
  EXPECT_LT(out.capacity(), 1000u);
}

TEST(Compression, bytes_cut_short_are_an_error) {
  for (auto codec : {Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
    SCOPED_TRACE(name_of(codec));
    Bytes packed, out;
    compress(codec, Bytes(std::string(1000, 'a')), packed);
    packed.resize(packed.size() - 1);
    EXPECT_FALSE(decompress(codec, packed, out));
  }
}

TEST(Compression, has_kafkas_names) {
  for (auto codec : codecs) EXPECT_EQ(*compression_named(name_of(codec)), codec);
  EXPECT_EQ(compression_named("lzma").error().code(), ErrorCode::invalid_config);
}

}  // namespace
}  // namespace millrace
