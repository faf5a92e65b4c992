// The millrace command line.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/command.h"
#include "millrace/base/config.h"

namespace {

constexpr const char* examples = R"(
Examples:
  millrace topics create orders --partitions 4 --config retention.ms=86400000
  millrace produce orders --key-separator : < orders.txt
  millrace consume orders --from-beginning --exit-at-end --format json
  millrace groups describe
  millrace log dump orders-0 --records

Exit codes: 0 done, 1 failed (stderr says why), 2 wrong command line.
)";

}  // namespace

int main(int argc, char** argv) {
  millrace::cli::Session session;
  CLI::App app("Millrace: topics, records and groups of a data directory.", "millrace");
  app.footer(examples);
  app.require_subcommand(1);
  app.fallthrough();  // --data-dir may stand after the command
  app.set_version_flag("--version", "millrace 0.1.0");
  app.add_option("--data-dir", session.data_dir, "The directory that holds the log")
      ->envname("MILLRACE_DATA_DIR")
      ->capture_default_str();
  millrace::cli::add_topics(app, session);
  millrace::cli::add_produce(app, session);
  millrace::cli::add_consume(app, session);
  millrace::cli::add_groups(app, session);
  millrace::cli::add_log(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    auto done = session.run();
    if (done && std::fflush(stdout) != 0 && errno != EPIPE)
      done = millrace::Error(millrace::ErrorCode::kafka_storage_error,
                             std::string("cannot write to standard output: ") + std::strerror(errno));
    if (done) return 0;
    std::fprintf(stderr, "millrace: %s\n", done.error().text().c_str());
    return 1;
  } catch (const millrace::ConfigError& error) {
    std::fprintf(stderr, "millrace: %s\n", error.what());
    return 2;
  }
}
