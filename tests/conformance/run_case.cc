#include "run_case.h"

#include <algorithm>
#include <optional>

#include "comparison.h"
#include "interpreter.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/task_id.h"
#include "millrace/runtime/topology_driver.h"
#include "recorded_case.h"

namespace millrace::conformance {
namespace {

using Json = nlohmann::json;

struct Failure {
  std::string what;
};

void give(TopologyDriver& driver, const Json& the_case, const Json& input) {
  if (input.contains("advance_wall_clock_ms")) {
    return driver.advance_wall_clock(Duration{input.at("advance_wall_clock_ms").get<std::int64_t>()});
  }
  pipe(driver, record_of(the_case, input));
}

// The message of the first of Kafka's exceptions that ours has; Millrace's may say more.
void expect_error(const Json& error, const std::string& message) {
  for (const Json& link : error.at("chain")) {
    if (link.at("message").is_string() && message.find(link.at("message").get<std::string>()) != std::string::npos)
      return;
  }
  throw Failure{"error: \"" + message + "\", expected \"" + text_of_json(error.at("message")) + "\""};
}

void run_inputs(TopologyDriver& driver, const Json& the_case) {
  const Json& inputs = the_case.at("inputs");
  bool fails = the_case.contains("error");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    try {
      give(driver, the_case, inputs[i]);
    } catch (const std::exception& e) {
      if (!fails || the_case.at("error").value("input_index", -1) != static_cast<int>(i)) {
        throw Failure{"input " + std::to_string(i) + ": " + e.what()};
      }
      expect_error(the_case.at("error"), e.what());
      return;
    }
  }
  if (fails) throw Failure{"no error, expected \"" + text_of_json(the_case.at("error").at("message")) + "\""};
}

void run(const Json& the_case) {
  DriverOptions options = driver_options(the_case);
  bool fails_at_build = the_case.contains("error") && the_case.at("error").at("at") == "build";
  std::optional<TopologyDriver> driver;
  try {
    Topology topology = build_topology(the_case, options.config);
    if (the_case.contains("describe"))
      expect_equal("describe", topology.describe(), the_case.at("describe").get<std::string>());
    compare_topics(topology, the_case);
    options.config.erase("topology.optimization");  // the topology has taken them
    options.config.erase("ensure.explicit.internal.resource.naming");
    driver.emplace(std::move(topology), options);
  } catch (const std::exception& e) {
    if (!fails_at_build) throw;
    return expect_error(the_case.at("error"), e.what());
  }
  if (fails_at_build) throw Failure{"it builds, expected \"" + text_of_json(the_case.at("error").at("message")) + "\""};
  run_inputs(*driver, the_case);
  compare_produced(*driver, the_case);
  if (the_case.contains("error")) return;
  compare_stores(*driver, the_case);
  compare_queries(*driver, the_case);
  compare_numbers(*driver, the_case);
}

}  // namespace

Outcome run_case(const Json& the_case) {
  using Kind = Outcome::Kind;
  try {
    run(the_case);
  } catch (const Unsupported& u) {
    return {Kind::skipped, u.what};
  } catch (const UnknownFunction& f) {
    return {Kind::skipped, "function " + f.name};
  } catch (const Failure& f) {
    return {Kind::failed, f.what};
  } catch (const Difference& d) {
    return {Kind::failed, d.what};
  } catch (const std::exception& e) {
    return {Kind::failed, std::string("exception: ") + e.what()};
  }
  return {Kind::passed, ""};
}

}  // namespace millrace::conformance
