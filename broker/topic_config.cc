#include "millrace/broker/topic_config.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace millrace::broker {
namespace {

struct NumberKey {
  const char* name;
  std::int64_t TopicConfig::* field;
  std::int64_t min;
};
constexpr NumberKey numbers[] = {
    {"delete.retention.ms", &TopicConfig::delete_retention_ms, 0},
    {"index.interval.bytes", &TopicConfig::index_interval_bytes, 0},
    {"max.message.bytes", &TopicConfig::max_message_bytes, 0},
    {"message.timestamp.after.max.ms", &TopicConfig::timestamp_after_max_ms, 0},
    {"message.timestamp.before.max.ms", &TopicConfig::timestamp_before_max_ms, 0},
    {"min.compaction.lag.ms", &TopicConfig::min_compaction_lag_ms, 0},
    {"retention.bytes", &TopicConfig::retention_bytes, -1},
    {"retention.ms", &TopicConfig::retention_ms, -1},
    {"segment.bytes", &TopicConfig::segment_bytes, 1024},
    {"segment.index.bytes", &TopicConfig::segment_index_bytes, 4},
    {"segment.ms", &TopicConfig::segment_ms, 1},
};
const std::set<std::string> replication_keys = {"follower.replication.throttled.replicas",
                                                "leader.replication.throttled.replicas",
                                                "min.insync.replicas",
                                                "unclean.leader.election.enable",
                                                "remote.storage.enable",
                                                "local.retention.bytes",
                                                "local.retention.ms"};

Error invalid(const std::string& key, const std::string& value, std::string_view want) {
  return Error(ErrorCode::invalid_config, key + "=" + value + ": " + std::string(want));
}

Result<std::int64_t> number(const std::string& key, const std::string& value, std::int64_t min) {
  std::int64_t n = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
  if (error != std::errc() || end != value.data() + value.size()) return invalid(key, value, "not a whole number");
  if (n < min) return invalid(key, value, "the least is " + std::to_string(min));
  return n;
}

Result<> parse_cleanup_policy(const std::string& value, TopicConfig& config) {
  config.deletes = config.compacts = false;
  for (std::size_t at = 0; at <= value.size();) {
    std::size_t comma = std::min(value.find(',', at), value.size());
    std::string word = value.substr(at, comma - at);
    while (!word.empty() && word.front() == ' ') word.erase(0, 1);
    while (!word.empty() && word.back() == ' ') word.pop_back();
    if (word == "delete") {
      config.deletes = true;
    } else if (word == "compact") {
      config.compacts = true;
    } else if (!word.empty()) {
      return invalid("cleanup.policy", value, "delete, compact, or both with a comma");
    }
    at = comma + 1;
  }
  return {};
}

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

Error unknown(const std::string& key) {
  if (replication_keys.count(key)) {
    return Error(ErrorCode::invalid_config, key + " is about replication, which one machine has not");
  }
  auto keys = topic_config_keys();
  auto nearest = std::min_element(keys.begin(), keys.end(), [&](const auto& a, const auto& b) {
    return edit_distance(a, key) < edit_distance(b, key);
  });
  return Error(ErrorCode::invalid_config, "no topic configuration is called " + key + "; the nearest is " + *nearest);
}

Result<> set(TopicConfig& config, const std::string& key, const std::string& value) {
  for (const auto& known : numbers) {
    if (key == known.name) {
      MR_ASSIGN(config.*known.field, number(key, value, known.min));
      return {};
    }
  }
  if (key == "cleanup.policy") return parse_cleanup_policy(value, config);
  if (key == "message.timestamp.type") {
    if (value != "CreateTime" && value != "LogAppendTime") return invalid(key, value, "CreateTime or LogAppendTime");
    config.log_append_time = value == "LogAppendTime";
    return {};
  }
  if (key == "compression.type") {
    if (value != "producer") return invalid(key, value, "only producer: batches are stored as they come");
    return {};
  }
  if (key == "min.cleanable.dirty.ratio") {
    double ratio = 0;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), ratio);
    if (error != std::errc() || end != value.data() + value.size() || !(ratio >= 0 && ratio <= 1)) {
      return invalid(key, value, "a number from 0 to 1");
    }
    config.min_cleanable_dirty_ratio = ratio;
    return {};
  }
  return unknown(key);
}

}  // namespace

Result<TopicConfig> TopicConfig::parse(const std::map<std::string, std::string>& configs) {
  TopicConfig config;
  for (const auto& [key, value] : configs) MR_TRY(set(config, key, value));
  return config;
}

std::vector<std::string> topic_config_keys() {
  std::vector<std::string> keys = {"cleanup.policy", "compression.type", "message.timestamp.type",
                                   "min.cleanable.dirty.ratio"};
  for (const auto& known : numbers) keys.push_back(known.name);
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace millrace::broker
