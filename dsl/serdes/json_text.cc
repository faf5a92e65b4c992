#include "millrace/dsl/serdes/json_text.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace millrace {
namespace {

constexpr int deepest = 200;

template <class N>
void append_number(Bytes& out, N n) {
  char b[32];
  out.append(b, std::to_chars(b, b + sizeof b, n).ptr);
}

void append_utf8(std::string& to, char32_t c) {
  auto put = [&](char32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      put(0xe0 | (c >> 12));
    } else {
      put(0xf0 | (c >> 18));
      put(0x80 | ((c >> 12) & 0x3f));
    }
    put(0x80 | ((c >> 6) & 0x3f));
  }
  put(0x80 | (c & 0x3f));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void JsonWriter::integer(std::int64_t n) { append_number(out_, n); }
void JsonWriter::integer_unsigned(std::uint64_t n) { append_number(out_, n); }

void JsonWriter::number(double d) {
  if (!std::isfinite(d)) fits_ = false;
  append_number(out_, std::isfinite(d) ? d : 0.0);
}

void JsonWriter::number(float f) {
  if (!std::isfinite(f)) fits_ = false;
  append_number(out_, std::isfinite(f) ? f : 0.0f);
}

void JsonWriter::string(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out_.push_back('"');
  std::size_t plain_from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out_.append(text, plain_from, i - plain_from);
    plain_from = i + 1;
    switch (c) {
      case '"':
        out_.append("\\\"");
        break;
      case '\\':
        out_.append("\\\\");
        break;
      case '\n':
        out_.append("\\n");
        break;
      case '\r':
        out_.append("\\r");
        break;
      case '\t':
        out_.append("\\t");
        break;
      default:
        out_.append("\\u00");
        out_.push_back(hex[c >> 4]);
        out_.push_back(hex[c & 15]);
    }
  }
  out_.append(text, plain_from, text.size() - plain_from);
  out_.push_back('"');
}

Result<> JsonWriter::outcome() const {
  if (fits_) return {};
  return Error("JSON has no NaN and no infinity");
}

void JsonReader::fail(std::string_view what) {
  if (!ok()) return;
  error_ = "JSON, byte " + std::to_string(at_ - begin_) + ": " + std::string(what);
  at_ = end_;
}

void JsonReader::space() {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
}

char JsonReader::peek() {
  space();
  return at_ == end_ ? '\0' : *at_;
}

void JsonReader::expect(char c) {
  if (peek() != c || at_ == end_) return fail(std::string("expected '") + c + "'");
  ++at_;
}

bool JsonReader::word(std::string_view expected) {
  space();
  if (static_cast<std::size_t>(end_ - at_) < expected.size() || std::string_view(at_, expected.size()) != expected)
    return false;
  at_ += expected.size();
  return true;
}

bool JsonReader::null() { return peek() == 'n' && word("null"); }

bool JsonReader::boolean() {
  if (word("true")) return true;
  if (!word("false")) fail("expected true or false");
  return false;
}

// The letters of a number, checked against JSON's grammar; empty after a mistake.
std::string_view JsonReader::digits(bool& is_integer) {
  peek();
  const char* start = at_;
  const char* at = at_;
  auto some_digits = [&] {
    const char* from = at;
    while (at != end_ && is_digit(*at)) ++at;
    return at != from;
  };
  if (at != end_ && *at == '-') ++at;
  bool zero = at != end_ && *at == '0';
  const char* first = at;
  bool good = some_digits() && !(zero && at - first > 1);
  is_integer = true;
  if (good && at != end_ && *at == '.') {
    ++at;
    is_integer = false;
    good = some_digits();
  }
  if (good && at != end_ && (*at == 'e' || *at == 'E')) {
    ++at;
    is_integer = false;
    if (at != end_ && (*at == '+' || *at == '-')) ++at;
    good = some_digits();
  }
  if (!good) {
    fail("expected a number");
    return {};
  }
  at_ = at;
  return {start, static_cast<std::size_t>(at - start)};
}

