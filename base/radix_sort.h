// radix_sort: sorts by a number, in time that grows with how many there are alone.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace millrace {

// Stable. `key(item)` gives a std::int64_t; the nearer together the numbers are, the fewer passes it takes (one for
// each 11 bits of their range). T is copied freely. Takes as much memory again as the items.
template <class T, class Key>
void radix_sort(std::vector<T>& items, Key key) {
  constexpr int digit_bits = 11;
  constexpr std::size_t digits = std::size_t{1} << digit_bits;
  const auto before = [&](const T& a, const T& b) { return key(a) < key(b); };
  if (items.size() < digits / 4) {
    std::stable_sort(items.begin(), items.end(), before);
    return;
  }
  const auto [least, most] = std::minmax_element(items.begin(), items.end(), before);
  const auto base = static_cast<std::uint64_t>(key(*least));
  const std::uint64_t range = static_cast<std::uint64_t>(key(*most)) - base;
  std::vector<T> other(items.size());
  for (int shift = 0; shift < 64 && range >> shift; shift += digit_bits) {
    const auto digit = [&](const T& item) {
      return ((static_cast<std::uint64_t>(key(item)) - base) >> shift) % digits;
    };
    std::array<std::size_t, digits> places{};
    for (const T& item : items) ++places[digit(item)];
    std::size_t place = 0;
    for (std::size_t& p : places) place += std::exchange(p, place);
    for (const T& item : items) other[places[digit(item)]++] = item;
    items.swap(other);
  }
}

}  // namespace millrace
