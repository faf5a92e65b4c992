#include "millrace/runtime/store_metrics.h"

namespace millrace {

namespace {

constexpr const char* group = "stream-state-metrics";

// As Kafka's store suppliers name their scope.
std::string id_tag(const StoreSpec& spec) {
  const std::string engine = spec.in_memory ? "in-memory" : "rocksdb";
  return engine + (spec.kind == StoreSpec::Kind::window ? "-window-state-id" : "-state-id");
}

}  // namespace

StoreMetrics::StoreMetrics(StreamsMetrics& metrics, const std::string& task, const Task::Store& store,
                           const TaskDatabase* database, std::size_t row)
    : store_(*store.core), in_memory_(store.spec->in_memory) {
  DocumentedMetrics& documented = metrics.documented();
  StreamsMetrics::Tags tags = metrics.task_tags(task), cache_tags = tags;
  tags[id_tag(*store.spec)] = store.spec->name;
  StoreCounters& counters = store_.counters();
  auto watch = [&](const std::string& name, CallCounter& counter) {
    calls_.push_back(
        {&counter, 0, documented.meter(group, name, tags), documented.recent(group, name + "-latency", tags)});
  };
  if (store.spec->kind == StoreSpec::Kind::key_value) {
    watch("get", counters.gets);
    watch("range", counters.ranges);
    watch("all", counters.alls);
    watch("prefix-scan", counters.prefix_scans);
  } else {
    watch("fetch", counters.fetches);
  }
  watch("put", counters.puts);
  watch("flush", counters.flushes);
  restores_ = documented.meter(group, "restore", tags);
  restore_latency_ = documented.recent(group, "restore-latency", tags);
  if (store_.caches()) {
    cache_tags["record-cache-id"] = store.spec->name;
    hit_ratio_ = documented.recent("stream-record-cache-metrics", "hit-ratio", cache_tags);
  }
  if (in_memory_) keys_ = documented.gauge(group, "num-keys", tags);
  for (std::size_t i = 0; database && i < rocksdb_properties().size(); ++i) {
    const std::string_view name = rocksdb_properties()[i].name;
    asked_.push_back(documented.callback(
        group, name, tags, [database, row, name] { return static_cast<double>(database->property(row, name)); }));
  }
}

void StoreMetrics::publish(std::int64_t now_ns) {
  for (Calls& c : calls_) {
    CallCounter& counter = *c.counter;
    if (counter.count == c.published) continue;
    c.rate.add(counter.count - c.published, now_ns);
    c.published = counter.count;
    if (counter.timed == 0) continue;
    c.latency.record(static_cast<double>(counter.timed_ns), static_cast<double>(counter.longest_ns), counter.timed,
                     now_ns);
    counter.timed = counter.timed_ns = counter.longest_ns = 0;
  }
  if (in_memory_) keys_.set(static_cast<double>(store_.entry_count()));
  if (!store_.caches()) return;
  const StoreCounters& counters = store_.counters();
  const std::int64_t lookups = counters.gets.count;
  if (lookups == lookups_published_) return;
  hit_ratio_.record(
      static_cast<double>(counters.cache_hits - hits_published_) / static_cast<double>(lookups - lookups_published_),
      now_ns);
  hits_published_ = counters.cache_hits;
  lookups_published_ = lookups;
}

void StoreMetrics::restored(std::int64_t took_ns, std::int64_t now_ns) {
  restores_.add(1, now_ns);
  restore_latency_.record(static_cast<double>(took_ns), now_ns);
}

}  // namespace millrace