std::int64_t JsonReader::integer(std::int64_t least, std::int64_t most) {
  bool is_integer = false;
  std::string_view text = digits(is_integer);
  std::int64_t n = 0;
  if (!ok()) return 0;
  bool fits = is_integer && std::from_chars(text.data(), text.data() + text.size(), n).ec == std::errc();
  if (!fits || n < least || n > most) return fail("the integer does not fit its field: " + std::string(text)), 0;
  return n;
}

std::uint64_t JsonReader::integer_unsigned(std::uint64_t most) {
  bool is_integer = false;
  std::string_view text = digits(is_integer);
  std::uint64_t n = 0;
  if (!ok()) return 0;
  bool fits = is_integer && std::from_chars(text.data(), text.data() + text.size(), n).ec == std::errc();
  if (!fits || n > most) return fail("the integer does not fit its field: " + std::string(text)), 0;
  return n;
}

double JsonReader::number() {
  bool is_integer = false;
  std::string_view text = digits(is_integer);
  if (!ok()) return 0;
  double d = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), d).ec != std::errc())
    fail("the number does not fit a double");
  return d;
}

char32_t JsonReader::hex4() {
  char32_t code = 0;
  if (end_ - at_ < 4) return fail("an escape is cut off"), 0;
  auto result = std::from_chars(at_, at_ + 4, reinterpret_cast<std::uint_least32_t&>(code), 16);
  if (result.ec != std::errc() || result.ptr != at_ + 4) return fail("expected four hexadecimal digits"), 0;
  at_ += 4;
  return code;
}

void JsonReader::escape(std::string& to) {
  if (at_ == end_) return fail("an escape is cut off");
  static constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
  char c = *at_++;
  if (auto i = letters.find(c); i != std::string_view::npos) return to.push_back(meanings[i]);
  if (c != 'u') return fail("no such escape");
  char32_t code = hex4();
  if (code >= 0xdc00 && code < 0xe000) return fail("half of a surrogate pair");
  if (code >= 0xd800 && code < 0xdc00) {
    if (end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') return fail("half of a surrogate pair");
    at_ += 2;
    char32_t low = hex4();
    if (low < 0xdc00 || low >= 0xe000) return fail("half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  append_utf8(to, code);
}

void JsonReader::string(std::string& to) {
  to.clear();
  if (peek() != '"') return fail("expected a string");
  ++at_;
  while (ok()) {
    const char* from = at_;
    while (at_ != end_ && *at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= 0x20) ++at_;
    to.append(from, at_);
    if (at_ == end_) return fail("a string does not end");
    char c = *at_++;
    if (c == '"') return;
    if (c != '\\') return fail("a control character in a string");
    escape(to);
  }
}

bool JsonReader::begin(char open) {
  expect(open);
  if (++depth_ > deepest) fail("nested too deeply");
  char close = open == '{' ? '}' : ']';
  if (peek() == close) {
    ++at_;
    --depth_;
    return false;
  }
  return ok();
}

bool JsonReader::next(char close) {
  char c = peek();
  if (c != ',' && c != close) fail(std::string("expected ',' or '") + close + "'");
  if (!ok()) return false;
  ++at_;
  if (c == close) --depth_;
  return c == ',';
}

std::string_view JsonReader::name() {
  string(name_);
  expect(':');
  return name_;
}

void JsonReader::skip() {
  char c = peek();
  if (c == '"') {
    std::string ignored;
    return string(ignored);
  }
  if (c == '{' || c == '[') {
    for (bool more = begin(c); more && ok(); more = next(c == '{' ? '}' : ']')) {
      if (c == '{') name();
      skip();
    }
    return;
  }
  if (word("null") || word("true") || word("false")) return;
  bool is_integer;
  digits(is_integer);
}

Result<> JsonReader::outcome() {
  space();
  if (ok() && at_ != end_) fail("something follows the value");
  if (!ok()) return Error(error_);
  return {};
}

}  // namespace millrace
