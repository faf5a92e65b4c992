// The five codecs of a record batch, in the framings that Java's clients write and read.
//
//   gzip    one RFC 1952 member (several are read)
//   snappy  snappy-java's framing: magic, two versions, blocks of 32 KiB; a bare snappy block is read too
//   lz4     the LZ4 frame with independent blocks of 64 KiB, no content size, no checksums
//   zstd    a zstd frame, level 3
//
// Bytes that come from outside are not trusted: nothing is allocated from a length that they claim before that length
// was checked against what the input could possibly hold, and output stops at a limit.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "millrace/base/bytes.h"
#include "millrace/base/result.h"

namespace millrace {

enum class Compression : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

// Kafka's names: none, gzip, snappy, lz4, zstd. Error: INVALID_CONFIG that lists them.
Result<Compression> compression_named(std::string_view name);
std::string_view name_of(Compression codec);

// A batch whose records decompress to more than this is refused. (A broker's message.max.bytes is 1 MiB by default.)
inline constexpr std::size_t decompressed_size_max = 64 << 20;

// Appends the compressed form of `in` to `out`. Precondition: codec is one of the five; none copies.
void compress(Compression codec, BytesView in, Bytes& out);

// Replaces `out` by the decompressed form of `in`.
// Errors: CORRUPT_MESSAGE (not this codec's bytes, cut short, or more than `size_max`), UNSUPPORTED_COMPRESSION_TYPE
// (codec 5 to 7).
Result<> decompress(Compression codec, BytesView in, Bytes& out, std::size_t size_max = decompressed_size_max);

}  // namespace millrace
