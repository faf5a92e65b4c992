// What the commands share: the data directory, the log client over it, how a command reports failure.
//
// Exit codes: 0 done; 1 it failed, and stderr says why; 2 the command line was wrong.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "millrace/base/result.h"
#include "millrace/connectors/log_client.h"

namespace CLI {
class App;
}

namespace millrace::cli {

// The program's state while it reads its command line; `run` is set by the command that was chosen.
struct Session {
  std::string data_dir = "millrace-data";
  std::function<Result<>()> run;
};

// Opens the bundled broker over session.data_dir. Error: it does not exist and `make` is false; another process holds
// it (named).
Result<std::unique_ptr<LogClient>> open_log(const Session& session, bool make = false);

// True after SIGINT or SIGTERM: a command that runs until it is stopped ends then, and closes what it has open.
bool interrupted();
void watch_interrupts();

// For CLI::Option::check: what is wrong with `text` as name=value; empty if nothing is.
std::string is_pair(const std::string& text);
// The same for what must not be empty.
std::string is_something(const std::string& text);

// One function a command adds its options and sets session.run.
void add_topics(CLI::App& app, Session& session);
void add_produce(CLI::App& app, Session& session);
void add_consume(CLI::App& app, Session& session);
void add_groups(CLI::App& app, Session& session);
void add_log(CLI::App& app, Session& session);

}  // namespace millrace::cli
