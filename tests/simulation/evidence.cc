#include "tests/simulation/evidence.h"

namespace millrace::test {

std::string name_of(std::string_view topic, std::size_t partition) {
  return std::string(topic) + "-" + std::to_string(partition);
}
std::string text_of(const State& state) { return state ? *state : "nothing"; }
std::int64_t number_at(std::string_view bytes, std::size_t at) {
  return from_big_endian<std::int64_t>(bytes.data() + at);
}
Isolation isolation_of(bool exactly_once) {
  return exactly_once ? Isolation::read_committed : Isolation::read_uncommitted;
}
std::string as_is(std::string_view value) { return std::string(value); }
std::string as_number(std::string_view value) { return value.size() == 8 ? std::to_string(number_at(value, 0)) : "?"; }
State next_count(const State& before, const Step&) { return std::to_string((before ? std::stoll(*before) : 0) + 1); }

Evidence::Evidence(const OracleInput& of) : input(of) {
  bool is_calm = true;  // nothing was ever done twice
  for (const Stay& stay : input.stays) {
    is_calm &= stay.ended_well && stay.redone == 0;
    redone += stay.redone;
    met("a checkpoint was too old for its tombstones", stay.outdated);
  }
  if (!input.exactly_once) met(is_calm ? "at least once, nothing done twice" : "at least once", 1);
  is_exact = input.exactly_once || is_calm;
  orders = read("orders", partition_count, isolation_of(input.exactly_once));
  read_tables();
  check_input();
}

TopicRecords Evidence::read(const std::string& topic, std::size_t partitions, Isolation isolation) {
  auto records = read_topic(input.log, topic, static_cast<int>(partitions), isolation);
  if (records) return *std::move(records);
  problem(topic + " cannot be read: " + records.error().text());
  return TopicRecords(partitions);
}

// Which versions of a row a join may have met, in order. What was read before it was acknowledged may be gone, and at
// least once its traces are not.
void Evidence::read_tables() {
  for (auto& partition : read("customers", partition_count, isolation_of(input.exactly_once)))
    for (auto& r : partition) customers[*r.key].push_back(r.value);
  for (auto& partition : read("prices", 1))
    for (auto& r : partition) prices[*r.key].push_back(r.value);
  for (auto& [key, versions] : customers) last_customers[key] = versions.back();
  for (auto& [key, versions] : prices) last_prices[key] = versions.back();
  if (is_exact) return;
  customers = input.fed.customers;
  prices = input.fed.prices;
}

void Evidence::check_input() {
  std::set<std::int64_t> there;
  for (auto& partition : read("orders"))
    for (auto& r : partition)
      if (!there.insert(parse_order(*r.value).id).second) problem("order " + *r.value + " is in the input twice");
  for (std::int64_t id : input.fed.acknowledged)
    if (!there.contains(id)) problem("order " + std::to_string(id) + " was acknowledged and is lost");
  for (std::int64_t id : input.fed.aborted)
    if (there.contains(id)) problem("order " + std::to_string(id) + " was aborted and is there");
  there.clear();
  for (auto& partition : orders)
    for (auto& r : partition) there.insert(parse_order(*r.value).id);
  for (const auto& [id, order] : input.fed.orders)
    if (!there.contains(id)) phantoms.insert(id);
}

Updates Evidence::updates_of(const char* topic) {
  std::map<std::string, std::vector<State>> updates;
  for (auto& partition : read(topic))
    for (auto& r : partition) updates[r.key.value_or("null")].push_back(r.value);
  return updates;
}

std::map<std::string, std::string> Evidence::rows_of(const char* store, const Decode& decode) const {
  std::map<std::string, std::string> all;
  for (const auto& partition : input.rows.at(store))
    for (const auto& [key, row] : partition) all[key] = row.size() < 8 ? "?" : decode(std::string_view(row).substr(8));
  return all;
}

std::string Evidence::changelog_of(const std::string& store) const {
  if (store == "customers-by-name" && input.shape.reuses_source) return "customers";
  return "sales-" + store + "-changelog";
}

void Evidence::check_changelog(const std::string& store,
                               const std::function<std::string(std::size_t, const std::string&)>& row_key) {
  TopicRecords changelog = read(changelog_of(store), partition_count, isolation_of(input.exactly_once));
  for (std::size_t p = 0; p < partition_count; ++p) {
    std::map<std::string, std::string> logged;
    for (auto& r : changelog[p]) {
      const std::string key = row_key(p, *r.key);
      if (key.empty()) continue;
      std::string row;
      append_big_endian<std::int64_t>(row, r.timestamp.ms);
      if (r.value) {
        logged[key] = row + *r.value;
      } else {
        logged.erase(key);
      }
    }
    const auto& rows = input.rows.at(store)[p];
    for (const auto& [key, row] : rows)
      if (auto found = logged.find(key); found == logged.end() || found->second != row)
        problem(name_of(store.c_str(), p) + " has a row for " + key + " that its changelog has " +
                (found == logged.end() ? "not" : "otherwise"));
    for (const auto& [key, row] : logged)
      if (!rows.contains(key)) problem(name_of(store.c_str(), p) + " has no row for " + key + ", its changelog has");
  }
}
void Evidence::check_changelog(const std::string& store) {
  check_changelog(store, [](std::size_t, const std::string& key) { return key; });
}

void Evidence::check_last(const char* topic, const char* store, const Decode& decode,
                          const std::map<std::string, std::vector<State>>& updates) {
  const auto rows = rows_of(store, decode);
  for (const auto& [key, seen] : updates) {
    auto row = rows.find(key);
    // What came and went in the record cache is not put out; of an attempt before, what came may have been.
    if (!is_exact && input.updates_held_back && row == rows.end()) continue;
    if (row == rows.end() ? seen.back().has_value() : seen.back() != row->second)
      problem(std::string(topic) + ": " + key + " ends at " + text_of(seen.back()) + ", " + store + " holds " +
              (row == rows.end() ? "nothing" : row->second));
  }
  for (const auto& [key, row] : rows)
    if (!updates.contains(key)) problem(std::string(store) + " has a row for " + key + " that was never put out");
}

void Evidence::check_explained(const char* topic, const std::string& key, const std::vector<State>& updates,
                               const std::vector<Step>& steps, const NextState& next) {
  const Explanation found = explain(updates, steps, next, input.updates_held_back);
  if (!found.ends.empty()) return;
  problem(std::string(topic) + ": " + key + " has " + std::to_string(updates.size()) + " updates for " +
          std::to_string(steps.size()) + " orders, ends at " + (updates.empty() ? "nothing" : text_of(updates.back())) +
          "; " + std::to_string(found.longest) + " of them can be");
}

}  // namespace millrace::test
