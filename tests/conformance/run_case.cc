#include "run_case.h"

#include <algorithm>
#include <optional>

#include "comparison.h"
#include "interpreter.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/task_id.h"
#include "millrace/runtime/topology_driver.h"

namespace millrace::conformance {
namespace {

using Json = nlohmann::json;

struct Failure {
  std::string what;
};

DriverOptions driver_options(const Json& the_case) {
  DriverOptions options;
  options.config["processing.guarantee"] = "at_least_once";  // Kafka's default, and the cases'
  for (auto& [key, value] : the_case.at("config").items()) {
    if (key == "wall_clock_start_ms") {
      options.wall_clock = {value.get<std::int64_t>()};
    } else {
      options.config[key] = value.is_string() ? value.get<std::string>() : value.dump();
    }
  }
  return options;
}

Topology build(const Json& the_case, const DriverOptions& options) {
  StreamsBuilder builder;
  Interpreter interpreter(builder);
  for (const Json& step : the_case.at("topology")) interpreter.step(step);
  TopologyConfig config;
  auto suppliers = options.config.find("dsl.store.suppliers.class");
  config.in_memory_stores =
      suppliers != options.config.end() && suppliers->second.ends_with("InMemoryDslStoreSuppliers");
  auto optimization = options.config.find("topology.optimization");
  std::string rules = optimization == options.config.end() ? "none" : optimization->second;
  config.reuse_source_topics = rules == "all" || rules.find("reuse.ktable.source.topics") != std::string::npos;
  config.merge_repartition_topics = rules == "all" || rules.find("merge.repartition.topics") != std::string::npos;
  auto naming = options.config.find("ensure.explicit.internal.resource.naming");
  config.require_names = naming != options.config.end() && naming->second == "true";
  auto cache = options.config.find("statestore.cache.max.bytes");
  config.record_cache = cache == options.config.end() || cache->second != "0";
  return builder.build(config);
}

std::optional<Bytes> bytes_of(const Json& record, const char* field, const std::string& serde) {
  std::string raw = std::string(field) + "_hex";
  if (record.contains(raw)) return Bytes(from_hex(record.at(raw).get<std::string>()));
  const NamedSerde& named = serde_named(serde);
  V value = named.from_json(record.at(field));
  if (!value) return std::nullopt;
  Bytes bytes;
  (void)named.write(*value, bytes);
  return bytes;
}

Headers headers_of(const Json& record) {
  Headers headers;
  for (const Json& h : record.value("headers", Json::array())) {
    Header header{h.at(0).get<std::string>(), std::nullopt};
    if (!h.at(1).is_null()) header.value = Bytes(from_hex(h.at(1).get<std::string>()));
    headers.push_back(std::move(header));
  }
  return headers;
}

void pipe(TopologyDriver& driver, const Json& the_case, const Json& input) {
  if (input.contains("advance_wall_clock_ms")) {
    return driver.advance_wall_clock(Duration{input.at("advance_wall_clock_ms").get<std::int64_t>()});
  }
  const Json& types = the_case.at("input_types").at(input.at("topic").get<std::string>());
  auto key = bytes_of(input, "key", types.at("key").get<std::string>());
  auto value = bytes_of(input, "value", types.at("value").get<std::string>());
  auto view = [](const std::optional<Bytes>& b) { return b ? std::optional<BytesView>(*b) : std::nullopt; };
  driver.pipe(input.at("topic").get<std::string>(), view(key), view(value), {input.at("timestamp").get<std::int64_t>()},
              headers_of(input));
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
      pipe(driver, the_case, inputs[i]);
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
    Topology topology = build(the_case, options);
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
