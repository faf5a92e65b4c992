// Comparison of stores: their rows, and what their own read methods give.
#include <algorithm>

#include "comparison.h"
#include "millrace/statestore/state_store.h"
#include "named_serde.h"

namespace millrace::conformance {
namespace {

using Json = nlohmann::json;

// A store and the serdes that its topology gives it.
struct OpenStore {
  const StoreSpec* spec;
  const NamedSerde* key;
  KeyValueStore* rows = nullptr;
  WindowStore* windows = nullptr;

  OpenStore(TopologyDriver& driver, const std::string& name) : spec(driver.topology().store(name)) {
    StateStore* store = driver.store(name);
    if (!spec || !store) throw Difference{"store " + name + ": missing"};
    key = static_cast<const NamedSerde*>(spec->key.self);
    if (spec->kind == StoreSpec::Kind::window) {
      windows = static_cast<WindowStore*>(store);
    } else {
      rows = static_cast<KeyValueStore*>(store);
    }
  }
  Value key_of(BytesView bytes) const {
    auto value = key->read(bytes);
    if (!value) throw Difference{"store " + spec->name + ": a key cannot be read: " + value.error().message()};
    return *value;
  }
  std::optional<Bytes> bytes_of(const Json& q, const char* field) const {
    if (!q.contains(field) || q.at(field).is_null()) return std::nullopt;
    Bytes bytes;
    (void)key->write(*key->from_json(q.at(field)), bytes);
    return bytes;
  }
  Window window_at(Timestamp start) const { return {start, window_end(start, spec->window_size)}; }
};

std::optional<BytesView> view(const std::optional<Bytes>& bytes) {
  return bytes ? std::optional<BytesView>(*bytes) : std::nullopt;
}

std::vector<Json> rows_of(const OpenStore& store) {
  std::vector<Json> rows;
  auto add = [&](Json row, ValueAndTimestamp value) {
    row["value"] = to_json(static_cast<const Value*>(value.value));
    row["timestamp"] = value.timestamp.ms;
    rows.push_back(std::move(row));
  };
  if (store.windows) {
    auto all = store.windows->fetch_all({0}, {INT64_MAX}, ScanOrder::ascending);
    while (all->next()) {
      Value key = store.key_of(all->key());
      add({{"key", to_json(&key)}, {"start", all->window_start().ms}}, all->value());
    }
  } else {
    auto all = store.rows->all(ScanOrder::ascending);
    while (all->next()) {
      Value key = store.key_of(all->key());
      add({{"key", to_json(&key)}}, all->value());
    }
  }
  return rows;
}

std::vector<std::string> key_value_query(const OpenStore& store, const Json& q, const std::string& name) {
  ScanOrder order = name.starts_with("reverse_") ? ScanOrder::descending : ScanOrder::ascending;
  std::vector<std::string> keys;
  auto from = store.bytes_of(q, "from"), to = store.bytes_of(q, "to");
  auto found = store.rows->range(view(from), view(to), order);
  while (found->next()) {
    Value key = store.key_of(found->key());
    keys.push_back(text_of(&key));
  }
  return keys;
}

std::vector<std::string> window_query(const OpenStore& store, const Json& q, const std::string& name) {
  ScanOrder order = name.starts_with("backward_") ? ScanOrder::descending : ScanOrder::ascending;
  Timestamp from{q.value("time_from", std::int64_t{0})}, to{q.value("time_to", INT64_MAX)};
  std::unique_ptr<WindowStoreIterator> found;
  auto key = store.bytes_of(q, "key"), from_key = store.bytes_of(q, "from"), to_key = store.bytes_of(q, "to");
  bool one_key = name == "fetch" || name == "backward_fetch";
  found = one_key ? store.windows->fetch(*key, from, to, order)
                  : store.windows->fetch_range(view(from_key), view(to_key), from, to, order);
  std::vector<std::string> keys;
  while (found->next()) {
    if (one_key) {
      keys.push_back(std::to_string(found->window_start().ms));
      continue;
    }
    Value k = windowed_key<Value>::make(store.key_of(found->key()), store.window_at(found->window_start()));
    keys.push_back(text_of(&k));
  }
  return keys;
}

}  // namespace

void compare_stores(TopologyDriver& driver, const Json& the_case) {
  const Json stores = the_case.value("stores", Json::object());
  for (auto& [name, expected] : stores.items()) {
    OpenStore store(driver, name);
    std::vector<Json> actual = rows_of(store), rows = expected.at("rows");
    std::sort(actual.begin(), actual.end());
    std::sort(rows.begin(), rows.end());
    for (std::size_t i = 0; i < std::max(actual.size(), rows.size()); ++i) {
      Json a = i < actual.size() ? actual[i] : Json(), e = i < rows.size() ? rows[i] : Json();
      if (a != e) throw Difference{"store " + name + ": " + a.dump() + ", expected " + e.dump()};
    }
  }
}

void compare_queries(TopologyDriver& driver, const Json& the_case) {
  for (const Json& q : the_case.value("queries", Json::array())) {
    OpenStore store(driver, q.at("store").get<std::string>());
    std::string name = q.at("q").get<std::string>();
    auto keys = store.windows ? window_query(store, q, name) : key_value_query(store, q, name);
    std::size_t count = keys.size();
    if (keys.size() > 10) keys.resize(10);
    Json actual{{"keys", keys}, {"count", count}}, expected{{"keys", q.at("keys")}, {"count", q.at("count")}};
    if (actual != expected) throw Difference{"query " + q.dump() + ": " + actual.dump()};
  }
}

}  // namespace millrace::conformance
