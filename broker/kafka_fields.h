// The field encodings of Kafka's own records (the protocol's primitive types), for the record formats of internal
// topics.
#pragma once
#include <cstdint>
#include <string>

#include "millrace/base/bytes.h"

namespace millrace::broker {

// STRING: i16 length, bytes.
inline void append_string(Bytes& out, BytesView text) {
  append_big_endian(out, static_cast<std::int16_t>(text.size()));
  out += text;
}
inline std::string read_string(ByteReader& in) { return std::string(in.slice(in.number<std::int16_t>())); }

// UNSIGNED_VARINT, which the flexible versions (KIP-482) use for lengths, plus one, and for tags.
inline void append_unsigned_varint(Bytes& out, std::uint32_t n) {
  while (n >= 0x80) {
    out.push_back(static_cast<char>(n | 0x80));
    n >>= 7;
  }
  out.push_back(static_cast<char>(n));
}
// COMPACT_STRING.
inline void append_compact_string(Bytes& out, BytesView text) {
  append_unsigned_varint(out, static_cast<std::uint32_t>(text.size() + 1));
  out += text;
}
inline std::string read_compact_string(ByteReader& in) {
  return std::string(in.slice(static_cast<std::int64_t>(in.unsigned_varint()) - 1));
}

}  // namespace millrace::broker
