#include "millrace/runtime/streams_config.h"

#include <algorithm>
#include <cctype>

namespace millrace {

namespace {

constexpr const char* fail_class = "org.apache.kafka.streams.errors.LogAndFailExceptionHandler";
constexpr const char* continue_class = "org.apache.kafka.streams.errors.LogAndContinueExceptionHandler";
constexpr const char* fail_processing_class = "org.apache.kafka.streams.errors.LogAndFailProcessingExceptionHandler";
constexpr const char* continue_processing_class =
    "org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler";

constexpr const char* optimization_key = "topology.optimization";
constexpr const char* reuse_rule = "reuse.ktable.source.topics";
constexpr const char* merge_rule = "merge.repartition.topics";
constexpr const char* self_join_rule = "single.store.self.join";

OnError on_error(const std::string& value) {
  return value == "continue" || value == continue_class || value == continue_processing_class ? OnError::skip
                                                                                              : OnError::fail;
}

// Who the application is, where its log is, how it commits.
std::vector<ConfigKey> identity_and_commit_keys() {
  return {
      {.name = "application.id",
       .type = ConfigType::string,
       .initial = "",
       .valid = anything(),
       .doc = "Names the application: its group, its internal topics, its state directory. `run` sets it to the "
              "program's name."},
      {.name = "bootstrap.servers",
       .type = ConfigType::string,
       .initial = "",
       .valid = anything(),
       .doc = "Where the log is. Empty: the bundled broker, in this process, over `--data-dir`.",
       .kafka = "Kafka has no default"},
      {.name = "state.dir",
       .type = ConfigType::string,
       .initial = "",
       .valid = anything(),
       .doc = "Where stores keep their rows. Empty: `state` in the data directory.",
       .kafka = "Kafka's default is in /tmp, which a reboot empties"},
      {.name = "processing.guarantee",
       .type = ConfigType::string,
       .initial = "exactly_once_v2",
       .valid = one_of({"exactly_once_v2", "at_least_once"}),
       .doc = "Whether input offsets, state and output are committed in one transaction.",
       .kafka = "Kafka's default is at_least_once"},
      {.name = "commit.interval.ms",
       .type = ConfigType::duration_ms,
       .initial = "-1",
       .valid = at_least(-1),
       .doc = "How often to commit. -1: 100 ms exactly once, 30 s at least once, as Kafka."},
  };
}

std::vector<ConfigKey> state_and_thread_keys() {
  return {
      {.name = "statestore.cache.max.bytes",
       .type = ConfigType::size_bytes,
       .initial = "10485760",
       .valid = at_least(0),
       .doc = "Memory for updates that are held back until the commit, so that a key's repeated updates become one. "
              "Divided among the tasks of "
              "the process.",
       .kafka = "Kafka divides it among threads, so that one task's output depends on another's"},
      {.name = "state.value.cache.max.bytes",
       .type = ConfigType::size_bytes,
       .initial = "-1",
       .valid = at_least(-1),
       .doc = "Memory for deserialised values of stores, divided among the tasks. Changes no output. -1: what is left "
              "of `state.memory.bytes`.",
       .kafka = "not in Kafka"},
      {.name = "state.memory.bytes",
       .type = ConfigType::size_bytes,
       .initial = "268435456",
       .valid = at_least(16 << 20),
       .doc = "Memory for all state: RocksDB's block cache and write buffers, and both caches.",
       .kafka = "not in Kafka"},
      {.name = "state.checkpoint.interval.ms",
       .type = ConfigType::duration_ms,
       .initial = "10000",
       .valid = at_least(0),
       .doc =
           "How long committed changes of stores may wait, in the changelog and in memory, before they are written to "
           "the state directory. 64 MiB of them are written at once.",
       .kafka = "not in Kafka"},
      {.name = "num.stream.threads",
       .type = ConfigType::integer,
       .initial = "0",
       .valid = between(0, 256),
       .doc = "How many tasks run at once. 0: as many as the process has cores.",
       .kafka = "Kafka's default is 1"},
      {.name = "num.partitions",
       .type = ConfigType::integer,
       .initial = "4",
       .valid = between(1, 10000),
       .doc = "Partitions of sink topics that are made because they are missing (bundled broker only).",
       .kafka = "a broker's key; its default is 1"},
  };
}

std::vector<ConfigKey> handler_and_topology_keys() {
  return {
      {.name = "deserialization.exception.handler",
       .type = ConfigType::string,
       .initial = "fail",
       .valid = one_of({"fail", "continue", fail_class, continue_class}),
       .doc = "What to do with a record that does not deserialise: `fail` stops the program, `continue` skips and "
              "counts it."},
      {.name = "processing.exception.handler",
       .type = ConfigType::string,
       .initial = "fail",
       .valid = one_of({"fail", "continue", fail_processing_class, continue_processing_class}),
       .doc = "What to do when a processor throws: `fail` stops the program, `continue` skips and counts the record."},
      {.name = "ensure.explicit.internal.resource.naming",
       .type = ConfigType::boolean,
       .initial = "false",
       .valid = anything(),
       .doc = "Whether a store or repartition topic without a name of yours is an error (KIP-1111)."},
      {.name = optimization_key,
       .type = ConfigType::list,
       .initial = "none",
       .valid = one_of({"none", "all", reuse_rule, merge_rule}),
       .doc =
           "Rewrites of the topology (KIP-295). `merge.repartition.topics`: repartition topics of one rekeyed stream "
           "become one. `reuse.ktable.source.topics`: the topic that `table()` reads is the changelog of its store, "
           "which then has none of its own; the topic should be compacted and keep its beginning. `all`: both.",
       .kafka = "Kafka also has `single.store.self.join`, for joins of two streams"},
      {.name = "dsl.store.suppliers.class",
       .type = ConfigType::string,
       .initial = "rocksDB",
       .valid = one_of({"rocksDB", "in_memory",
                        "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$RocksDBDslStoreSuppliers",
                        "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers"}),
       .doc = "The engine of stores whose options do not say `.in_memory`."},
  };
}

std::vector<ConfigKey> task_and_log_keys() {
  return {
      {.name = "max.task.idle.ms",
       .type = ConfigType::duration_ms,
       .initial = "0",
       .valid = at_least(-1),
       .doc =
           "How long a task with several inputs waits for one that has no records, before it goes on with the others: "
           "records that come later but are older are then in time (KIP-695). 0, and -1: it waits only for what is in "
           "the log already, which costs nothing in the same process."},
      {.name = "task.timeout.ms",
       .type = ConfigType::duration_ms,
       .initial = "300000",
       .valid = at_least(0),
       .doc = "How long work that the log does not take (a commit of unknown outcome, a transaction that timed out) is "
              "aborted and done again before the program stops (KIP-572); and how long a task that is replaced may "
              "fail at "
              "the same place. 0: it stops at once."},
      {.name = "transaction.timeout.ms",
       .type = ConfigType::duration_ms,
       .initial = "10000",
       .valid = between(1, 900'000),
       .doc = "How long a transaction may take before the coordinator aborts it; at most Kafka's "
              "`transaction.max.timeout.ms`. Exactly once, `commit.interval.ms` must not be longer."},
      {.name = "windowstore.changelog.additional.retention.ms",
       .type = ConfigType::duration_ms,
       .initial = "86400000",
       .valid = at_least(0),
       .doc = "Added to a window store's retention for its changelog's `retention.ms`."},
      {.name = "metrics.recording.level",
       .type = ConfigType::string,
       .initial = "INFO",
       .valid = one_of({"INFO", "DEBUG"}),
       .doc = "Which metrics there are (`docs/metrics.md`). DEBUG also times some of the calls of stores.",
       .kafka = "Kafka also has TRACE"},
      {.name = "flush",
       .type = ConfigType::string,
       .initial = "group",
       .valid = one_of({"group", "os"}),
       .doc = "Bundled broker: `group` has a commit on disk before it is acknowledged, `os` leaves it to the kernel as "
              "Kafka does.",
       .kafka = "not in Kafka"},
  };
}

}  // namespace

const ConfigTable& streams_configs() {
  static const ConfigTable table("Streams", [] {
    auto all = identity_and_commit_keys();
    for (const auto& more : {state_and_thread_keys(), handler_and_topology_keys(), task_and_log_keys()})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  }());
  return table;
}

namespace {

// Source: StreamsConfig.verifyTopologyOptimizationConfigs.
void check_optimization(const ConfigValues& values) {
  auto given = values.find(optimization_key);
  if (given == values.end()) return;
  const auto refuse = [&](const std::string& why) {
    throw ConfigError(std::string(optimization_key) + "=" + given->second + " is not valid: " + why);
  };
  if (given->second.find(self_join_rule) != std::string::npos)
    refuse(std::string(self_join_rule) + " is not implemented: there are no joins of two streams yet");
  const std::vector<std::string> rules = Config(streams_configs(), values).list(optimization_key);
  const bool is_whole = std::any_of(rules.begin(), rules.end(), [](auto& r) { return r == "none" || r == "all"; });
  if (rules.empty() || (is_whole && rules.size() > 1))
    refuse("expected none, all, or a list of " + std::string(reuse_rule) + " and " + merge_rule);
}

// Each transaction would be aborted before its commit. Source: StreamsConfig.verifyEOSTransactionTimeoutCompatibility.
void check_transaction_timeout(const Config& config) {
  const Duration interval = commit_interval(config), timeout = config.duration("transaction.timeout.ms");
  if (is_exactly_once(config) && timeout < interval)
    throw ConfigError("transaction.timeout.ms=" + std::to_string(timeout.count()) +
                      " is lower than commit.interval.ms=" + std::to_string(interval.count()) +
                      ": every transaction would be aborted before it is committed. Raise the one, or lower the other");
}

}  // namespace

Config streams_config(const ConfigValues& values) {
  check_optimization(values);
  Config config(streams_configs(), values);
  // It is part of topics' names and names a folder.
  const std::string& id = config.string("application.id");
  const bool fits = std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return (c < 128 && std::isalnum(c)) || c == '.' || c == '_' || c == '-';
  });
  if (config.is_set("application.id") && (!fits || id.empty() || id == "." || id == ".."))
    throw ConfigError("application.id=" + id + " is not valid: expected letters, digits, '.', '_' and '-'");
  check_transaction_timeout(config);
  return config;
}

