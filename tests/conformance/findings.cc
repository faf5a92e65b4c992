#include "findings.h"

#include <algorithm>

#include "recorded_case.h"
#include "value.h"

namespace millrace::conformance {
namespace {

using Produced = TopologyDriver::Produced;

std::map<Place, std::string> rows_of(TopologyDriver& driver, const StoreSpec& spec) {
  std::map<Place, std::string> rows;
  StateStore* store = driver.store(spec.name);
  if (!store) return rows;  // nothing reads it
  if (spec.kind == StoreSpec::Kind::window) {
    auto all = static_cast<WindowStore*>(store)->fetch_all({0}, {INT64_MAX}, ScanOrder::ascending);
    while (all->next()) rows[{Bytes(all->key()), all->window_start().ms}] = text_of_row(all->value());
  } else {
    auto all = static_cast<KeyValueStore*>(store)->all(ScanOrder::ascending);
    while (all->next()) rows[{Bytes(all->key()), -1}] = text_of_row(all->value());
  }
  return rows;
}

std::string text_of(const std::optional<Bytes>& bytes) {
  if (!bytes) return "null";
  std::string text;
  for (char c : *bytes) text += c >= ' ' && c <= '~' ? std::string(1, c) : "\\x" + hex(Bytes(1, c));
  return "\"" + text + "\"";
}

std::string text_of(const Headers& headers) {
  std::string text;
  for (const Header& h : headers) text += " " + h.name + ":" + text_of(h.value);
  return text;
}

std::string text_of(const Produced& p) {
  return p.topic + " " + text_of(p.key) + "=" + text_of(p.value) + "@" + std::to_string(p.timestamp.ms) +
         text_of(p.headers) + " of input " + std::to_string(p.input);
}

// As the log keeps them: topic by topic. In each, by what caused it, and where several tasks write, by key and text.
std::vector<std::string> lines_of(std::vector<Produced> outputs, bool is_partitioned) {
  std::stable_sort(outputs.begin(), outputs.end(), [&](const Produced& a, const Produced& b) {
    if (!is_partitioned || a.topic != b.topic) return a.topic < b.topic;
    return std::tuple(a.input, a.key, text_of(a)) < std::tuple(b.input, b.key, text_of(b));
  });
  std::vector<std::string> lines;
  for (const Produced& p : outputs) lines.push_back(text_of(p));
  return lines;
}

std::string difference_of_lines(const std::vector<std::string>& actual, const std::vector<std::string>& expected) {
  for (std::size_t i = 0; i < std::max(actual.size(), expected.size()); ++i) {
    const std::string a = i < actual.size() ? actual[i] : "nothing", e = i < expected.size() ? expected[i] : "nothing";
    if (a != e) return "output " + a + ", expected " + e;
  }
  return {};
}

std::string text_of(const Findings::Logged& logged) {
  return text_of(logged.value) + "@" + std::to_string(logged.timestamp.ms) + text_of(logged.headers);
}
std::string text_of(const std::string& row) { return row; }
std::string text_of(const Bytes& key, int) { return text_of(std::optional<Bytes>(key)); }
std::string text_of(const Place& place, int) {
  return text_of(std::optional<Bytes>(place.first)) + (place.second < 0 ? "" : " at " + std::to_string(place.second));
}

template <class Map>
std::string difference_of_maps(const Map& actual, const Map& expected, bool may_have_more) {
  for (const auto& [key, value] : expected) {
    auto found = actual.find(key);
    if (found == actual.end()) return text_of(key, 0) + " missing, expected " + text_of(value);
    if (found->second != value) return text_of(key, 0) + "=" + text_of(found->second) + ", expected " + text_of(value);
  }
  for (const auto& [key, value] : actual)
    if (!may_have_more && !expected.contains(key)) return text_of(key, 0) + "=" + text_of(value) + ", expected nothing";
  return {};
}

}  // namespace

std::string text_of_row(ValueAndTimestamp value) {
  return to_json(static_cast<const Value*>(value.value)).dump() + "@" + std::to_string(value.timestamp.ms);
}

Findings findings_of_driver(const nlohmann::json& the_case, const ConfigValues& config, const Inputs& inputs) {
  DriverOptions options;
  options.config = config;
  options.config.erase("topology.optimization");  // the topology has taken it
  TopologyDriver driver(build_topology(the_case, config), options);
  Findings found;
  std::int64_t dropped = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i])
      pipe(driver, *inputs[i]);
    else
      driver.advance_wall_clock(1ms);
    const std::int64_t now = driver.metrics().at("dropped-records-total");
    if (std::exchange(dropped, now) != now) found.drops.push_back(static_cast<int>(i));
  }
  std::map<std::string, Topology::InternalTopic::Type> internal;
  for (const auto& topic : driver.topology().internal_topics(config.at("application.id")))
    internal[topic.name] = topic.type;
  using Type = Topology::InternalTopic::Type;
  for (const Produced& p : driver.produced()) {
    auto type = internal.find(p.topic);
    if (type == internal.end()) {
      found.outputs.push_back(p);
    } else if (type->second == Type::changelog) {
      found.changelogs[p.topic][*p.key] = {p.value, p.timestamp, p.headers};
    }
  }
  for (const StoreSpec& spec : driver.topology().stores) found.rows[spec.name] = rows_of(driver, spec);
  return found;
}

std::string first_difference(const Findings& actual, const Findings& expected, bool is_partitioned) {
  std::string found =
      difference_of_lines(lines_of(actual.outputs, is_partitioned), lines_of(expected.outputs, is_partitioned));
  if (!found.empty()) return found;
  for (const auto& [topic, last] : expected.changelogs) {
    auto other = actual.changelogs.find(topic);
    if (other == actual.changelogs.end()) return "changelog " + topic + " is missing";
    found = difference_of_maps(other->second, last, false);
    if (!found.empty()) return "changelog " + topic + ": " + found;
  }
  for (const auto& [topic, last] : actual.changelogs)
    if (!last.empty() && !expected.changelogs.contains(topic)) return "changelog " + topic + ": expected nothing";
  for (const auto& [store, rows] : expected.rows) {
    found = difference_of_maps(actual.rows.at(store), rows, is_partitioned);
    if (!found.empty()) return "store " + store + ": " + found;
  }
  return {};
}

}  // namespace millrace::conformance
