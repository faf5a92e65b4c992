// MetricsFile: an application's metrics in a file, as Prometheus' node exporter reads them (its textfile collector).
#pragma once
#include <memory>
#include <mutex>
#include <string>

#include "millrace/base/env.h"
#include "millrace/runtime/streams.h"

namespace millrace {

// Writes every second, and when asked: `path`.tmp, renamed over `path`, so that a reader sees one moment whole. Nothing
// is synced: the file is worth nothing after a crash. Threads: one; it writes from one of its own.
class MetricsFile {
 public:
  // Writes once and goes on by itself. `env` and `app` outlive it. Error: the path cannot be written.
  static Result<std::unique_ptr<MetricsFile>> open(Env& env, const Streams& app, const std::string& path);
  // Stops writing; the file stays.
  ~MetricsFile();
  // Writes now. After the application is closed this gives its last word.
  Result<> write();

 private:
  MetricsFile(Env& env, const Streams& app, std::string path) : env_(env), app_(app), path_(std::move(path)) {}
  void schedule();

  Env& env_;
  const Streams& app_;
  const std::string path_;
  bool complained_ = false;
  std::mutex mutex_;  // one writes at a time
  std::unique_ptr<Executor> writer_;
};

}  // namespace millrace
