// simulate SEED [--count N] [--lie SITE] [--facts] [--trace] [--sync-sites]: runs the simulated application from seeds;
// prints what is wrong, and on request what two runs of a seed must agree on, every call, the sites of syncs. Fails if
// anything is wrong.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "millrace/base/log.h"
#include "tests/simulation/application.h"

namespace {

struct Arguments {
  unsigned long long first = 0, count = 1;
  std::string lie;
  bool facts = false, trace = false, sync_sites = false;
};

bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--count" && has_value) {
      arguments.count = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--lie" && has_value) {
      arguments.lie = argv[++i];
    } else if (word == "--facts") {
      arguments.facts = true;
    } else if (word == "--trace") {
      arguments.trace = true;
    } else if (word == "--sync-sites") {
      arguments.sync_sites = true;
    } else if (arguments.first == 0) {
      arguments.first = std::strtoull(argv[i], nullptr, 10);
    } else {
      return false;
    }
  }
  return arguments.first > 0 && arguments.count > 0;
}

template <class Lines>
void print(const char* prefix, const Lines& lines) {
  for (const auto& line : lines) std::printf("%s%s\n", prefix, line.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  using namespace millrace;
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::fprintf(stderr, "simulate SEED [--count N] [--lie SITE|*] [--facts] [--trace] [--sync-sites]; seeds from 1\n");
    return 2;
  }
  if (!std::getenv("MILLRACE_LOG")) set_log_level(LogLevel::off);  // a dying application complains at every step
  std::map<std::string, std::int64_t> met;
  unsigned long long bad = 0, lives = 0, power_cuts = 0, orders = 0;
  for (auto seed = arguments.first; seed < arguments.first + arguments.count; ++seed) {
    const auto outcome = test::run_application({seed, arguments.lie, arguments.trace});
    const std::string prefix = "seed " + std::to_string(seed) + ": ";
    print(prefix.c_str(), outcome.problems);
    if (arguments.facts) print(prefix.c_str(), outcome.facts);
    if (arguments.trace) print("", outcome.trace);
    if (arguments.sync_sites) print("", outcome.sync_sites);
    for (const auto& [what, times] : outcome.met) met[what] += times;
    bad += !outcome.problems.empty();
    lives += static_cast<unsigned long long>(outcome.lives);
    power_cuts += static_cast<unsigned long long>(outcome.power_cuts);
    orders += outcome.orders;
  }
  std::printf("%llu seeds, %llu lives, %llu power cuts, %llu orders, %llu seeds with problems\n", arguments.count,
              lives, power_cuts, orders, bad);
  for (const auto& [what, times] : met) std::printf("%8lld times: %s\n", static_cast<long long>(times), what.c_str());
  return bad == 0 ? 0 : 1;
}
