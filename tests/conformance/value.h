// Value: a key or value whose type only the case knows; and the conversions that vectors/README.md ("Functions") speaks
// of.
#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>

#include "millrace/dsl/streams_builder.h"

namespace millrace::conformance {

struct Value;
struct WindowedValue {
  std::shared_ptr<const Value> key;
  Window window;
};
struct Value {
  std::variant<std::string, std::int64_t, std::int32_t, double, Bytes, WindowedValue> content;
  Value() = default;
  template <class T>
    requires std::constructible_from<decltype(content), T>
  Value(T value) : content(std::move(value)) {}
  Value& operator++() {
    ++std::get<std::int64_t>(content);
    return *this;
  }
};
using V = std::optional<Value>;

// `str`, `parse_long` and `first` of vectors/README.md; a null pointer is null.
std::string text_of(const Value* value);
std::int64_t parse_long(const Value* value);
std::string first_of(const Value* value);

// Java counts, cuts and compares strings in UTF-16 units.
std::u16string utf16(const std::string& text);
std::string utf8(const std::u16string& units);
std::string tail(const std::string& text, std::size_t n);
// Java's compareTo; null is below all.
int compare(const Value* a, const Value* b);

// As the cases print values: bytes in hex, a windowed key as an object.
nlohmann::json to_json(const Value* value);
std::string hex(const std::string& bytes);
std::string from_hex(const std::string& digits);

}  // namespace millrace::conformance

namespace millrace {
template <>
struct Serde<conformance::Value> : RuntimeSerde {};
template <>
struct windowed_key<conformance::Value> {  // a windowed Value is a Value
  using type = conformance::Value;
  static type make(const type& key, Window window) {
    return conformance::WindowedValue{std::make_shared<const conformance::Value>(key), window};
  }
  static void assign(type& to, const type& key, Window window) { to = make(key, window); }
  static const type& key(const type& windowed) { return *std::get<conformance::WindowedValue>(windowed.content).key; }
  static Window window(const type& windowed) { return std::get<conformance::WindowedValue>(windowed.content).window; }
};
}  // namespace millrace
