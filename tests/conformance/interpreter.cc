#include "interpreter.h"

#include <set>

namespace millrace::conformance {
namespace {

using Json = nlohmann::json;

std::string text(const Json& step, const char* field) { return step.value(field, std::string()); }

// Fields that a step may have beside those of every step; one that is not here is an option that the interpreter would
// ignore.
void check_fields(const Json& step) {
  static const std::set<std::string> known{"id",
                                           "op",
                                           "from",
                                           "result",
                                           "kt",
                                           "vt",
                                           "other_value_serde",
                                           "agg_type",
                                           "name",
                                           "topic",
                                           "key_serde",
                                           "value_serde",
                                           "timestamps",
                                           "fn",
                                           "with",
                                           "branches",
                                           "default",
                                           "unnamed",
                                           "partitions",
                                           "type",
                                           "size_ms",
                                           "advance_ms",
                                           "grace_ms",
                                           "init",
                                           "agg",
                                           "by",
                                           "store",
                                           "materialized",
                                           "store_type",
                                           "retention_ms",
                                           "logging",
                                           "caching",
                                           "logging_config"};
  for (auto& [field, value] : step.items()) {
    if (!known.contains(field)) throw Unsupported{step.at("op").get<std::string>() + " with " + field};
  }
}

}  // namespace

const Interpreter::Handle& Interpreter::from(const Json& step, const char* field) const {
  return handles_.at(step.at(field).get<std::string>());
}

SerdeRef<Value> Interpreter::default_serde_of(const std::string& type) const {
  if (type.starts_with("windowed<")) {
    return serde_named("time_windowed:" + type.substr(9, type.size() - 10) + ":" + std::to_string(window_size_));
  }
  return serde_named(type.empty() ? "string" : type);
}

SerdeRef<Value> Interpreter::key_serde(const Json& step) const {
  if (step.contains("key_serde")) return serde_named(text(step, "key_serde"));
  return default_serde_of(text(step.contains("kt") ? step : steps_.at(text(step, "from")), "kt"));
}

SerdeRef<Value> Interpreter::value_serde(const Json& step) const {
  if (step.contains("value_serde")) return serde_named(text(step, "value_serde"));
  return default_serde_of(text(step.contains("vt") ? step : steps_.at(text(step, "from")), "vt"));
}

Topic<V, V> Interpreter::topic(const Json& step) const {
  return {step.at("topic").get_ref<const std::string&>(),
          {.key_serde = key_serde(step), .value_serde = value_serde(step)}};
}

// Java is given a Materialized only by steps with a store, or `materialized`; else by nobody, which counts for
// generated numbers.
template <class O>
O Interpreter::store_options(const Json& step) const {
  O o{};
  if (step.contains("name")) o.name = step.at("name").template get_ref<const std::string&>();
  if (step.contains("store")) o.as = step.at("store").template get_ref<const std::string&>();
  if (step.contains("store") || step.contains("materialized")) {
    o.key_serde =
        step.contains("key_serde") ? SerdeRef<Value>(serde_named(text(step, "key_serde"))) : SerdeRef<Value>();
    o.value_serde = value_serde(step);
  }
  o.retention = Duration{step.value("retention_ms", std::int64_t{0})};
  if (text(step, "store_type") == "in_memory") o.in_memory = true;
  o.caching = step.value("caching", true);
  o.logging = step.value("logging", true);
  if (step.contains("logging_config")) {
    for (auto& [key, value] : step.at("logging_config").items())
      o.changelog.set(key, value.template get<std::string>());
  }
  return o;
}

void Interpreter::step(const Json& step) {
  check_fields(step);
  steps_[step.at("id").get<std::string>()] = step;
  if (!step.contains("from")) return source(step);
  if (!handles_.contains(text(step, "from"))) throw Unsupported{"from " + text(step, "from")};
  std::string op = text(step, "op");
  const Handle& handle = from(step);
  if (auto* stream = std::get_if<Stream>(&handle)) return stream_step(step, *stream);
  if (auto* table = std::get_if<Table>(&handle)) return table_step(step, *table);
  if (auto* grouped = std::get_if<Grouped>(&handle)) {
    if (op == "windowedBy") return windowed_by(step, *grouped);
    return aggregate(step, *grouped);
  }
  if (auto* windowed = std::get_if<Windowed>(&handle)) return aggregate(step, *windowed);
  throw Unsupported{op + " of a global table"};
}

void Interpreter::source(const Json& step) {
  std::string op = text(step, "op");
  if (!step.contains("topic")) throw Unsupported{op};
  if (op == "stream") {
    StreamOptions<V, V> o;
    if (step.contains("name")) o.name = step.at("name").get_ref<const std::string&>();
    if (step.contains("timestamps")) o.timestamp = timestamp_extractor(text(step, "timestamps"));
    return put(step, builder_.stream(topic(step), o));
  }
  if (step.contains("timestamps")) throw Unsupported{op + " with timestamps"};
  auto o = store_options<StoreOptions<Value, Value>>(step);
  if (op == "table") return put(step, builder_.table(topic(step), o));
  if (op == "globalTable") return put(step, builder_.global_table(topic(step), o));
  throw Unsupported{op};
}

void Interpreter::stream_step(const Json& step, const Stream& stream) {
  std::string op = text(step, "op"), fn = text(step, "fn"), name = text(step, "name");
  Named named{name};
  if (op == "filter") return put(step, stream.filter(predicate(fn), named));
  if (op == "filterNot") return put(step, stream.filter_not(predicate(fn), named));
  if (op == "merge") return put(step, stream.merge(std::get<Stream>(from(step, "with")), named));
  if (op == "split") return split(step, stream);
  if (op == "to" && step.contains("topic")) return stream.to(topic(step), named);
  if (op == "repartition") {
    return put(step, Stream(stream.repartition({.name = name,
                                                .key_serde = key_serde(step),
                                                .value_serde = value_serde(step),
                                                .partitions = step.value("partitions", 0)})));
  }
  if (op == "toTable") {
    auto o = store_options<StoreOptions<Value, Value>>(step);
    o.key_serde = key_serde(step);
    o.value_serde = value_serde(step);
    return put(step, stream.to_table(o));
  }
  if (op == "groupByKey") {
    return put(step,
               stream.group_by_key({.name = name, .key_serde = key_serde(step), .value_serde = value_serde(step)}));
  }
  if (op == "groupBy") {
    return put(step, stream.group_by(key_function(fn),
                                     {.name = name, .key_serde = key_serde(step), .value_serde = value_serde(step)}));
  }
  if (op == "join" || op == "leftJoin") return join(step, stream);
  stream_map(step, stream);
}

void Interpreter::stream_map(const Json& step, const Stream& stream) {
  std::string op = text(step, "op"), fn = text(step, "fn"), name = text(step, "name");
  Named named{name};
  if (op == "mapValues") return put(step, stream.map_values(value_function(fn), named));
  if (op == "flatMapValues") return put(step, stream.flat_map_values(flat_function(fn), named));
  if (op == "map") return put(step, stream.map(pair_function(fn), named));
  if (op == "flatMap") return put(step, stream.flat_map(flat_pair_function(fn), named));
  if (op == "selectKey") return put(step, stream.select_key(key_function(fn), named));
  if (op == "peek") return put(step, stream.peek([](const Value*) {}, named));
  if (op == "foreach") return stream.for_each([](const Value*) {}, named);
  throw Unsupported{op + (step.contains("topic") ? "" : step.contains("extractor") ? " with extractor" : "")};
}

void Interpreter::split(const Json& step, const Stream& stream) {
  std::vector<Branch<V, V>> branches;
  std::vector<std::string> ids;
  bool unnamed = step.value("unnamed", false);
  for (const Json& b : step.at("branches")) {
    ids.push_back(text(b, "name"));
    branches.push_back({unnamed ? "" : text(b, "name"), predicate(text(b, "fn"))});
  }
  if (step.contains("default") && !step.at("default").is_null()) {
    ids.push_back(text(step, "default"));
    branches.push_back({unnamed ? "" : text(step, "default"), {}});
  }
  std::string name = text(step, "name"), id = text(step, "id");
  auto streams = stream.split(Named{name}, branches);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    handles_.insert_or_assign(id + "." + ids[i], streams[i]);
    Json notes = steps_.at(text(step, "from"));
    steps_[id + "." + ids[i]] = notes;
  }
  steps_[id] = steps_.at(text(step, "from"));
}

