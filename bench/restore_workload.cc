// How long a table takes to come back from its changelog alone: the changelog is written here, and no state is there.
#include <cstdio>

#include "bench/input.h"
#include "bench/report.h"
#include "bench/workloads.h"
#include "millrace/base/env_real.h"
#include "millrace/base/murmur2.h"
#include "millrace/dsl/topology.h"
#include "millrace/streams.h"

namespace millrace::bench {

namespace {

constexpr const char* source = "restore-source";  // holds nothing
constexpr const char* store = "rows";
constexpr std::size_t batch_bytes = 65536;
constexpr std::uint64_t keys_between_looks = 997;

std::string application_of(const RestoreWorkload& w) {
  return "bench-restore-" + std::to_string(w.keys) + "-" + std::to_string(w.value_bytes) + "-" +
         std::to_string(w.partitions);
}
std::string changelog_of(const RestoreWorkload& w) { return application_of(w) + "-" + store + "-changelog"; }

// Keys come in no order, and are all different.
std::string key_of(std::uint64_t i, const RestoreWorkload& w) { return "k" + std::to_string(i * 7'368'787 % w.keys); }
std::string value_of(std::uint64_t i, const RestoreWorkload& w) {
  std::string out = value(i);
  out.resize(w.value_bytes, 'x');
  return out;
}

Result<> write_changelog(LogClient& log, const RestoreWorkload& w) {
  if (!log.admin().describe_topic(source)) MR_TRY(log.admin().create_topic({source, w.partitions, {}}));
  if (log.admin().describe_topic(changelog_of(w))) return {};
  // Not compacted while it is measured: nothing would be left out.
  MR_TRY(log.admin().create_topic({changelog_of(w),
                                   w.partitions,
                                   {{"cleanup.policy", "compact"}, {"min.compaction.lag.ms", "9223372036854775807"}}}));
  MR_ASSIGN(auto producer, log.make_producer({}));
  std::vector<RecordBatchBuilder> batches(static_cast<std::size_t>(w.partitions));
  std::vector<TopicPartition> all;
  for (PartitionId p = 0; p < w.partitions; ++p) all.push_back({changelog_of(w), p});
  for (std::uint64_t i = 0; i <= w.keys; ++i) {
    const bool last = i == w.keys;
    if (!last) {
      const std::string key = key_of(i, w);
      batches[static_cast<std::size_t>(partition_for_key(key, w.partitions))].append({1'700'000'000'000}, key,
                                                                                     value_of(i, w));
    }
    for (std::size_t p = 0; p < batches.size(); ++p) {
      if (batches[p].empty() || (batches[p].size() < batch_bytes && !last)) continue;
      MR_TRY(producer->append(all[p], batches[p]));
      batches[p].clear();
    }
  }
  return producer->sync(all);
}

Result<> check(const Streams& streams, const RestoreWorkload& w) {
  for (std::uint64_t i = 0; i < w.keys; i += keys_between_looks) {
    bool right = false;
    MR_TRY(streams.query(store, key_of(i, w), [&](ValueAndTimestamp found) {
      right = found && *static_cast<const std::string*>(found.value) == value_of(i, w);
    }));
    if (!right) return Error("key " + key_of(i, w) + " did not come back as it was");
  }
  return {};
}

Result<> measure(LogClient& log, const RestoreWorkload& w, const std::string& state) {
  StreamsBuilder builder;
  builder.table(Topic<std::string, std::string>{source}, {.as = store});
  MR_TRY(real_env().files().remove_all(state, "bench.clean"));
  const double disk = disk_mb_per_s(w.dir);
  const double cpu = cpu_seconds();
  const std::int64_t start = real_env().clock().monotonic_ns();
  Streams streams(
      application_of(w), builder.build(),
      {{{"application.id", application_of(w)}, {"num.stream.threads", std::to_string(w.threads)}, {"flush", w.flush}},
       state,
       w.dir},
      real_env(), log);
  MR_TRY(streams.start());
  const double seconds = static_cast<double>(real_env().clock().monotonic_ns() - start) / 1e9;
  std::printf(
      "{\"system\":\"millrace\",\"workload\":\"restore\",\"keys\":%llu,\"value_bytes\":%zu,\"partitions\":%d,"
      "\"threads\":%d,\"seconds\":%.3f,\"cpu_s\":%.2f,\"keys_per_s\":%.0f,\"rss_mb\":%lld,\"disk_mb_s\":%.0f}\n",
      static_cast<unsigned long long>(w.keys), w.value_bytes, w.partitions, w.threads, seconds, cpu_seconds() - cpu,
      static_cast<double>(w.keys) / seconds, static_cast<long long>(peak_memory_mb()), disk);
  std::fflush(stdout);
  auto checked = check(streams, w);
  MR_TRY(streams.close());
  return checked;
}

int finish(const Result<>& result) {
  if (result) return 0;
  std::fprintf(stderr, "millrace-bench: %s\n", result.error().text().c_str());
  return 1;
}

}  // namespace

int load_changelog(const RestoreWorkload& w) {
  auto log = make_log_client(real_env(), w.dir + "/data", {{"flush", "os"}});
  if (!log) return finish(log.error());
  return finish(write_changelog(**log, w));
}

int run_restore(const RestoreWorkload& w) {
  auto log = make_log_client(real_env(), w.dir + "/data", {{"flush", w.flush}});
  if (!log) return finish(log.error());
  const std::string state = w.dir + "/state-restore";
  auto measured = measure(**log, w, state);
  auto cleaned = real_env().files().remove_all(state, "bench.clean");
  return finish(measured ? cleaned : measured);
}

}  // namespace millrace::bench
