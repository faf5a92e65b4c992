// The few nouns that every layer shares: time, partitions, offsets, headers.
#pragma once
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/bytes.h"

namespace millrace {

using namespace std::chrono_literals;
using Duration = std::chrono::milliseconds;

// `d` in nanoseconds; INT64_MAX where they do not hold it (292 years): Long.MAX_VALUE milliseconds is how Kafka's users
// write "for ever".
constexpr std::int64_t nanoseconds(Duration d) {
  constexpr std::int64_t ns_per_ms = 1'000'000;
  if (d.count() > INT64_MAX / ns_per_ms) return INT64_MAX;
  return d.count() < INT64_MIN / ns_per_ms ? INT64_MIN : d.count() * ns_per_ms;
}
// Of a monotonic clock: `ns` later than `from_ns`, which is not negative. INT64_MAX: never.
constexpr std::int64_t later(std::int64_t from_ns, std::int64_t ns) {
  return ns > INT64_MAX - from_ns ? INT64_MAX : from_ns + ns;
}
constexpr std::int64_t later(std::int64_t from_ns, Duration d) { return later(from_ns, nanoseconds(d)); }

using Offset = std::int64_t;       // of a record in its partition; the next one to be written is the log end offset
using PartitionId = std::int32_t;  // 0-based
using ProducerId = std::int64_t;   // -1: none
using ProducerEpoch = std::int16_t;
using LeaderEpoch = std::int32_t;

// Milliseconds since 1970, UTC. -1: none.
struct Timestamp {
  std::int64_t ms = 0;
  friend constexpr auto operator<=>(Timestamp, Timestamp) = default;
  friend constexpr Timestamp operator+(Timestamp t, Duration d) { return {t.ms + d.count()}; }
  friend constexpr Timestamp operator-(Timestamp t, Duration d) { return {t.ms - d.count()}; }
  friend constexpr Duration operator-(Timestamp a, Timestamp b) { return Duration{a.ms - b.ms}; }
};

// A record header. A null value is allowed and differs from an empty one.
struct Header {
  std::string name;
  std::optional<Bytes> value;
  friend bool operator==(const Header&, const Header&) = default;
};
using Headers = std::vector<Header>;

struct TopicPartition {
  std::string topic;
  PartitionId partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
  std::string text() const { return topic + "-" + std::to_string(partition); }
};

// A topic's identity (KIP-516): a topic deleted and created again has another. 16 bytes.
struct TopicId {
  std::uint64_t high = 0, low = 0;
  friend auto operator<=>(const TopicId&, const TopicId&) = default;
};

}  // namespace millrace
