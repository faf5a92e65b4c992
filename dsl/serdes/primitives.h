// Serdes of strings, bytes, booleans and numbers, in the encodings of Kafka's own Java serdes: UTF-8, raw, and
// big-endian.
#pragma once
#include <bit>
#include <cstdint>
#include <string>
#include <type_traits>

#include "millrace/dsl/serde.h"

namespace millrace {

// The text as it is. No check that it is UTF-8: what was written comes back.
template <>
struct Serde<std::string> {
  static void write(const std::string& s, Bytes& out) { out.append(s); }
  static Result<std::string> read(BytesView in) { return std::string(in); }
  static Result<> read_into(BytesView in, std::string& to) {
    to.assign(in);
    return {};
  }
  static std::size_t serialized_size(const std::string& s) { return s.size(); }
  static std::size_t memory_size(const std::string& s) { return heap_bytes(s); }
  static BytesView view(const std::string& s) { return s; }
};

template <>
struct Serde<Bytes> {
  static void write(const Bytes& b, Bytes& out) { out.append(b); }
  static Result<Bytes> read(BytesView in) { return Bytes(in); }
  static Result<> read_into(BytesView in, Bytes& to) {
    to.assign(in);
    return {};
  }
  static std::size_t serialized_size(const Bytes& b) { return b.size(); }
  static std::size_t memory_size(const Bytes& b) { return heap_bytes(b); }
  static BytesView view(const Bytes& b) { return b; }
};

// One byte, 0 or 1, as Java's BooleanSerializer.
template <>
struct Serde<bool> {
  static void write(bool b, Bytes& out) { out.push_back(b ? 1 : 0); }
  static Result<bool> read(BytesView in);
  static std::size_t serialized_size(bool) { return 1; }
};

template <class T>
concept JavaNumber = std::same_as<T, std::int16_t> || std::same_as<T, std::int32_t> || std::same_as<T, std::int64_t> ||
                     std::same_as<T, float> || std::same_as<T, double>;

// What Kafka's deserializer of the same name says of a wrong size. Out of line.
Error wrong_size(std::size_t expected, bool floating);

// Big-endian; floating point as its IEEE 754 bits, NaN in Java's canonical form.
template <JavaNumber T>
struct Serde<T> {
  using Bits =
      std::conditional_t<sizeof(T) == 8, std::int64_t, std::conditional_t<sizeof(T) == 4, std::int32_t, std::int16_t>>;
  static void write(T n, Bytes& out) {
    Bits bits;
    if constexpr (std::is_floating_point_v<T>) {
      bits = n == n ? std::bit_cast<Bits>(n) : static_cast<Bits>(sizeof(T) == 8 ? 0x7ff8000000000000LL : 0x7fc00000LL);
    } else {
      bits = n;
    }
    append_big_endian(out, bits);
  }
  static Result<T> read(BytesView in) {
    if (in.size() != sizeof(T)) return wrong_size(sizeof(T), std::is_floating_point_v<T>);
    return std::bit_cast<T>(from_big_endian<Bits>(in.data()));
  }
  static std::size_t serialized_size(T) { return sizeof(T); }
};

}  // namespace millrace
