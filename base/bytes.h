// Bytes and views of them, and bounds-checked readers and writers of big-endian numbers and varints.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace {

// Owned bytes: a std::string in all but type, so that Serde<Bytes> and Serde<std::string> differ.
class Bytes : public std::string {
 public:
  using std::string::string;
  Bytes() = default;
  explicit Bytes(std::string text) : std::string(std::move(text)) {}
  explicit Bytes(std::string_view view) : std::string(view) {}
};
// Somebody else's bytes. Never null-terminated.
using BytesView = std::string_view;

template <class T>
T from_big_endian(const char* at) {
  T n;
  std::memcpy(&n, at, sizeof n);
  if constexpr (sizeof(T) == 2) n = static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(n)));
  if constexpr (sizeof(T) == 4) n = static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(n)));
  if constexpr (sizeof(T) == 8) n = static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(n)));
  return n;
}
template <class T>
void to_big_endian(T n, char* at) {
  if constexpr (sizeof(T) == 2) n = static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(n)));
  if constexpr (sizeof(T) == 4) n = static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(n)));
  if constexpr (sizeof(T) == 8) n = static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(n)));
  std::memcpy(at, &n, sizeof n);
}
template <class T>
void append_big_endian(std::string& out, T n) {
  char b[sizeof n];
  to_big_endian(n, b);
  out.append(b, sizeof n);
}

// Java's + and -, which are modulo 2^64: for numbers that may be anything.
constexpr std::int64_t wrapped_sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
constexpr std::int64_t wrapped_difference(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

// Reads numbers and slices from the front of `in`. After a read past the end, or a malformed varint, ok() is false for
// good and every further read gives zero or an empty view: check once, at the end. One thread.
class ByteReader {
 public:
  explicit ByteReader(BytesView in) : at_(in.data()), end_(in.data() + in.size()) {}
  bool ok() const { return ok_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  const char* position() const { return at_; }
  template <class T>
  T number() {  // big-endian
    if (remaining() < sizeof(T)) return fail(), T{};
    T n = from_big_endian<T>(at_);
    at_ += sizeof(T);
    return n;
  }
  BytesView slice(std::int64_t size) {
    if (size < 0 || static_cast<std::uint64_t>(size) > remaining()) return fail(), BytesView{};
    BytesView s(at_, static_cast<std::size_t>(size));
    at_ += size;
    return s;
  }
  std::uint64_t unsigned_varint() {
    std::uint64_t n = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) return fail(), 0;
      auto b = static_cast<std::uint8_t>(*at_++);
      n |= static_cast<std::uint64_t>(b & 0x7f) << shift;
      if (b < 0x80) return n;
    }
    return fail(), 0;
  }
  std::int64_t varint() {  // zig-zag, as in a record of format v2
    std::uint64_t z = unsigned_varint();
    return static_cast<std::int64_t>(z >> 1) ^ -static_cast<std::int64_t>(z & 1);
  }

 private:
  void fail() {
    ok_ = false;
    at_ = end_;
  }
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

// Zig-zag varint at `at`, which has room for 10 bytes; returns the end.
inline char* write_varint(char* at, std::int64_t n) {
  auto z = (static_cast<std::uint64_t>(n) << 1) ^ static_cast<std::uint64_t>(n >> 63);
  while (z >= 0x80) {
    *at++ = static_cast<char>(z | 0x80);
    z >>= 7;
  }
  *at++ = static_cast<char>(z);
  return at;
}
inline void append_varint(std::string& out, std::int64_t n) {
  char b[10];
  out.append(b, static_cast<std::size_t>(write_varint(b, n) - b));
}
// How many bytes write_varint takes for n: 1 to 10.
inline int varint_size(std::int64_t n) {
  auto z = (static_cast<std::uint64_t>(n) << 1) ^ static_cast<std::uint64_t>(n >> 63);
  return (70 - std::countl_zero(z | 1)) / 7;
}

}  // namespace millrace
