#include "comparison.h"

#include <algorithm>
#include <set>

#include "named_serde.h"

namespace millrace::conformance {
namespace {

using Json = nlohmann::json;
using Produced = TopologyDriver::Produced;

std::string application_id(const Json& the_case) {
  return the_case.at("config").at("application.id").get<std::string>();
}

void expect_same(const std::string& what, const Json& actual, const Json& expected) {
  if (actual != expected) throw Difference{what + ": " + actual.dump() + ", expected " + expected.dump()};
}

Json headers_json(const Headers& headers) {
  Json list = Json::array();
  for (const Header& h : headers) list.push_back(Json::array({h.name, h.value ? Json(hex(*h.value)) : Json(nullptr)}));
  return list;
}

Json decoded(const std::optional<Bytes>& bytes, const std::string& serde) {
  if (!bytes) return nullptr;
  auto value = serde_named(serde).read(*bytes);
  if (!value) return "unreadable: " + hex(*bytes);
  return to_json(&*value);
}

Json with_rest(Json row, const Produced& p) {
  row["timestamp"] = p.timestamp.ms;
  row["i"] = p.input;
  if (!p.headers.empty()) row["headers"] = headers_json(p.headers);
  return row;
}

Json decoded_row(const Produced& p, const Json& types) {
  Json row;
  row["key"] = decoded(p.key, types.at("key").get<std::string>());
  row["value"] = decoded(p.value, types.at("value").get<std::string>());
  return with_rest(std::move(row), p);
}

Json raw_row(const Produced& p) {
  Json row;
  row["key_hex"] = p.key ? Json(hex(*p.key)) : Json(nullptr);
  row["value_hex"] = p.value ? Json(hex(*p.value)) : Json(nullptr);
  return with_rest(std::move(row), p);
}

void compare_rows(const std::string& what, const std::vector<Json>& actual, const Json& expected) {
  for (std::size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
    expect_same(what + "[" + std::to_string(i) + "]", actual[i], expected[i]);
  }
  if (actual.size() > expected.size())
    throw Difference{what + ": more than expected: " + actual[expected.size()].dump()};
  if (actual.size() < expected.size()) throw Difference{what + ": missing " + expected[actual.size()].dump()};
}

}  // namespace

std::string text_of_json(const Json& json) { return json.is_string() ? json.get<std::string>() : json.dump(); }

void expect_equal(const std::string& what, const std::string& actual, const std::string& expected) {
  if (actual == expected) return;
  std::size_t at = static_cast<std::size_t>(
      std::mismatch(actual.begin(), actual.end(), expected.begin(), expected.end()).first - actual.begin());
  auto line = [&](const std::string& text) {
    std::size_t start = at == 0 ? 0 : text.rfind('\n', at - 1);
    start = start == std::string::npos ? 0 : start;
    return Json(text.substr(start, 120)).dump();
  };
  throw Difference{what + ": at " + std::to_string(at) + " " + line(actual) + ", expected " + line(expected)};
}

void compare_topics(const Topology& topology, const Json& the_case) {
  using Type = Topology::InternalTopic::Type;
  Json topics = Json::array();
  for (const auto& t : topology.internal_topics(application_id(the_case))) {
    const char* type = t.type == Type::repartition ? "repartition"
                       : t.type == Type::changelog ? "changelog"
                                                   : "source_as_changelog";
    topics.push_back({{"name", t.name},
                      {"type", type},
                      {"partitions", t.partitions ? Json(*t.partitions) : Json(nullptr)},
                      {"config", t.config}});
  }
  if (the_case.contains("internal_topics")) expect_same("internal_topics", topics, the_case.at("internal_topics"));
  std::set<std::set<std::string>> groups, expected;
  for (const auto& group : topology.copartition_groups) {
    std::set<std::string> names;
    for (const std::string& name : group) {
      names.insert(topology.repartition_topics.contains(name) ? application_id(the_case) + "-" + name : name);
    }
    groups.insert(names);
  }
  for (const Json& group : the_case.value("copartition_groups", Json::array()))
    expected.insert(group.get<std::set<std::string>>());
  expect_same("copartition_groups", groups, expected);
}

void compare_produced(const TopologyDriver& driver, const Json& the_case) {
  std::map<std::string, std::vector<Json>> actual;
  auto part_of = [&](const std::string& topic) {
    for (const char* part : {"outputs", "changelogs", "repartitions"}) {
      if (the_case.contains(part) && the_case.at(part).contains(topic)) return std::string(part);
    }
    return std::string("unexpected topic");
  };
  for (const Produced& p : driver.produced()) {
    std::string part = part_of(p.topic);
    bool is_output = part == "outputs";
    const Json types = the_case.value("output_types", Json::object()).value(p.topic, Json());
    actual[part + " " + p.topic].push_back(is_output && !types.is_null() ? decoded_row(p, types) : raw_row(p));
  }
  for (const char* part : {"outputs", "repartitions", "changelogs"}) {
    const Json topics = the_case.value(part, Json::object());
    for (auto& [topic, rows] : topics.items()) {
      std::string name = std::string(part) + " " + topic;
      compare_rows(name, actual[name], rows);
      actual.erase(name);
    }
  }
  for (auto& [name, rows] : actual) {
    if (!rows.empty()) throw Difference{name + ": " + rows.front().dump()};
  }
}

void compare_numbers(const TopologyDriver& driver, const Json& the_case) {
  auto metrics = driver.metrics();
  const Json expected = the_case.value("metrics", Json::object());
  for (auto& [name, value] : expected.items()) {
    expect_same("metric " + name, metrics.contains(name) ? metrics.at(name) : 0, value);
  }
  if (the_case.contains("committed_metadata")) {
    expect_same("committed_metadata", driver.committed_metadata(), the_case.at("committed_metadata"));
  }
}

}  // namespace millrace::conformance
