// java.util.Properties' text format; see base/config.h.
#include <string>

#include "millrace/base/config.h"

namespace millrace {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

bool four_hex_digits(std::string_view text, std::uint32_t& n) {
  n = 0;
  if (text.size() < 4) return false;
  for (char c : text.substr(0, 4)) {
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return false;
    n = n * 16 + static_cast<std::uint32_t>(digit);
  }
  return true;
}

// Reads logical lines: comments and empty lines skipped, continued lines joined.
class PropertyLines {
 public:
  explicit PropertyLines(std::string_view text) : rest_(text) {}
  int number() const { return number_; }
  bool next(std::string& line) {
    while (!rest_.empty()) {
      std::string_view natural = natural_line();
      if (natural.empty() || natural[0] == '#' || natural[0] == '!') continue;
      line = natural;
      while (ends_with_odd_backslashes(line)) {
        line.pop_back();
        if (rest_.empty()) break;
        line += natural_line();
      }
      return true;
    }
    return false;
  }

 private:
  std::string_view natural_line() {
    std::size_t end = rest_.find_first_of("\r\n");
    std::string_view line = rest_.substr(0, end);
    if (end == std::string_view::npos)
      rest_ = {};
    else
      rest_.remove_prefix(rest_.substr(end, 2) == "\r\n" ? end + 2 : end + 1);
    ++number_;
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    return line;
  }
  static bool ends_with_odd_backslashes(const std::string& line) {
    std::size_t last = line.find_last_not_of('\\');
    return (line.size() - (last == std::string::npos ? 0 : last + 1)) % 2 == 1;
  }
  std::string_view rest_;
  int number_ = 0;
};

Result<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    char c = text[++i];
    std::uint32_t high = 0, low = 0;
    if (c == 'u') {
      if (!four_hex_digits(text.substr(i + 1), high)) return Error(ErrorCode::invalid_config, "malformed \\u escape");
      i += 4;
      bool pair = high >= 0xd800 && high < 0xdc00 && text.substr(i + 1, 2) == "\\u" &&
                  four_hex_digits(text.substr(i + 3), low) && low >= 0xdc00 && low < 0xe000;
      if (pair) i += 6;
      append_utf8(out, pair ? 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00) : high);
    } else {
      out += c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
    }
  }
  return out;
}

}  // namespace

Result<ConfigValues> parse_properties(std::string_view text) {
  ConfigValues values;
  PropertyLines lines(text);
  std::string line;
  while (lines.next(line)) {
    std::size_t key_end = 0;
    while (key_end < line.size() && !is_blank(line[key_end]) && line[key_end] != '=' && line[key_end] != ':') {
      key_end += line[key_end] == '\\' ? 2 : 1;
    }
    key_end = std::min(key_end, line.size());
    std::size_t value_start = key_end;
    while (value_start < line.size() && is_blank(line[value_start])) ++value_start;
    if (value_start < line.size() && (line[value_start] == '=' || line[value_start] == ':')) ++value_start;
    while (value_start < line.size() && is_blank(line[value_start])) ++value_start;
    auto key = unescaped(std::string_view(line).substr(0, key_end));
    auto value = unescaped(std::string_view(line).substr(value_start));
    if (!key) return std::move(key).error().in("line " + std::to_string(lines.number()));
    if (!value) return std::move(value).error().in("line " + std::to_string(lines.number()));
    values[*key] = *value;
  }
  return values;
}

}  // namespace millrace
