// Streams with typed stores, for programs that start and stop a topology themselves or ask it for values.
//
//   Streams app("users", topology, {.state_dir = dir + "/state"}, real_env(), *log);
//   std::optional<User> ann = store<std::string, User>(app, "users").get("ann");
#pragma once
#include <optional>
#include <string>

#include "millrace/client_factory.h"
#include "millrace/dsl/serde.h"
#include "millrace/millrace.h"
#include "millrace/runtime/streams.h"

namespace millrace {

// Point queries of a key-value store from outside its task. Copyable; `app` must outlive it. Threads: any but a task's.
template <class K, class V>
class ReadOnlyStore {
 public:
  ReadOnlyStore(const Streams& app, std::string name) : app_(app), name_(std::move(name)) {
    const StoreSpec* spec = app.topology().store(name_);
    if (!spec) throw ConfigError("there is no store " + name_ + " in this topology");
    if (spec->kind != StoreSpec::Kind::key_value) throw ConfigError("store " + name_ + " is a window store");
    if (spec->key.table->type != &value_type_of<K> || spec->value.table->type != &value_type_of<V>)
      throw ConfigError("store " + name_ + " has keys or values of other types than asked for");
    key_ = spec->key;
  }
  // The value as its task sees it now; nullopt if there is none. Throws std::runtime_error where the application does
  // not answer.
  std::optional<V> get(const K& key) const {
    Bytes bytes;
    if (auto written = key_.table->write(key_.self, &key, bytes, {"", true, nullptr}); !written)
      throw std::runtime_error(written.error().text());
    std::optional<V> result;
    auto answered = app_.query(name_, bytes, [&](ValueAndTimestamp found) {
      if (found) result = *static_cast<const V*>(found.value);
    });
    if (!answered) throw std::runtime_error(answered.error().text());
    return result;
  }

 private:
  const Streams& app_;
  std::string name_;
  AnySerde key_;
};

// Throws ConfigError: no such store, or of other types.
template <class K, class V>
ReadOnlyStore<K, V> store(const Streams& app, std::string_view name) {
  return ReadOnlyStore<K, V>(app, std::string(name));
}

}  // namespace millrace
