// The input of every throughput comparison: the records are defined by mix() below, so that any implementation loads
// identical ones.
#pragma once
#include <cstdint>
#include <string>

#include "millrace/base/result.h"
#include "millrace/connectors/log_client.h"

namespace millrace::bench {

// splitmix64 of i: the only source of randomness.
std::uint64_t mix(std::uint64_t i);
// "k" and a number below `keys`.
std::string key(std::uint64_t i, std::uint64_t keys);
// 100 hex digits.
std::string value(std::uint64_t i);
// The record's timestamp, in every topic.
std::int64_t timestamp_ms(std::uint64_t i);
// Ten words w0 … w9999, skewed.
std::string line(std::uint64_t i);

enum class Kind { kv, lines, table };
// Loads `records` into `topic` unless it holds them already. Error: the log's.
Result<> load(LogClient& log, const std::string& topic, Kind kind, int partitions, std::uint64_t records,
              std::uint64_t keys);

}  // namespace millrace::bench
