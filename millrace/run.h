// run: a topology as a program.
//
//   int main(int argc, char** argv) { return millrace::run("word-count", word_count, argc, argv); }
//
// gives it --data-dir, --config key=value (repeatable), --config-file, --metrics-file, --describe,
// --until-end-of-input, --help. Ctrl-C and SIGTERM finish the records in hand, commit and exit 0. Exit codes: 0 done, 1
// it failed, 2 wrong usage.
#pragma once
#include <concepts>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/sources.h"
#include "millrace/topology_function.h"

namespace millrace {

// One more option of the program: `name` as on the command line ("--input"), required unless *into already holds
// something; with --describe too, for the topology may depend on it.
struct ProgramArgument {
  std::string name, help;
  std::string* into = nullptr;
};

// Any callable of the shape (Sources&); may be left out.
class SourcesFunction {
 public:
  SourcesFunction() = default;
  template <std::invocable<Sources&> F>
  SourcesFunction(F f)
      : closure_(std::make_shared<F>(std::move(f))),
        call_([](const void* c, Sources& s) { (*static_cast<const F*>(c))(s); }) {}
  explicit operator bool() const { return call_ != nullptr; }
  void operator()(Sources& sources) const { call_(closure_.get(), sources); }

 private:
  std::shared_ptr<const void> closure_;
  void (*call_)(const void*, Sources&) = nullptr;
};

struct RunOptions {
  std::vector<ProgramArgument> arguments = {};
  // Files read once each, in the order written, each to its end, before the topology starts.
  SourcesFunction sources = {};
  // Kafka Streams' keys; the command line goes over them.
  std::map<std::string, std::string> config = {};
  // Stop when the input that was there at the start is processed, as --until-end-of-input.
  bool until_end_of_input = false;
};

// Runs the program `name` (its application id, unless configured). Never throws: errors are printed to stderr, with
// what to do.
int run(std::string_view name, const TopologyFunction& topology, int argc, char** argv, const RunOptions& options = {});

}  // namespace millrace