void Interpreter::join(const Json& step, const Stream& stream) {
  bool left = text(step, "op") == "leftJoin";
  std::string name = text(step, "name");
  if (step.contains("grace_ms")) throw Unsupported{"join with a grace period"};
  const Handle& other = from(step, "with");
  JoinerFunction f = joiner(text(step, "fn"));
  if (auto* global = std::get_if<Global>(&other)) {
    KeyFunction by = key_function(text(step, "by"));
    if (left) return put(step, stream.left_join(*global, by, f, Named{name}));
    return put(step, stream.join(*global, by, f, Named{name}));
  }
  auto* table = std::get_if<Table>(&other);
  if (!table) throw Unsupported{text(step, "op") + " of streams"};
  SerdeRef<Value> right = default_serde_of(text(steps_.at(text(step, "with")), "vt"));
  const Json& mine = steps_.at(text(step, "from"));
  SerdeRef<Value> k = step.contains("key_serde") ? key_serde(step) : default_serde_of(text(mine, "kt"));
  SerdeRef<Value> v = step.contains("value_serde") ? value_serde(step) : default_serde_of(text(mine, "vt"));
  JoinOptions<Value, Value, Value> o{.name = name, .key_serde = k, .value_serde = v, .other_serde = right};
  if (left) return put(step, stream.left_join(*table, f, o));
  put(step, Stream(stream.join(*table, f, o)));
}

