#include "millrace/runtime/offset_metadata.h"

#include "millrace/base/bytes.h"

namespace millrace {

namespace {

constexpr char version = 2;
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64(BytesView in) {
  std::string out;
  for (std::size_t i = 0; i < in.size(); i += 3) {
    std::uint32_t n = 0;
    for (std::size_t j = 0; j < 3; ++j) n = n << 8 | (i + j < in.size() ? static_cast<std::uint8_t>(in[i + j]) : 0);
    for (std::size_t j = 0; j < 4; ++j) out += i + j <= in.size() ? alphabet[n >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

Result<Bytes> from_base64(std::string_view in) {
  Bytes out;
  std::uint32_t n = 0;
  int bits = 0;
  for (char c : in) {
    if (c == '=') break;
    const std::size_t digit = alphabet.find(c);
    if (digit == std::string_view::npos) return Error(ErrorCode::corrupt_message, "offset metadata is not base64");
    n = n << 6 | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits >= 8) out += static_cast<char>(n >> (bits -= 8) & 255);
  }
  return out;
}

}  // namespace

std::string encode(const OffsetMetadata& metadata) {
  Bytes out;
  out += version;
  append_big_endian(out, metadata.partition_time.ms);
  if (!metadata.processors.empty()) append_big_endian(out, static_cast<std::int32_t>(metadata.processors.size()));
  for (const auto& [name, value] : metadata.processors) {
    append_big_endian(out, static_cast<std::int32_t>(name.size()));
    out += name;
    append_big_endian(out, value);
  }
  return base64(out);
}

Result<OffsetMetadata> decode_offset_metadata(std::string_view text) {
  OffsetMetadata result;
  if (text.empty()) return result;
  MR_ASSIGN(Bytes bytes, from_base64(text));
  ByteReader reader(bytes);
  const char found = reader.number<char>();
  if (found != 1 && found != version)
    return Error(ErrorCode::unsupported_version, "offset metadata of version " + std::to_string(found));
  result.partition_time.ms = reader.number<std::int64_t>();
  if (found == version && reader.remaining() > 0) {
    const auto count = reader.number<std::int32_t>();
    for (std::int32_t i = 0; i < count && reader.ok(); ++i) {
      std::string name(reader.slice(reader.number<std::int32_t>()));
      result.processors[name] = reader.number<std::int64_t>();
    }
  }
  if (!reader.ok()) return Error(ErrorCode::corrupt_message, "offset metadata is too short");
  return result;
}

}  // namespace millrace
