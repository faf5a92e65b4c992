#include "millrace/base/base64.h"

#include <cstdint>

namespace millrace {
namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encoded(BytesView bytes, std::string_view alphabet, bool padded) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k) {
      if (i + k <= bytes.size()) {
        text += alphabet[three >> (18 - 6 * k) & 63];
      } else if (padded) {
        text += '=';
      }
    }
  }
  return text;
}

}  // namespace

std::string to_base64(BytesView bytes) { return encoded(bytes, digits, true); }
std::string to_base64_url(BytesView bytes) { return encoded(bytes, url_digits, false); }

Result<Bytes> from_base64(std::string_view text) {
  auto misfit = [&] {
    return Error(ErrorCode::invalid_record, std::to_string(text.size()) + " characters are not base64");
  };
  const std::size_t end = text.find('=');
  if (text.size() % 4 != 0 || (end != text.npos && (end + 2 < text.size() || text.back() != '='))) return misfit();
  Bytes bytes;
  std::uint32_t collected = 0;
  int bits = 0;
  for (char c : text.substr(0, end)) {
    const std::size_t digit = digits.find(c);
    if (digit == digits.npos) return misfit();
    collected = collected << 6 | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(collected >> bits & 255);
  }
  return bytes;
}

std::string text_of(const TopicId& id) {
  Bytes bytes;
  append_big_endian(bytes, id.high);
  append_big_endian(bytes, id.low);
  return to_base64_url(bytes);
}

}  // namespace millrace
