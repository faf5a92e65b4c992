// The millrace command line.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

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

// What is wrong with the first word that should be a command and is none; empty if there is no such word. CLI11 says
// only that a command is missing.
std::string unknown_command(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with("-")) {
      const CLI::Option* option = app.get_option_no_throw(word);
      if (option != nullptr && option->get_items_expected_min() > 0) ++i;  // its value
      continue;
    }
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const CLI::App* command : at->get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(command->get_name());
      if (command->get_name() == word) next = command;
    }
    if (names.empty()) return {};
    if (next == nullptr) {
      const std::string near = millrace::nearest_name(word, names);
      std::string all;
      for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
      return "there is no command " + (at == &app ? "" : at->get_name() + " ") + word +
             (near.empty() ? "; the commands are " + all : "; did you mean " + near + "?");
    }
    at = next;
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  millrace::cli::Session session;
  CLI::App app("Millrace: topics, records and groups of a data directory.", "millrace");
  app.footer(examples);
  app.require_subcommand(1);
  app.fallthrough();  // --data-dir may stand after the command
  app.set_version_flag("--version", "millrace " MILLRACE_VERSION);
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
    if (const std::string what = unknown_command(app, argc, argv); error.get_exit_code() != 0 && !what.empty()) {
      std::fprintf(stderr, "millrace: %s (millrace --help)\n", what.c_str());
      return 2;
    }
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
