#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string_view>

#include "bench/input.h"
#include "bench/report.h"
#include "bench/verify.h"
#include "bench/workloads.h"
#include "millrace/base/env_real.h"
#include "millrace/dsl/topology.h"
#include "millrace/streams.h"

namespace millrace::bench {

namespace {

std::atomic<std::int64_t> first_ns{0};

std::int64_t now_ns() { return real_env().clock().monotonic_ns(); }

// Every topology is that of the peer's program, operator for operator. Timestamps of the input are years old, so that
// output topics keep their records forever: retention would take them away while the run goes on.
class Topologies {
 public:
  Topologies(const StreamsWorkload& w, std::string in, std::string table, std::string out)
      : w_(w), in_(std::move(in)), table_(std::move(table)), out_(std::move(out)) {}

  Topology build() {
    StreamsBuilder builder;
    if (w_.workload == "wordcount") {
      word_count(builder);
    } else {
      keyed(builder);
    }
    return builder.build();
  }

 private:
  static void seen() {
    if (first_ns.load(std::memory_order_relaxed) == 0) {
      std::int64_t none = 0;
      first_ns.compare_exchange_strong(none, now_ns());
    }
  }

  void word_count(StreamsBuilder& builder) {
    const Topic<std::optional<std::string>, std::string> lines{in_};
    builder.stream(lines)
        .peek([](const std::string&) { seen(); })
        .flat_map_values([](const std::string& line) {
          std::vector<std::string> words;
          for (std::size_t at = 0; at <= line.size();) {
            const std::size_t end = std::min(line.find(' ', at), line.size());
            words.emplace_back(line, at, end - at);
            at = end + 1;
          }
          return words;
        })
        .group_by([](const std::string& word) { return word; })
        .count()
        .to_stream()
        .to(Topic<std::string, std::int64_t>{out_, {.retention = forever}});
  }

  void keyed(StreamsBuilder& builder) {
    const Topic<std::string, std::string> in{in_};
    auto stream = builder.stream(in).peek([](const std::string&) { seen(); });
    if (w_.workload == "map") {
      stream.map_values([](const std::string& v) { return std::string(v.rbegin(), v.rend()); })
          .to(Topic<std::string, std::string>{out_, {.retention = forever}});
    } else if (w_.workload == "count") {
      stream.group_by_key().count().to_stream().to(Topic<std::string, std::int64_t>{out_, {.retention = forever}});
    } else if (w_.workload == "window") {
      stream.group_by_key()
          .windowed_by(TimeWindows{.size = 10s, .grace = 0s})
          .count()
          .to_stream()
          .map([](const Windowed<std::string>& w, std::int64_t n) {
            return KeyValue{w.key + "@" + std::to_string(w.window.start.ms), n};
          })
          .to(Topic<std::string, std::int64_t>{out_, {.retention = forever}});
    } else {
      auto table = builder.table(Topic<std::string, std::string>{table_});
      stream.join(table, [](const std::string& x, const std::string& y) { return x + y.substr(0, 8); })
          .to(Topic<std::string, std::string>{out_, {.retention = forever}});
    }
  }

