// Options of the operators: plain aggregates for designated initialisers. Fields stand in one order everywhere, since
// C++ wants it kept.
//
// `.name` names the node (Kafka's Named), `.as` names a store and its changelog and makes it queryable
// (Materialized.as). Names are views, copied before the call returns. Every field has a default, or users with -Wextra
// would be warned of each they leave out.
#pragma once
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/base/types.h"
#include "millrace/dsl/callable.h"
#include "millrace/dsl/serde.h"

namespace millrace {

// Topic configuration by Kafka's keys: {{"retention.ms", "-1"}}. Cheap to copy; one thread builds it.
class TopicConfig {
 public:
  struct Entries;
  TopicConfig() = default;
  TopicConfig(std::initializer_list<std::pair<std::string_view, std::string_view>> entries);
  void set(std::string_view key, std::string_view value);
  // Null: none.
  const Entries* entries() const { return entries_.get(); }

 private:
  std::shared_ptr<const Entries> entries_;
};

// Options of an operator that has nothing but a name.
struct Named {
  std::string_view name = {};
};

// A record as a timestamp extractor may want it.
template <class K, class V>
struct ConsumerRecord {
  Nullable<plain<K>> key;
  Nullable<plain<V>> value;
  const RecordContext& context;  // topic, partition, offset, timestamp, headers
};

// Any callable (value), (key, value), or (const ConsumerRecord<K, V>&, Timestamp partition_time) that returns a
// Timestamp. A negative result drops the record. The partition time is the largest timestamp so far taken from the
// record's partition; -1 at first.
template <class K, class V>
class TimestampExtractor {
 public:
  TimestampExtractor() = default;
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, TimestampExtractor>)
  TimestampExtractor(F f) {
    constexpr bool full = std::is_invocable_v<const F&, const ConsumerRecord<K, V>&, Timestamp>;
    static_assert(
        full || shape<F, K, V>() != 0,
        "millrace: a timestamp extractor takes (value), (key, value), or (const ConsumerRecord<K, V>&, Timestamp)");
    thunk = make_thunk(std::move(f), [](const void* c, const RecordRef& r, const Out& out) {
      Timestamp t;
      const F& call = *static_cast<const F*>(c);
      if constexpr (full) {
        t = call(ConsumerRecord<K, V>{Nullable<plain<K>>(r.key), Nullable<plain<V>>(r.value), *r.context},
                 *static_cast<const Timestamp*>(r.other));
      } else if constexpr (shape<F, K, V>() != 0) {
        t = invoke<K, V>(call, r);
      }
      out(with(r, nullptr, &t));
    });
  }
  Thunk thunk;
};

// Java's Consumed.
template <class K, class V>
struct StreamOptions {
  std::string_view name = {};
  TimestampExtractor<K, V> timestamp = {};
};

// Java's Materialized, and Named. An absent serde is the one that came along with the stream or table.
template <class K, class V>
struct StoreOptions {
  std::string_view name = {};  // of the node
  std::string_view as = {};    // of the store: queryable, and the changelog's name
  SerdeRef<plain<K>> key_serde = {};
  SerdeRef<plain<V>> value_serde = {};
  Duration retention{0};               // windowed stores; 0: size + grace
  std::optional<bool> in_memory = {};  // default: dsl.store.suppliers.class
  bool caching = true;                 // whether the record cache holds updates back (where there is one)
  bool logging = true;                 // whether there is a changelog
  TopicConfig changelog = {};          // topic configuration of the changelog
};
// The same where the value type is new: its serde is Serde<A> unless given, and a type that has none does not compile.
template <class K, class A>
struct AggregateOptions {
  std::string_view name = {};
  std::string_view as = {};
  SerdeRef<plain<K>> key_serde = {};
  SerdeRef<plain<A>> value_serde = default_serde<plain<A>>();
  Duration retention{0};
  std::optional<bool> in_memory = {};
  bool caching = true;
  bool logging = true;
  TopicConfig changelog = {};
};

// Java's Grouped, of a stream's own key. `name` is that of the repartition topic.
template <class K, class V>
struct GroupOptions {
  std::string_view name = {};
  SerdeRef<plain<K>> key_serde = {};
  SerdeRef<plain<V>> value_serde = {};
};
// Java's Grouped, of a new key.
template <class K, class V>
struct RekeyOptions {
  std::string_view name = {};
  SerdeRef<plain<K>> key_serde = default_serde<plain<K>>();
  SerdeRef<plain<V>> value_serde = {};
};
// Java's Repartitioned. `partitions` 0: as many as the input has.
template <class K, class V>
struct RepartitionOptions {
  std::string_view name = {};
  SerdeRef<plain<K>> key_serde = {};
  SerdeRef<plain<V>> value_serde = {};
  int partitions = 0;
};
// Java's Joined. `name` also names the repartition topic, if there is one. `other_serde` is there for joins of streams:
// a table's values are in its store, and a join with one does not ask for it, in Java either.
template <class K, class V, class V2>
struct JoinOptions {
  std::string_view name = {};
  SerdeRef<plain<K>> key_serde = {};
  SerdeRef<plain<V>> value_serde = {};
  SerdeRef<plain<V2>> other_serde = {};
};

}  // namespace millrace
