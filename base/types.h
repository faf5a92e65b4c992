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
