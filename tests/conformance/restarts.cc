// millrace-restarts [--seed FIRST] [--count N] FILE.json…: the topologies and inputs of recorded cases, as applications
// on a simulated machine. N times each case is closed and started again, with its state or without, killed, cut off
// from power, or spread over several partitions, as the seed draws it; outputs, changelogs and stores must be those of
// the test driver, which millrace-conformance compares with Kafka Streams. One line a difference; the counts last. Exit
// status: 0 if there was none.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "comparison.h"
#include "functions.h"
#include "interpreter.h"
#include "millrace/base/log.h"
#include "millrace/base/murmur2.h"
#include "millrace/base/sim/seeded_random.h"
#include "recorded_case.h"
#include "shape.h"
#include "simulated_run.h"

namespace millrace::conformance {
namespace {

using Json = nlohmann::json;

struct Skipped {
  std::string why;
};

enum class Way { plain, closes, deletes, kills, kills_and_deletes, partitions };
constexpr int way_count = 6;
constexpr const char* way_names[way_count] = {
    "uninterrupted", "closed", "closed, state deleted", "killed", "killed, state deleted", "three partitions"};

ConfigValues draw_config(const Json& the_case, Way way, sim::SeededRandom& draw) {
  ConfigValues config = driver_options(the_case).config;
  config.erase("ensure.explicit.internal.resource.naming");
  // What a record cache holds back comes out when a commit comes by.
  config["statestore.cache.max.bytes"] = "0";
  const bool kills = way == Way::kills || way == Way::kills_and_deletes;
  config["processing.guarantee"] = kills || draw.chance(0.5) ? "exactly_once_v2" : "at_least_once";
  config["commit.interval.ms"] = std::to_string(5 + draw.below(30));
  config["state.checkpoint.interval.ms"] = std::to_string(draw.chance(0.3) ? 3'600'000 : draw.below(200));
  config["num.stream.threads"] = std::to_string(1 + draw.below(3));
  config["state.memory.bytes"] = "1073741824";
  if (draw.chance(0.3)) config["state.value.cache.max.bytes"] = "0";
  if (draw.chance(0.25))
    config["dsl.store.suppliers.class"] =
        "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers";
  return config;
}

// The test driver has one partition of everything. The bundled log refuses to promise replicas; and retention is by the
// machine's time, of which the inputs' know nothing.
Json as_applications_have_it(Json the_case) {
  for (Json& step : the_case.at("topology")) {
    step.erase("partitions");
    for (const char* setting : {"min.insync.replicas", "retention.ms"})
      if (step.contains("logging_config")) step.at("logging_config").erase(setting);
  }
  return the_case;
}

// What could differ in Kafka Streams too.
void check_comparable(const Shape& shape, Way way) {
  if (shape.meets_itself) throw Skipped{"what comes of one record meets itself"};
  if (way == Way::partitions) {
    if (shape.repartitions > 1) throw Skipped{"behind two repartitions, tasks race"};
    if (shape.asks_partition_time) throw Skipped{"each partition has its own time"};
  }
  const bool keeps_state = way == Way::closes || way == Way::partitions;
  if (way != Way::plain && (shape.has_unlogged_in_memory || (shape.has_unlogged && !keeps_state)))
    throw Skipped{"a store without a changelog is lost"};
}

// Up to the one that ends the case in an error, if there is one.
Inputs inputs_of(const Json& the_case) {
  Inputs inputs;
  std::size_t end = the_case.at("inputs").size();
  if (the_case.contains("error")) end = the_case.at("error").value("input_index", std::size_t{0});
  for (std::size_t i = 0; i < end; ++i) {
    const Json& input = the_case.at("inputs").at(i);
    inputs.push_back(input.contains("advance_wall_clock_ms") ? std::nullopt
                                                             : std::optional(record_of(the_case, input)));
  }
  return inputs;
}

// Another story from the same records.
void shuffle(Inputs& inputs, sim::SeededRandom& draw) {
  const Inputs from = inputs;
  for (auto& input : inputs) input = from[draw.below(from.size())];
}

// A window's operator forgets when its task is opened anew how late it is, and each of several partitions has its own
// time, as in Kafka Streams: what was too late may then be taken. So no input may be too late, or there is no stop
// before the last that is.
Findings expect(const Json& the_case, const Shape& shape, Way way, RunPlan& plan, Inputs& inputs,
                sim::SeededRandom& draw) {
  Findings expected = findings_of_driver(the_case, plan.config, inputs);
  if (!shape.is_windowed || way == Way::plain) return expected;
  const bool leaves_out = way == Way::partitions || plan.loses_answers || draw.chance(0.7);
  while (leaves_out && !expected.drops.empty()) {
    for (auto i = expected.drops.rbegin(); i != expected.drops.rend(); ++i) inputs.erase(inputs.begin() + *i);
    expected = findings_of_driver(the_case, plan.config, inputs);
  }
  if (!expected.drops.empty()) plan.first_stop = static_cast<std::size_t>(expected.drops.back()) + 1;
  return expected;
}

void plan_stops(RunPlan& plan, const Shape& shape, Way way, sim::SeededRandom& draw) {
  plan.forgets_time = way != Way::plain && way != Way::deletes;
  switch (way) {
    case Way::plain:
      return;
    case Way::closes:
      plan.closes = 0.1;
      return;
    case Way::deletes:
      plan.deletes = 0.1;
      return;
    case Way::kills:
    case Way::kills_and_deletes:
      plan.closes = 0.05;
      plan.kills = 0.2;
      plan.groups = draw.chance(0.7);
      plan.loses_answers = draw.chance(0.3);
      if (way == Way::kills_and_deletes) plan.deletes = 0.5;
      return;
    case Way::partitions:
      plan.partitions = 3;
      plan.closes = 0.05;
      if (shape.has_unlogged) return;
      plan.deletes = 0.05;
      if (plan.config.at("processing.guarantee") == "exactly_once_v2") plan.kills = 0.1;
      return;
  }
}

class Restarts {
 public:
  void run(const Json& the_case, std::uint64_t seed) {
    const std::string name = the_case.at("case").get<std::string>();
    sim::SeededRandom draw(seed ^ static_cast<std::uint32_t>(murmur2(name)));
    const auto way = static_cast<Way>(draw.below(way_count));
    RunStory story;
    std::string difference;
    try {
      difference = run_one(the_case, way, draw, story);
      ++ran_[static_cast<int>(way)];
    } catch (const Skipped& s) {
      ++skipped_[s.why];
    } catch (const Difference& d) {
      difference = d.what;
    }
    closed_ += story.closed;
    deleted_ += story.deleted;
    killed_ += story.killed;
    if (difference.empty()) return;
    ++different_;
    std::printf("%s, seed %llu, %s:%s %s\n", name.c_str(), static_cast<unsigned long long>(seed),
                way_names[static_cast<int>(way)], story.text.c_str(), difference.c_str());
    std::fflush(stdout);
  }
  int report() const {
    for (int way = 0; way < way_count; ++way) std::printf("%6d %s\n", ran_[way], way_names[way]);
    for (const auto& [why, times] : skipped_) std::printf("%6d skipped: %s\n", times, why.c_str());
    std::printf("%d closes, %d states deleted, %d kills, %d differences\n", closed_, deleted_, killed_, different_);
    return different_ == 0 ? 0 : 1;
  }

