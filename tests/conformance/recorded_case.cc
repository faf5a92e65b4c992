#include "recorded_case.h"

#include "interpreter.h"

namespace millrace::conformance {

using Json = nlohmann::json;

namespace {

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

}  // namespace

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

Topology build_topology(const Json& the_case, const ConfigValues& values) {
  StreamsBuilder builder;
  Interpreter interpreter(builder);
  for (const Json& step : the_case.at("topology")) interpreter.step(step);
  TopologyConfig config;
  auto suppliers = values.find("dsl.store.suppliers.class");
  config.in_memory_stores = suppliers != values.end() && suppliers->second.ends_with("InMemoryDslStoreSuppliers");
  auto optimization = values.find("topology.optimization");
  std::string rules = optimization == values.end() ? "none" : optimization->second;
  config.reuse_source_topics = rules == "all" || rules.find("reuse.ktable.source.topics") != std::string::npos;
  config.merge_repartition_topics = rules == "all" || rules.find("merge.repartition.topics") != std::string::npos;
  auto naming = values.find("ensure.explicit.internal.resource.naming");
  config.require_names = naming != values.end() && naming->second == "true";
  auto cache = values.find("statestore.cache.max.bytes");
  config.record_cache = cache == values.end() || cache->second != "0";
  return builder.build(config);
}

ProducerRecord record_of(const Json& the_case, const Json& input) {
  ProducerRecord record;
  record.topic = input.at("topic").get<std::string>();
  const Json& types = the_case.at("input_types").at(record.topic);
  record.key = bytes_of(input, "key", types.at("key").get<std::string>());
  record.value = bytes_of(input, "value", types.at("value").get<std::string>());
  record.timestamp = Timestamp{input.at("timestamp").get<std::int64_t>()};
  record.headers = headers_of(input);
  return record;
}

void pipe(TopologyDriver& driver, const ProducerRecord& record) {
  auto view = [](const std::optional<Bytes>& b) { return b ? std::optional<BytesView>(*b) : std::nullopt; };
  driver.pipe(record.topic, view(record.key), view(record.value), *record.timestamp, record.headers);
}

}  // namespace millrace::conformance
