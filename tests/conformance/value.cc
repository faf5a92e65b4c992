#include "value.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace millrace::conformance {
namespace {

// Java's Double.toString.
std::string java_double(double d) {
  if (std::isnan(d)) return "NaN";
  if (std::isinf(d)) return d < 0 ? "-Infinity" : "Infinity";
  char b[64];
  double size = std::fabs(d);
  if (d == 0 || (size >= 1e-3 && size < 1e7)) {
    auto end = std::to_chars(b, b + sizeof b, d, std::chars_format::fixed).ptr;
    std::string text(b, end);
    return text.find('.') == std::string::npos ? text + ".0" : text;
  }
  auto end = std::to_chars(b, b + sizeof b, d, std::chars_format::scientific).ptr;
  std::string text(b, end);
  auto e = text.find('e');
  std::string digits = text.substr(0, e);
  if (digits.find('.') == std::string::npos) digits += ".0";
  return digits + "E" + std::to_string(std::stoi(text.substr(e + 1)));
}

struct Printer {
  std::string operator()(const std::string& s) const { return s; }
  std::string operator()(std::int64_t n) const { return std::to_string(n); }
  std::string operator()(std::int32_t n) const { return std::to_string(n); }
  std::string operator()(double d) const { return java_double(d); }
  std::string operator()(const Bytes& b) const { return hex(b); }
  std::string operator()(const WindowedValue& w) const {
    return text_of(w.key.get()) + "@" + std::to_string(w.window.start.ms) + "/" + std::to_string(w.window.end.ms);
  }
};

}  // namespace

std::string text_of(const Value* value) { return value ? std::visit(Printer{}, value->content) : "null"; }

std::int64_t parse_long(const Value* value) {
  if (!value) return 0;
  if (auto* n = std::get_if<std::int64_t>(&value->content)) return *n;
  if (auto* n = std::get_if<std::int32_t>(&value->content)) return *n;
  std::string text = text_of(value);
  std::size_t digits = text.starts_with('-') ? 1 : 0;
  bool is_number = text.size() > digits && text.size() - digits <= 18;
  for (std::size_t i = digits; i < text.size(); ++i) is_number = is_number && text[i] >= '0' && text[i] <= '9';
  return is_number ? std::stoll(text) : static_cast<std::int64_t>(utf16(text).size());
}

std::string first_of(const Value* value) { return utf8(utf16(text_of(value)).substr(0, 1)); }

std::u16string utf16(const std::string& text) {
  std::u16string units;
  for (std::size_t i = 0; i < text.size();) {
    auto c = static_cast<unsigned char>(text[i]);
    int more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    char32_t point = more == 0 ? c : c & (0x3f >> more);
    for (int k = 1; k <= more && i + k < text.size(); ++k)
      point = (point << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3f);
    i += static_cast<std::size_t>(more) + 1;
    if (point < 0x10000) {
      units.push_back(static_cast<char16_t>(point));
    } else {
      units.push_back(static_cast<char16_t>(0xd800 + ((point - 0x10000) >> 10)));
      units.push_back(static_cast<char16_t>(0xdc00 + ((point - 0x10000) & 0x3ff)));
    }
  }
  return units;
}

std::string utf8(const std::u16string& units) {
  std::string text;
  for (std::size_t i = 0; i < units.size(); ++i) {
    char32_t c = units[i];
    bool high = c >= 0xd800 && c < 0xdc00;
    if (high && i + 1 < units.size() && units[i + 1] >= 0xdc00 && units[i + 1] < 0xe000) {
      c = 0x10000 + ((c - 0xd800) << 10) + (units[++i] - 0xdc00);
    } else if (c >= 0xd800 && c < 0xe000) {
      c = '?';  // as Java's encoder writes half a pair
    }
    auto put = [&](int shift, char32_t mark, char32_t mask) {
      text += static_cast<char>(mark | ((c >> shift) & mask));
    };
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      put(6, 0xc0, 0x1f), put(0, 0x80, 0x3f);
    } else if (c < 0x10000) {
      put(12, 0xe0, 0x0f), put(6, 0x80, 0x3f), put(0, 0x80, 0x3f);
    } else {
      put(18, 0xf0, 0x07), put(12, 0x80, 0x3f), put(6, 0x80, 0x3f), put(0, 0x80, 0x3f);
    }
  }
  return text;
}

std::string tail(const std::string& text, std::size_t n) {
  std::u16string units = utf16(text);
  return units.size() <= n ? text : utf8(units.substr(units.size() - n));
}

int compare(const Value* a, const Value* b) {
  if (!a || !b) return (a ? 1 : 0) - (b ? 1 : 0);
  if (auto* x = std::get_if<std::string>(&a->content)) return utf16(*x).compare(utf16(text_of(b)));
  if (auto* x = std::get_if<double>(&a->content)) {
    double y = std::get<double>(b->content);
    return *x < y ? -1 : *x > y;
  }
  std::int64_t x = parse_long(a), y = parse_long(b);
  return x < y ? -1 : x > y;
}

std::string hex(const std::string& bytes) {
  std::string text;
  for (char c : bytes) {
    char b[3];
    std::snprintf(b, sizeof b, "%02x", static_cast<unsigned char>(c));
    text += b;
  }
  return text;
}

std::string from_hex(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return bytes;
}

nlohmann::json to_json(const Value* value) {
  if (!value) return nullptr;
  if (auto* w = std::get_if<WindowedValue>(&value->content)) {
    return {{"key", to_json(w->key.get())}, {"start", w->window.start.ms}, {"end", w->window.end.ms}};
  }
  if (auto* b = std::get_if<Bytes>(&value->content)) return hex(*b);
  if (auto* s = std::get_if<std::string>(&value->content)) return *s;
  if (auto* n = std::get_if<std::int64_t>(&value->content)) return *n;
  if (auto* n = std::get_if<std::int32_t>(&value->content)) return *n;
  return std::get<double>(value->content);
}

}  // namespace millrace::conformance
