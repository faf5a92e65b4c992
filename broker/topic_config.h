// A topic's configuration: Kafka's keys, those that mean something on one machine.
//
// A key that is not in the table is refused and not ignored: INVALID_CONFIG names the nearest one, and says so when
// Kafka has the key and one machine has no use for it (replication). docs/configuration.md lists them.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "millrace/base/config.h"
#include "millrace/base/result.h"
#include "millrace/base/types.h"

namespace millrace::broker {

// Defaults are Kafka's. Sizes in bytes, times in milliseconds; -1 where Kafka says "no limit".
struct TopicConfig {
  bool deletes = true;    // cleanup.policy has delete
  bool compacts = false;  // cleanup.policy has compact
  std::int64_t segment_bytes = 1 << 30;
  std::int64_t segment_ms = 7LL * 24 * 3600 * 1000;
  std::int64_t segment_index_bytes = 10 << 20;
  std::int64_t index_interval_bytes = 4096;
  std::int64_t retention_bytes = -1;
  std::int64_t retention_ms = 7LL * 24 * 3600 * 1000;
  std::int64_t delete_retention_ms = 24LL * 3600 * 1000;
  std::int64_t min_compaction_lag_ms = 0;
  double min_cleanable_dirty_ratio = 0.5;
  std::int64_t max_message_bytes = 1048588;
  bool log_append_time = false;  // message.timestamp.type
  std::int64_t timestamp_before_max_ms = INT64_MAX;
  std::int64_t timestamp_after_max_ms = 3600 * 1000;

  // The configuration that `configs` describe, over the defaults. Error: INVALID_CONFIG.
  static Result<TopicConfig> parse(const std::map<std::string, std::string>& configs);

  // Whether a record of this time may enter at `now` (message.timestamp.before.max.ms and .after.max.ms, KIP-937).
  // Error: INVALID_TIMESTAMP, with both times and the key to raise.
  Result<> check_timestamp(Timestamp timestamp, Timestamp now) const;
};

// The keys that parse() knows, with Kafka's defaults.
const ConfigTable& topic_configs();

}  // namespace millrace::broker
