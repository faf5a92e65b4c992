#include "millrace/broker/topic_config.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "millrace/base/bytes.h"

namespace millrace::broker {
namespace {

constexpr std::array replication_keys = {"follower.replication.throttled.replicas",
                                         "leader.replication.throttled.replicas",
                                         "min.insync.replicas",
                                         "unclean.leader.election.enable",
                                         "remote.storage.enable",
                                         "local.retention.bytes",
                                         "local.retention.ms"};

// What becomes of old records.
std::vector<ConfigKey> retention_keys() {
  return {
      {.name = "cleanup.policy",
       .type = ConfigType::list,
       .initial = "delete",
       .valid = one_of({"delete", "compact"}),
       .doc = "`delete`: segments go when they are old, or too many. `compact`: the last value of each key stays. "
              "`compact,delete`: both. Empty: everything stays."},
      {.name = "retention.ms",
       .type = ConfigType::duration_ms,
       .initial = "604800000",
       .valid = at_least(-1),
       .doc = "With `delete`: how old a segment's youngest record may become. -1: no limit."},
      {.name = "retention.bytes",
       .type = ConfigType::size_bytes,
       .initial = "-1",
       .valid = at_least(-1),
       .doc = "With `delete`: how large a partition may become. -1: no limit."},
      {.name = "delete.retention.ms",
       .type = ConfigType::duration_ms,
       .initial = "86400000",
       .valid = at_least(0),
       .doc = "With `compact`: how long a tombstone stays after the compaction that met it first. A checkpoint of a "
              "store that is older is not trusted."},
      {.name = "min.cleanable.dirty.ratio",
       .type = ConfigType::real,
       .initial = "0.5",
       .valid = between(0, 1),
       .doc = "With `compact`: how large a share of the log must be new before it is compacted."},
      {.name = "min.compaction.lag.ms",
       .type = ConfigType::duration_ms,
       .initial = "0",
       .valid = at_least(0),
       .doc = "With `compact`: how old a record must be before it can be compacted away."},
  };
}

// How records are taken and stored.
std::vector<ConfigKey> storage_keys() {
  return {
      {.name = "segment.bytes",
       .type = ConfigType::size_bytes,
       .initial = "1073741824",
       .valid = between(1024, INT32_MAX),  // positions in an index have 4 bytes
       .doc = "A segment of this size is closed and the next one begun. Only closed ones are deleted or compacted.",
       .kafka = "Kafka's least is 1 MiB since 4.0"},
      {.name = "segment.ms",
       .type = ConfigType::duration_ms,
       .initial = "604800000",
       .valid = at_least(1),
       .doc = "A segment of this age is closed by the next record."},
      {.name = "segment.index.bytes",
       .type = ConfigType::size_bytes,
       .initial = "10485760",
       .valid = at_least(4),
       .doc = "A segment whose offset index has this size is closed."},
      {.name = "index.interval.bytes",
       .type = ConfigType::size_bytes,
       .initial = "4096",
       .valid = at_least(0),
       .doc = "About every how many bytes of a segment there is an index entry."},
      {.name = "max.message.bytes",
       .type = ConfigType::size_bytes,
       .initial = "1048588",
       .valid = at_least(0),
       .doc = "The largest record batch that is taken: else MESSAGE_TOO_LARGE."},
      {.name = "compression.type",
       .type = ConfigType::string,
       .initial = "producer",
       .valid = one_of({"producer"}),
       .doc = "Batches are stored as producers compressed them.",
       .kafka = "Kafka can compress anew"},
      {.name = "message.timestamp.type",
       .type = ConfigType::string,
       .initial = "CreateTime",
       .valid = one_of({"CreateTime", "LogAppendTime"}),
       .doc = "Whether records bear their producer's time or that of the append."},
      {.name = "message.timestamp.before.max.ms",
       .type = ConfigType::duration_ms,
       .initial = "9223372036854775807",
       .valid = at_least(0),
       .doc = "With `CreateTime`: how far behind the clock a record may be: else INVALID_TIMESTAMP."},
      {.name = "message.timestamp.after.max.ms",
       .type = ConfigType::duration_ms,
       .initial = "3600000",
       .valid = at_least(0),
       .doc = "With `CreateTime`: how far ahead of the clock a record may be: else INVALID_TIMESTAMP."},
  };
}

}  // namespace

const ConfigTable& topic_configs() {
  static const ConfigTable table("Topics", [] {
    auto all = retention_keys();
    auto more = storage_keys();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }());
  return table;
}

Result<TopicConfig> TopicConfig::parse(const std::map<std::string, std::string>& configs) {
  for (const auto& [key, value] : configs)
    if (std::find(replication_keys.begin(), replication_keys.end(), key) != replication_keys.end())
      return Error(ErrorCode::invalid_config, key + " is about replication, which one machine has not");
  MR_ASSIGN(const Config given, Config::parse(topic_configs(), configs));
  const std::vector<std::string> policies = given.list("cleanup.policy");
  auto has = [&](const char* policy) { return std::find(policies.begin(), policies.end(), policy) != policies.end(); };
  TopicConfig config;
  config.deletes = has("delete");
  config.compacts = has("compact");
  config.segment_bytes = given.integer("segment.bytes");
  config.segment_ms = given.integer("segment.ms");
  config.segment_index_bytes = given.integer("segment.index.bytes");
  config.index_interval_bytes = given.integer("index.interval.bytes");
  config.retention_bytes = given.integer("retention.bytes");
  config.retention_ms = given.integer("retention.ms");
  config.delete_retention_ms = given.integer("delete.retention.ms");
  config.min_compaction_lag_ms = given.integer("min.compaction.lag.ms");
  config.min_cleanable_dirty_ratio = given.real("min.cleanable.dirty.ratio");
  config.max_message_bytes = given.integer("max.message.bytes");
  config.log_append_time = given.string("message.timestamp.type") == "LogAppendTime";
  config.timestamp_before_max_ms = given.integer("message.timestamp.before.max.ms");
  config.timestamp_after_max_ms = given.integer("message.timestamp.after.max.ms");
  return config;
}

Result<> TopicConfig::check_timestamp(Timestamp timestamp, Timestamp now) const {
  if (log_append_time) return {};
  const bool ahead = timestamp.ms > now.ms;
  const auto apart = static_cast<std::uint64_t>(  // which signed numbers do not hold for any two times
      ahead ? wrapped_difference(timestamp.ms, now.ms) : wrapped_difference(now.ms, timestamp.ms));
  const std::int64_t most = ahead ? timestamp_after_max_ms : timestamp_before_max_ms;
  if (apart <= static_cast<std::uint64_t>(most)) return {};
  return Error(ErrorCode::invalid_timestamp,
               "the timestamp " + std::to_string(timestamp.ms) + " is " + std::to_string(apart) + " ms " +
                   (ahead ? "after" : "before") + " the present " + std::to_string(now.ms) + ", and the topic's " +
                   (ahead ? "message.timestamp.after.max.ms" : "message.timestamp.before.max.ms") + " is " +
                   std::to_string(most));
}

}  // namespace millrace::broker