TaskSettings task_settings(const Config& config) {
  TaskSettings settings;
  settings.application_id = config.string("application.id");
  settings.on_deserialization_error = on_error(config.string("deserialization.exception.handler"));
  settings.on_processing_error = on_error(config.string("processing.exception.handler"));
  settings.cache_max_bytes = static_cast<std::size_t>(config.integer("statestore.cache.max.bytes"));
  return settings;
}

RecordingLevel recording_level(const Config& config) {
  return config.string("metrics.recording.level") == "DEBUG" ? RecordingLevel::debug : RecordingLevel::info;
}

bool is_exactly_once(const Config& config) { return config.string("processing.guarantee") == "exactly_once_v2"; }

TopologyConfig topology_config(const Config& config) {
  const std::string& stores = config.string("dsl.store.suppliers.class");
  TopologyConfig shape;
  shape.in_memory_stores = stores == "in_memory" || stores.ends_with("InMemoryDslStoreSuppliers");
  for (const std::string& rule : config.list(optimization_key)) {
    shape.merge_repartition_topics |= rule == "all" || rule == merge_rule;
    shape.reuse_source_topics |= rule == "all" || rule == reuse_rule;
  }
  shape.require_names = config.boolean("ensure.explicit.internal.resource.naming");
  shape.record_cache = config.integer("statestore.cache.max.bytes") != 0;
  return shape;
}

Duration commit_interval(const Config& config) {
  const Duration given = config.duration("commit.interval.ms");
  if (given.count() >= 0) return given;
  return is_exactly_once(config) ? Duration(100ms) : Duration(30s);
}

}  // namespace millrace
