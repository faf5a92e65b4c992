// simulate SEED[-SEED] [--lie SITE] [--facts]: runs the simulated application; prints what is wrong, or what two runs
// of a seed must agree on. Fails if anything is wrong.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "millrace/base/log.h"
#include "tests/simulation/application.h"

int main(int argc, char** argv) {
  using namespace millrace;
  std::uint64_t first = 1, count = 1;
  std::string lie;
  bool prints_facts = false, prints_trace = false, prints_sites = false;
  CLI::App app("Runs the simulated application from seeds");
  app.add_option("seed", first, "First seed")->required();
  app.add_option("--count", count, "How many seeds");
  app.add_option("--lie", lie, "A sync site that does nothing; * for all");
  app.add_flag("--facts", prints_facts, "Print what two runs of a seed must agree on");
  app.add_flag("--trace", prints_trace, "Print every call to the simulated machine");
  app.add_flag("--sync-sites", prints_sites, "Print the sites of syncs that were passed");
  CLI11_PARSE(app, argc, argv);
  if (!std::getenv("MILLRACE_LOG")) set_log_level(LogLevel::off);
  std::uint64_t bad = 0, lives = 0, power_cuts = 0, orders = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const auto outcome = test::run_application({seed, lie, prints_trace});
    for (const auto& problem : outcome.problems)
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), problem.c_str());
    for (const auto& line : outcome.trace) std::printf("%s\n", line.c_str());
    if (prints_sites)
      for (const auto& site : outcome.sync_sites) std::printf("%s\n", site.c_str());
    bad += !outcome.problems.empty();
    lives += static_cast<std::uint64_t>(outcome.lives);
    power_cuts += static_cast<std::uint64_t>(outcome.power_cuts);
    orders += outcome.orders;
    if (prints_facts)
      for (const auto& fact : outcome.facts)
        std::printf("%llu %s\n", static_cast<unsigned long long>(seed), fact.c_str());
  }
  std::printf("%llu seeds, %llu lives, %llu power cuts, %llu orders, %llu seeds with problems\n",
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(lives),
              static_cast<unsigned long long>(power_cuts), static_cast<unsigned long long>(orders),
              static_cast<unsigned long long>(bad));
  return bad == 0 ? 0 : 1;
}
