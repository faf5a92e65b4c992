// ReadOnlyStore, ReadOnlyWindowStore: typed point queries from outside: KafkaStreams.store(…).
#pragma once
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "millrace/dsl/serde.h"
#include "millrace/runtime/streams.h"

namespace millrace {

// What both kinds of stores have in common: a store of a running topology by its name, looked at once.
template <class K, class V>
class QueriedStore {
 protected:
  // Throws ConfigError: there is no such store, or it is of another kind or of other types.
  QueriedStore(const Streams& app, std::string_view name, StoreSpec::Kind kind) : app_(app) {
    spec_ = app.topology().store(name);
    if (!spec_) throw ConfigError("there is no store " + std::string(name) + " in this topology");
    if (spec_->kind != kind)
      throw ConfigError("store " + spec_->name +
                        (kind == StoreSpec::Kind::key_value ? " is a window store: ask window_store()"
                                                            : " is a key-value store: ask store()"));
    check("keys", *spec_->key.table->type, value_type_of<K>);
    check("values", *spec_->value.table->type, value_type_of<V>);
  }
  // `ask(name, bytes of the key, visitor)`: one of Streams::query.
  template <class Ask>
  std::optional<V> answer(const K& key, Ask ask) const {
    Bytes bytes;
    if (auto written = spec_->key.table->write(spec_->key.self, &key, bytes, {"", true, nullptr}); !written)
      throw std::runtime_error(written.error().text());
    std::optional<V> result;
    auto answered = ask(spec_->name, bytes, [&](ValueAndTimestamp found) {
      if (found) result = *static_cast<const V*>(found.value);
    });
    if (!answered) throw std::runtime_error(answered.error().text());
    return result;
  }
  const Streams& app_;

 private:
  void check(const char* what, const ValueType& has, const ValueType& asked) const {
    if (&has != &asked)
      throw ConfigError("store " + spec_->name + " has " + what + " of type " + std::string(has.name) + ", not " +
                        std::string(asked.name));
  }
  const StoreSpec* spec_;
};

// Point queries of a key-value store from outside its task. Copyable; `app` must outlive it. Threads: any but a task's.
template <class K, class V>
class ReadOnlyStore : QueriedStore<K, V> {
 public:
  ReadOnlyStore(const Streams& app, std::string_view name)
      : QueriedStore<K, V>(app, name, StoreSpec::Kind::key_value) {}
  // The value as its task sees it now; nullopt if there is none. Throws std::runtime_error where the application does
  // not answer.
  std::optional<V> get(const K& key) const {
    return this->answer(
        key, [&](auto& name, auto& bytes, auto&& visitor) { return this->app_.query(name, bytes, visitor); });
  }
};

// The same of a window store; K is the key without its window.
template <class K, class V>
class ReadOnlyWindowStore : QueriedStore<K, V> {
 public:
  ReadOnlyWindowStore(const Streams& app, std::string_view name)
      : QueriedStore<K, V>(app, name, StoreSpec::Kind::window) {}
  // The value of the window that starts at `window_start`, as its task sees it now; nullopt if there is none, or it has
  // expired. Throws as get() does.
  std::optional<V> fetch(const K& key, Timestamp window_start) const {
    return this->answer(key, [&](auto& name, auto& bytes, auto&& visitor) {
      return this->app_.query(name, bytes, window_start, visitor);
    });
  }
};

template <class K, class V>
ReadOnlyStore<K, V> Streams::store(std::string_view name) const {
  return ReadOnlyStore<K, V>(*this, name);
}
template <class K, class V>
ReadOnlyWindowStore<K, V> Streams::window_store(std::string_view name) const {
  return ReadOnlyWindowStore<K, V>(*this, name);
}

}  // namespace millrace
