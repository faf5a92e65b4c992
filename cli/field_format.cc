#include "cli/field_format.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "millrace/base/base64.h"

namespace millrace::cli {
namespace {

using Json = nlohmann::ordered_json;

Error misfit(BytesView bytes, std::string_view format) {
  return Error(ErrorCode::invalid_record, std::to_string(bytes.size()) + " bytes are not " + std::string(format));
}

template <class N>
std::string number_text(N n) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, n).ptr};
}

template <class N>
Result<Bytes> number_bytes(std::string_view text, std::string_view format) {
  N n{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return Error(ErrorCode::invalid_record, std::string(text) + " is not " + std::string(format));
  }
  std::string bytes;
  if constexpr (std::is_same_v<N, double>)
    append_big_endian(bytes, std::bit_cast<std::int64_t>(n));
  else
    append_big_endian(bytes, n);
  return Bytes(std::move(bytes));
}

// JSON has no NaN and no infinity: they are strings, "nan", "inf", "-inf", which from_json takes back.
Json number_json(double n) { return std::isfinite(n) ? Json(n) : Json(number_text(n)); }

std::string to_hex(BytesView bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (char c : bytes) (text += digits[static_cast<unsigned char>(c) >> 4]) += digits[c & 15];
  return text;
}

Result<Bytes> from_hex(std::string_view text) {
  Bytes bytes;
  unsigned value = 0;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
    if (error != std::errc{} || end != text.data() + i + 2) return misfit(text, "hexadecimal digits");
    bytes += static_cast<char>(value);
  }
  if (text.size() % 2 != 0) return misfit(text, "pairs of hexadecimal digits");
  return bytes;
}

}  // namespace

const std::vector<std::string>& field_format_names() {
  static const std::vector<std::string> names = {"string", "json", "long", "int", "double", "hex", "base64"};
  return names;
}

FieldFormat field_format_named(const std::string& name) {
  const auto& names = field_format_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<FieldFormat>(i);
  }
  MR_ASSERT(false, "not a format");
  return FieldFormat::string;
}

Result<Json> to_json(BytesView bytes, FieldFormat format) {
  switch (format) {
    case FieldFormat::string:
      if (!is_utf8(bytes)) return Json{{"base64", to_base64(bytes)}};
      return Json(std::string(bytes));
    case FieldFormat::json: {
      if (nests_too_deeply(bytes)) return misfit(bytes, "JSON of at most 1000 levels");
      Json parsed = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
      if (parsed.is_discarded()) return misfit(bytes, "JSON");
      return parsed;
    }
    case FieldFormat::long_number:
      if (bytes.size() != 8) return misfit(bytes, "a long");
      return Json(from_big_endian<std::int64_t>(bytes.data()));
    case FieldFormat::int_number:
      if (bytes.size() != 4) return misfit(bytes, "an int");
      return Json(from_big_endian<std::int32_t>(bytes.data()));
    case FieldFormat::double_number:
      if (bytes.size() != 8) return misfit(bytes, "a double");
      return number_json(std::bit_cast<double>(from_big_endian<std::int64_t>(bytes.data())));
    case FieldFormat::hex:
      return Json(to_hex(bytes));
    case FieldFormat::base64:
      return Json(to_base64(bytes));
  }
  return misfit(bytes, "of a known format");
}

Result<std::string> to_text(BytesView bytes, FieldFormat format) {
  if (format == FieldFormat::string) return std::string(bytes);
  if (format == FieldFormat::double_number && bytes.size() == 8) {
    return number_text(std::bit_cast<double>(from_big_endian<std::int64_t>(bytes.data())));
  }
  MR_ASSIGN(Json json, to_json(bytes, format));
  return format != FieldFormat::json && json.is_string() ? json.get<std::string>() : json.dump();
}

Result<Bytes> from_text(std::string_view text, FieldFormat format) {
  switch (format) {
    case FieldFormat::string:
      return Bytes(text);
    case FieldFormat::json:
      if (nests_too_deeply(text)) return misfit(text, "JSON of at most 1000 levels");
      if (!Json::accept(text)) return Error(ErrorCode::invalid_record, std::string(text) + " is not JSON");
      return Bytes(text);
    case FieldFormat::long_number:
      return number_bytes<std::int64_t>(text, "a long");
    case FieldFormat::int_number:
      return number_bytes<std::int32_t>(text, "an int");
    case FieldFormat::double_number:
      return number_bytes<double>(text, "a double");
    case FieldFormat::hex:
      return from_hex(text);
    case FieldFormat::base64:
      return from_base64(text);
  }
  return misfit(text, "of a known format");
}

Result<Bytes> from_json(const Json& json, FieldFormat format) {
  bool wrapped = json.is_object() && json.size() == 1 && json.contains("base64") && json["base64"].is_string();
  if (wrapped && format == FieldFormat::string) return from_base64(json["base64"].get<std::string>());
  if (format == FieldFormat::json) return Bytes(json.dump());
  if (json.is_string()) return from_text(json.get<std::string>(), format);
  return from_text(json.dump(), format);
}

bool nests_too_deeply(std::string_view json, int most) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string && c == '\\') ++i;
    if (c == '"') in_string = !in_string;
    if (in_string) continue;
    if (c == ']' || c == '}') --depth;
    if ((c == '[' || c == '{') && ++depth > most) return true;
  }
  return false;
}

bool is_utf8(std::string_view text) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    std::uint64_t eight;  // most text is ASCII
    while (i + sizeof eight <= text.size()) {
      std::memcpy(&eight, text.data() + i, sizeof eight);
      if (eight & 0x8080808080808080) break;
      i += sizeof eight;
    }
    if (i == text.size()) break;
    unsigned char first = at(i);
    std::size_t size = first < 0x80                    ? 1
                       : first >= 0xc2 && first < 0xe0 ? 2
                       : first >= 0xe0 && first < 0xf0 ? 3
                       : first >= 0xf0 && first < 0xf5 ? 4
                                                       : 0;
    if (size == 0 || i + size > text.size()) return false;
    for (std::size_t k = 1; k < size; ++k) {
      if ((at(i + k) & 0xc0) != 0x80) return false;
    }
    // Overlong forms, surrogates, and what lies beyond U+10FFFF.
    unsigned char second = size > 2 ? at(i + 1) : 0;
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f)) {
      return false;
    }
    i += size;
  }
  return true;
}

}  // namespace millrace::cli