 private:
  std::string run_one(const Json& of, Way way, sim::SeededRandom& draw, RunStory& story) {
    if (of.contains("error") && of.at("error").at("at") != "input") throw Skipped{"it cannot be built"};
    RunPlan plan{.seed = draw.next(), .config = draw_config(of, way, draw), .compacts = draw.chance(0.5)};
    const Json the_case = as_applications_have_it(of);
    Inputs inputs;
    Shape shape;
    Findings expected;
    try {
      shape = shape_of(the_case, build_topology(the_case, plan.config));
      check_comparable(shape, way);
      inputs = inputs_of(the_case);
      if (!inputs.empty() && draw.chance(0.5)) shuffle(inputs, draw);
      plan_stops(plan, shape, way, draw);
      expected = expect(the_case, shape, way, plan, inputs, draw);
    } catch (const Unsupported&) {
      throw Skipped{"it has steps that are not there yet"};
    } catch (const UnknownFunction&) {
      throw Skipped{"it has steps that are not there yet"};
    } catch (const std::exception&) {
      throw Skipped{"other inputs, or no record cache, end in an error"};
    }
    if (plan.groups)
      for (auto& output : expected.outputs) output.input = -1;
    return first_difference(findings_of_application(the_case, plan, inputs, expected, story), expected,
                            way == Way::partitions);
  }

  int ran_[way_count] = {};
  std::map<std::string, int> skipped_;
  int closed_ = 0, deleted_ = 0, killed_ = 0, different_ = 0;
};

}  // namespace
}  // namespace millrace::conformance

int main(int argc, char** argv) {
  using namespace millrace;
  unsigned long long first = 1, count = 1;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
      first = std::strtoull(argv[++i], nullptr, 10);
    else if (std::strcmp(argv[i], "--count") == 0 && i + 1 < argc)
      count = std::strtoull(argv[++i], nullptr, 10);
    else
      files.emplace_back(argv[i]);
  }
  if (files.empty()) {
    std::fprintf(stderr, "usage: millrace-restarts [--seed FIRST] [--count N] FILE.json...\n");
    return 2;
  }
  if (!std::getenv("MILLRACE_LOG")) set_log_level(LogLevel::off);  // a dying application complains at every step
  conformance::Restarts restarts;
  for (const std::string& path : files) {
    std::ifstream file(path);
    const auto the_case = nlohmann::json::parse(file, nullptr, false);
    if (!the_case.is_object() || !the_case.contains("case")) {
      std::fprintf(stderr, "%s: not a case\n", path.c_str());
      return 2;
    }
    for (auto seed = first; seed < first + count; ++seed) restarts.run(the_case, seed);
  }
  return restarts.report();
}