void Interpreter::table_step(const Json& step, const Table& table) {
  std::string op = text(step, "op"), fn = text(step, "fn"), name = text(step, "name");
  auto o = store_options<StoreOptions<Value, Value>>(step);
  if (op == "filter") return put(step, table.filter(predicate(fn), o));
  if (op == "filterNot") return put(step, table.filter_not(predicate(fn), o));
  if (op == "mapValues") return put(step, table.map_values(value_function(fn), o));
  if (op == "toStream" && fn.empty()) return put(step, Stream(table.to_stream(Named{name})));
  if (op == "toStream") return put(step, table.to_stream(key_function(fn), Named{name}));
  throw Unsupported{op + " of a table"};
}

void Interpreter::windowed_by(const Json& step, const Grouped& grouped) {
  std::string type = text(step, "type");
  if (type != "tumbling" && type != "hopping") throw Unsupported{"windowedBy " + type};
  if (type == "hopping" && step.at("advance_ms") == 0) throw Unsupported{"an advance of 0"};
  window_size_ = step.at("size_ms").get<std::int64_t>();
  put(step, grouped.windowed_by(TimeWindows{.size = Duration{window_size_},
                                            .advance = Duration{step.value("advance_ms", std::int64_t{0})},
                                            .grace = Duration{step.value("grace_ms", std::int64_t{0})}}));
}

template <class G>
void Interpreter::aggregate(const Json& step, const G& grouped) {
  std::string op = text(step, "op");
  auto o = store_options<AggregateOptions<Value, Value>>(step);
  o.value_serde = value_serde(step);
  if (op == "count") return put(step, Table(grouped.template count<Value>(o)));
  if (op == "aggregate") {
    return put(step, grouped.aggregate(initial_value(text(step, "init")), aggregator(text(step, "agg")), o));
  }
  if (op != "reduce") throw Unsupported{op};
  auto r = store_options<StoreOptions<Value, Value>>(step);
  r.value_serde = value_serde(step);
  put(step, Table(grouped.reduce(reducer(text(step, "fn")), r)));
}

}  // namespace millrace::conformance
