#include "cli/command.h"

#include <csignal>
#include <cstdio>

#include "millrace/base/env_real.h"
#include "millrace/connectors/embedded/embedded_client.h"

namespace millrace::cli {
namespace {
volatile std::sig_atomic_t stop = 0;
}  // namespace

Result<std::unique_ptr<LogClient>> open_log(const Session& session, bool make) {
  if (!make && !real_env().files().is_directory(session.data_dir)) {
    return Error(ErrorCode::kafka_storage_error,
                 "there is no data directory " + session.data_dir +
                     "; name another with --data-dir, or make one with: millrace topics create");
  }
  if (!make) MR_TRY(real_env().files().list(session.data_dir));  // unreadable: says so
  if (!make && !real_env().files().exists(session.data_dir + "/millrace.format")) {
    return Error(ErrorCode::kafka_storage_error,
                 session.data_dir + " is no data directory: it holds no millrace.format; name another with --data-dir");
  }
  std::signal(SIGXFSZ, SIG_IGN);  // `ulimit -f` is then an error of the file, which is told
  std::signal(SIGPIPE, SIG_IGN);  // `| head` ends a command, but not before the log is closed
  EmbeddedConfig config;
  config.data_dir = session.data_dir;
  config.num_partitions = 0;  // a misspelt topic is an error here, not a new topic
  config.report = [](const std::string& sentence) { std::fprintf(stderr, "millrace: %s\n", sentence.c_str()); };
  return open_embedded(real_env(), config);
}

std::string is_pair(const std::string& text) {
  return text.find('=') == std::string::npos ? text + ": expected name=value" : "";
}

std::string is_something(const std::string& text) { return text.empty() ? "it is empty" : ""; }

bool interrupted() { return stop != 0; }

void watch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stop = 1; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace millrace::cli
