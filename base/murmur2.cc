#include "millrace/base/murmur2.h"

#include <cstring>

namespace millrace {

std::int32_t murmur2(BytesView bytes) {
  constexpr std::uint32_t multiplier = 0x5bd1e995u;
  constexpr std::uint32_t seed = 0x9747b28cu;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint32_t hash = seed ^ static_cast<std::uint32_t>(left);
  for (; left >= 4; at += 4, left -= 4) {
    std::uint32_t word;
    std::memcpy(&word, at, 4);  // little-endian, as this machine
    word *= multiplier;
    word ^= word >> 24;
    word *= multiplier;
    hash = (hash * multiplier) ^ word;
  }
  if (left > 0) {
    for (std::size_t i = left; i-- > 0;) {
      hash ^= static_cast<std::uint32_t>(static_cast<std::uint8_t>(at[i])) << (8 * i);
    }
    hash *= multiplier;
  }
  hash ^= hash >> 13;
  hash *= multiplier;
  hash ^= hash >> 15;
  return static_cast<std::int32_t>(hash);
}

PartitionId partition_for_key(BytesView key, int partitions) {
  return static_cast<PartitionId>((murmur2(key) & 0x7fffffff) % partitions);
}

}  // namespace millrace
