#include "millrace/run.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "millrace/base/env_real.h"
#include "millrace/base/thrown.h"
#include "millrace/client_factory.h"
#include "millrace/connectors/csv_source.h"
#include "millrace/metrics_file.h"
#include "millrace/runtime/streams.h"
#include "millrace/runtime/streams_config.h"
#include "millrace/signals.h"

namespace millrace {

namespace {

constexpr int ok = 0, failed = 1, wrong_usage = 2;

struct CommandLine {
  std::string data_dir;
  std::vector<std::string> config;
  std::string config_file;
  std::string metrics_file;
  bool describe = false;
  bool until_end_of_input = false;
};

int complain(std::string_view name, const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", std::string(name).c_str(), what.c_str());
  return failed;
}

Result<ConfigValues> config_values(const RunOptions& options, const CommandLine& line) {
  ConfigValues values = options.config;
  if (!line.config_file.empty()) {
    MR_ASSIGN(Bytes text, real_env().files().read_file(line.config_file));
    auto parsed = parse_properties(text);
    if (!parsed) return std::move(parsed).error().in(line.config_file);
    for (auto& [key, value] : *parsed) values[key] = value;
  }
  for (const std::string& pair : line.config) {
    const auto equals = pair.find('=');
    values[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return values;
}

// Progress on a terminal: one line that is written over; nothing where stderr is a file.
class Progress {
 public:
  void show(const std::string& what, std::int64_t count) {
    if (!on_terminal_) return;
    const std::int64_t now = real_env().clock().monotonic_ns();
    if (now - shown_ < 100'000'000) return;
    shown_ = now;
    std::fprintf(stderr, "\r%-40s %12lld", what.c_str(), static_cast<long long>(count));
    dirty_ = true;
  }
  ~Progress() {
    if (dirty_) std::fprintf(stderr, "\r%60s\r", "");
  }

 private:
  bool on_terminal_ = ::isatty(2) != 0;
  bool dirty_ = false;
  std::int64_t shown_ = 0;
};

Result<bool> ingest(const Sources& sources, const std::string& application_id, int default_partitions, LogClient& log,
                    Progress& progress) {
  const auto path_of = [](const Sources::Csv& csv) -> std::string {
    std::error_code unknown;  // where the program stands; then the file is known as it was given
    return std::filesystem::absolute(csv.file, unknown).lexically_normal();
  };
  for (const Sources::Csv& csv : sources.files()) {
    NewTopic topic = csv.topic;
    if (topic.partitions == 0) topic.partitions = default_partitions;
    if (auto made = log.admin().create_topic(topic); !made && made.error().code() != ErrorCode::topic_already_exists)
      return std::move(made).error();
    CsvSourceOptions options;
    options.application_id = application_id;
    options.file = csv.file;
    options.identity = path_of(csv);
    options.topic = topic.name;
    options.finds_older = std::ranges::count(sources.files(), options.identity, path_of) == 1;
    options.csv = csv.options;
    CsvSource source(real_env(), log, options, csv.row);
    MR_TRY(source.start());
    for (;;) {
      if (stop_was_requested()) return false;
      MR_ASSIGN(bool more, source.read());
      if (!more) break;
      progress.show(source.name(), static_cast<std::int64_t>(source.rows()));
    }
  }
  return true;
}

Result<> run_topology(std::string_view name, const TopologyFunction& topology, const RunOptions& options,
                      const CommandLine& line) {
  MR_ASSIGN(ConfigValues values, config_values(options, line));
  values.try_emplace("application.id", std::string(name));
  const Config config = streams_config(values);
  StreamsBuilder builder;
  topology(builder);
  Topology built = builder.build(topology_config(config));
  if (line.describe) {
    if (std::fputs(built.describe().c_str(), stdout) < 0 || std::fflush(stdout) != 0)
      return Error(ErrorCode::kafka_storage_error,
                   std::string("cannot write to standard output: ") + std::strerror(errno));
    return {};
  }
  Progress progress;
  MR_ASSIGN(auto log, make_log_client(real_env(), line.data_dir, values));
  catch_stop_signals();
  if (options.sources) {
    Sources sources;
    options.sources(sources);
    MR_ASSIGN(bool whole, ingest(sources, config.string("application.id"),
                                 static_cast<int>(config.integer("num.partitions")), *log, progress));
    if (!whole) return {};
  }
  Streams streams(std::string(name), std::move(built), {values, line.data_dir + "/state", line.data_dir}, real_env(),
                  *log);
  std::unique_ptr<MetricsFile> metrics;
  if (!line.metrics_file.empty()) {
    MR_ASSIGN(metrics, MetricsFile::open(real_env(), streams, line.metrics_file));
  }
  MR_TRY(streams.start());
  SignalWatch watch([&] { streams.stop_waiting(); });
  auto ran = line.until_end_of_input || options.until_end_of_input
                 ? streams.run_until_end_of_input([&](std::int64_t n) { progress.show("records processed", n); })
                 : streams.wait();
  auto closed = streams.close();
  if (metrics)
    if (auto written = metrics->write(); !written)
      (void)complain(name, "warning: the last metrics are not written: " + written.error().text());
  if (!ran) return ran;
  return closed;
}

// Throws what CLI11 does where two options have one name, and what the topology does.
int run_command(std::string_view name, const TopologyFunction& topology, int argc, char** argv,
                const RunOptions& options) {
  CLI::App app{"A Millrace topology. It keeps topics and state in --data-dir and needs nothing else.",
               std::string(name)};
  CommandLine line;
  line.data_dir = "millrace-data";
  app.add_option("--data-dir", line.data_dir, "where topics and state are kept; made if missing")
      ->envname("MILLRACE_DATA_DIR")
      ->capture_default_str();
  app.add_option("--config", line.config, "key=value, a key of Kafka Streams (docs/configuration.md); repeatable")
      ->allow_extra_args(false)
      ->check([](const std::string& pair) {
        return pair.find('=') == std::string::npos ? pair + ": write it as key=value" : std::string();
      });
  app.add_option("--config-file", line.config_file, "a .properties file of such keys; --config goes over it");
  app.add_option("--metrics-file", line.metrics_file,
                 "write metrics there every second, as Prometheus' text (docs/metrics.md)");
  app.add_flag("--describe", line.describe, "print the topology as Kafka Streams does, and exit");
  app.add_flag("--until-end-of-input", line.until_end_of_input, "process what is there, commit, exit");
  for (const ProgramArgument& a : options.arguments) {
    auto* option = app.add_option(a.name, *a.into, a.help);
    if (a.into->empty()) option->required();
  }
  app.footer("Ctrl-C finishes the records in hand and commits. Exit codes: 0 done, 1 failed, 2 wrong usage.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? ok : wrong_usage;
  }
  auto ran = run_topology(name, topology, options, line);
  return ran ? ok : complain(name, ran.error().text());
}

}  // namespace

int run(std::string_view name, const TopologyFunction& topology, int argc, char** argv, const RunOptions& options) {
  try {
    return run_command(name, topology, argc, argv, options);
  } catch (...) {
    return complain(name, thrown());
  }
}

}  // namespace millrace
