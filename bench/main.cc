// millrace-bench: throughput of topologies and of the log. Each run prints one JSON line; see bench/README.md.
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "bench/workloads.h"

namespace {

// In a process of its own, so that loading does not count towards memory.
template <class Workload>
int in_child(int (*what)(const Workload&), const Workload& w) {
  const pid_t child = ::fork();
  if (child < 0) return 1;
  if (child == 0) {
    const int code = what(w);
    std::fflush(nullptr);
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Millrace benchmarks. Input is loaded into topics under --dir once, and found there again."};
  app.require_subcommand(1);
  const CLI::Range keys(std::int64_t{1}, std::int64_t{1'000'000'000'000}), records(1, 2'000'000'000),
      partitions(1, 1000), threads(1, 256);
  millrace::bench::StreamsWorkload w;
  auto* streams = app.add_subcommand("streams", "a topology over loaded input, by the bundled broker");
  streams->add_option("--workload", w.workload)
      ->check(CLI::IsMember({"map", "count", "window", "wordcount", "join"}))
      ->capture_default_str();
  streams->add_option("--records", w.records)->check(records)->capture_default_str();
  streams->add_option("--keys", w.keys)->check(keys)->capture_default_str();
  streams->add_option("--partitions", w.partitions)->check(partitions)->capture_default_str();
  streams->add_option("--threads", w.threads)->check(threads)->capture_default_str();
  streams->add_option("--guarantee", w.guarantee)
      ->check(CLI::IsMember({"at_least_once", "exactly_once_v2"}))
      ->capture_default_str();
  streams->add_option("--dir", w.dir)->required();
  streams->add_option("--flush", w.flush)->check(CLI::IsMember({"group", "os"}))->capture_default_str();
  streams->add_flag("--restore", w.restore, "then delete the state and measure how long it takes to come back");
  millrace::bench::RestoreWorkload r;
  auto* restore = app.add_subcommand("restore", "a table of so many keys comes back from its changelog");
  restore->add_option("--keys", r.keys)->check(keys)->capture_default_str();
  restore->add_option("--value-bytes", r.value_bytes)->check(CLI::Range(1, 900'000))->capture_default_str();
  restore->add_option("--partitions", r.partitions)->check(partitions)->capture_default_str();
  restore->add_option("--threads", r.threads)->check(threads)->capture_default_str();
  restore->add_option("--flush", r.flush)->check(CLI::IsMember({"group", "os"}))->capture_default_str();
  restore->add_option("--dir", r.dir)->required();
  millrace::bench::LogWorkload l;
  auto* log = app.add_subcommand("log", "append with group commit, then fetch");
  log->add_option("--records", l.records)->check(records)->capture_default_str();
  log->add_option("--size", l.size)->check(CLI::Range(1, 900'000))->capture_default_str();
  log->add_option("--producers", l.producers)->check(CLI::Range(1, 64))->capture_default_str();
  log->add_option("--flush", l.flush)->check(CLI::IsMember({"group", "os"}))->capture_default_str();
  log->add_option("--dir", l.dir)->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (log->parsed()) return millrace::bench::run_log(l);
  if (restore->parsed()) {
    if (const int code = in_child(millrace::bench::load_changelog, r)) return code;
    return in_child(millrace::bench::run_restore, r);
  }
  if (const int code = in_child(millrace::bench::load_input, w)) return code;
  return in_child(millrace::bench::run_streams, w);
}