  const StreamsWorkload& w_;
  const std::string in_, table_, out_;
};

std::string input_topic(const StreamsWorkload& w) {
  if (w.workload == "wordcount") return "lines-" + std::to_string(w.records) + "-" + std::to_string(w.partitions);
  return "kv-" + std::to_string(w.records) + "-" + std::to_string(w.keys) + "-" + std::to_string(w.partitions);
}
std::string table_topic(const StreamsWorkload& w) {
  return "tab-" + std::to_string(w.keys) + "-" + std::to_string(w.partitions);
}

int complain(const Error& e) {
  std::fprintf(stderr, "millrace-bench: %s\n", e.text().c_str());
  return 1;
}

ConfigValues config_of(const StreamsWorkload& w, const std::string& application) {
  return {{"application.id", application},
          {"processing.guarantee", w.guarantee},
          {"num.stream.threads", std::to_string(w.threads)},
          {"flush", w.flush}};
}

Result<> delete_what_it_made(LogClient& log, const std::string& application, const std::string& out,
                             const std::string& state) {
  MR_ASSIGN(auto topics, log.admin().list_topics());
  for (const auto& topic : topics)
    if (topic.name == out || topic.name.starts_with(application + "-")) MR_TRY(log.admin().delete_topic(topic.name));
  return real_env().files().remove_all(state, "bench.clean");
}

Result<> measure(const StreamsWorkload& w, LogClient& log, const std::string& application, const std::string& out,
                 const std::string& state) {
  const double disk = disk_mb_per_s(w.dir);
  Topologies topologies(w, input_topic(w), table_topic(w), out);
  const std::int64_t start = now_ns();
  const double cpu_before_s = cpu_seconds();
  {
    Streams streams(application, topologies.build(), {config_of(w, application), state, w.dir}, real_env(), log);
    MR_TRY(streams.start());
    MR_TRY(streams.run_until_end_of_input());
    const std::int64_t last = now_ns();
    MR_TRY(streams.close());
    const std::int64_t closed = now_ns(), first = first_ns.load();
    const double cpu_s = cpu_seconds() - cpu_before_s;
    const auto peak_mb = static_cast<long long>(peak_memory_mb());
    const auto verified = verify(log, w, out);  // not timed, and its memory does not count
    auto seconds = [](std::int64_t ns) { return static_cast<double>(ns) / 1e9; };
    std::printf(
        "{\"system\":\"millrace\",\"workload\":\"%s\",\"guarantee\":\"%s\",\"threads\":%d,\"records\":%llu,\"start_to_"
        "first_s\":%.3f,"
        "\"first_to_last_s\":%.3f,\"first_to_closed_s\":%.3f,\"records_per_s\":%.0f,\"cpu_s\":%.2f,\"rss_mb\":%lld,"
        "\"flush\":\"%s\","
        "\"disk_mb_s\":%.0f,\"verified\":%s}\n",
        w.workload.c_str(), w.guarantee.c_str(), w.threads, static_cast<unsigned long long>(w.records),
        seconds(first - start), seconds(last - first), seconds(closed - first),
        static_cast<double>(w.records) / seconds(closed - first), cpu_s, peak_mb, w.flush.c_str(), disk,
        verified ? "true" : "false");
    std::fflush(stdout);
    if (!verified) return Error(out + ": wrong output: " + verified.error().text());
  }
  if (!w.restore) return {};
  MR_TRY(real_env().files().remove_all(state, "bench.clean"));
  const std::int64_t again = now_ns();
  Streams streams(application, topologies.build(), {config_of(w, application), state, w.dir}, real_env(), log);
  MR_TRY(streams.start());
  std::printf("{\"system\":\"millrace\",\"workload\":\"restore-%s\",\"guarantee\":\"%s\",\"seconds\":%.3f}\n",
              w.workload.c_str(), w.guarantee.c_str(), static_cast<double>(now_ns() - again) / 1e9);
  return streams.close();
}

}  // namespace

int load_input(const StreamsWorkload& w) {
  auto log = make_log_client(real_env(), w.dir + "/data", {{"flush", "os"}});
  if (!log) return complain(log.error());
  auto loaded =
      load(**log, input_topic(w), w.workload == "wordcount" ? Kind::lines : Kind::kv, w.partitions, w.records, w.keys);
  if (loaded && w.workload == "join") loaded = load(**log, table_topic(w), Kind::table, w.partitions, w.keys, w.keys);
  return loaded ? 0 : complain(loaded.error());
}

int run_streams(const StreamsWorkload& w) {
  auto log = make_log_client(real_env(), w.dir + "/data",
                             {{"flush", w.flush}, {"num.partitions", std::to_string(w.partitions)}});
  if (!log) return complain(log.error());
  const std::string stamp = std::to_string(real_env().clock().now().ms);
  const std::string application = "bench-" + w.workload + "-" + stamp, out = "out-" + w.workload + "-" + stamp,
                    state = w.dir + "/state";
  auto measured = measure(w, **log, application, out, state);
  auto cleaned = delete_what_it_made(**log, application, out, state);
  if (!measured) return complain(measured.error());
  return cleaned ? 0 : complain(cleaned.error());
}

}  // namespace millrace::bench
