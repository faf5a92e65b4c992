// ReadOnlyStore: typed point queries from outside: KafkaStreams.store(…).
#pragma once
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "millrace/dsl/serde.h"
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
    check("keys", *spec->key.table->type, value_type_of<K>);
    check("values", *spec->value.table->type, value_type_of<V>);
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
  void check(const char* what, const ValueType& has, const ValueType& asked) const {
    if (&has != &asked)
      throw ConfigError("store " + name_ + " has " + what + " of type " + std::string(has.name) + ", not " +
                        std::string(asked.name));
  }

  const Streams& app_;
  std::string name_;
  AnySerde key_;
};

template <class K, class V>
ReadOnlyStore<K, V> Streams::store(std::string_view name) const {
  return ReadOnlyStore<K, V>(*this, std::string(name));
}

}  // namespace millrace
