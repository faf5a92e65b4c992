#include "millrace/runtime/offset_metadata.h"

#include "millrace/base/base64.h"
#include "millrace/base/bytes.h"

namespace millrace {

namespace {

constexpr char version = 2;
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
  return to_base64(out);
}

Result<OffsetMetadata> decode_offset_metadata(std::string_view text) {
  OffsetMetadata result;
  if (text.empty()) return result;
  auto bytes = from_base64(text);
  if (!bytes) return Error(ErrorCode::corrupt_message, "offset metadata: " + bytes.error().message());
  ByteReader reader(*bytes);
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
