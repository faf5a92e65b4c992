// JsonWriter and JsonReader: the letters of JSON (RFC 8259), without a tree in between. The compiled half of
// dsl/serdes/json.h.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/bytes.h"
#include "millrace/base/result.h"

namespace millrace {

// Appends JSON to `out`: compact, numbers in their shortest exact form, independent of the locale. One thread.
class JsonWriter {
 public:
  explicit JsonWriter(Bytes& out) : out_(out) {}
  void null() { out_.append("null"); }
  void boolean(bool b) { out_.append(b ? "true" : "false"); }
  void integer(std::int64_t n);
  void integer_unsigned(std::uint64_t n);
  // NaN and the infinities have no JSON: they make the outcome an error.
  void number(double d);
  void number(float f);
  // Quoted; control characters, quotes and backslashes escaped, everything else as it is.
  void string(std::string_view text);
  // "{" "}" "[" "]" "," ":"
  void mark(char c) { out_.push_back(c); }
  void name(std::string_view field) {
    string(field);
    out_.push_back(':');
  }
  Result<> outcome() const;

 private:
  Bytes& out_;
  bool fits_ = true;
};

// Reads JSON from the front of a text. After a mistake ok() is false for good, and everything further reads as nothing:
// check once, at the end. Nesting deeper than 200 is a mistake. One thread.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}
  bool ok() const { return error_.empty(); }
  // Whether the next value is null; takes it if so.
  bool null();
  bool boolean();
  std::int64_t integer(std::int64_t least, std::int64_t most);
  std::uint64_t integer_unsigned(std::uint64_t most);
  double number();
  // Into `to`, reusing its memory.
  void string(std::string& to);
  // for (bool more = r.begin('{'); more; more = r.next('}')) { r.name(…); … }
  bool begin(char open);
  bool next(char close);
  // A field's name and its colon; valid until the next call.
  std::string_view name();
  // Exactly this letter.
  void expect(char c);
  // One value of any kind, left out.
  void skip();
  void fail(std::string_view what);
  // An error unless all of the text was one value.
  Result<> outcome();

 private:
  void space();
  char peek();
  bool word(std::string_view expected);
  std::string_view digits(bool& is_integer);
  void escape(std::string& to);
  char32_t hex4();
  const char *begin_, *at_, *end_;
  int depth_ = 0;
  std::string name_, error_;
};

}  // namespace millrace
