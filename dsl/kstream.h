// KStream<K, V>: a stream of records. K and V are std::optional where keys or values may be null.
//
// Every operator takes its lambda first and its options last, and returns a new stream; none changes the stream it is
// called on. A lambda takes (value) or (key, value), as `const T&`, or `const T*` where null is possible; it may be
// called by several tasks at once. Errors: a description that cannot be throws TopologyError, at the call or in
// StreamsBuilder::build; most do not compile. Threads: one, as of the builder. Source: Kafka Streams' KStream;
// docs/guide/from-kafka-streams.md lists what became of each method.
#pragma once
#include <array>
#include <utility>
#include <vector>

#include "millrace/dsl/branch.h"
#include "millrace/dsl/handle.h"

namespace millrace {

template <class K, class V>
class KStream : public Handle<K, V> {
 public:
  using Handle<K, V>::graph;
  using Handle<K, V>::node;
  KStream(Handle<K, V> handle) : Handle<K, V>(std::move(handle)) {}
  // A stream without nulls is a stream that may have them: free, no node.
  template <class K2, class V2>
    requires(!(std::same_as<K, K2> && std::same_as<V, V2>) && std::same_as<plain<K>, plain<K2>> &&
             std::same_as<plain<V>, plain<V2>> && (nullable<K> || !nullable<K2>) && (nullable<V> || !nullable<V2>))
  KStream(const KStream<K2, V2>& stream)
      : Handle<K, V>{stream.graph, stream.node, stream.key_serde, stream.value_serde} {}

  // Keeps the records for which `f` returns true.
  template <class F>
  KStream filter(F f, Named o = {}) const {
    return filter_node<true>(std::move(f), o);
  }
  // Drops the records for which `f` returns true.
  template <class F>
  KStream filter_not(F f, Named o = {}) const {
    return filter_node<false>(std::move(f), o);
  }
  // Java's filter((k, v) -> v != null), and its key's twin; the types say so afterwards.
  KStream<K, plain<V>> filter(not_null_t, Named o = {}) const {
    return next<K, plain<V>>("KSTREAM-FILTER-", o.name,
                             make_thunk(not_null, [](const void*, const RecordRef& r, const Out& out) {
                               if (r.value) out(r);
                             }));
  }
  KStream<plain<K>, V> filter(key_not_null_t, Named o = {}) const {
    return next<plain<K>, V>("KSTREAM-FILTER-", o.name,
                             make_thunk(key_not_null, [](const void*, const RecordRef& r, const Out& out) {
                               if (r.key) out(r);
                             }));
  }

  // A new value for each record; the key stays, and so nothing needs repartitioning. `f` may return a std::optional.
  template <class F>
  auto map_values(F f, Named o = {}) const {
    using R = result_of<F, K, V>;
    MILLRACE_SHAPE("map_values", "(value) or (key, value)")
    return next<K, R>("KSTREAM-MAPVALUES-", o.name,
                      make_thunk(std::move(f), [](const void* c, const RecordRef& r, const Out& out) {
                        auto&& v = invoke<K, V>(*static_cast<const F*>(c), r);
                        out(with_value(r, address(v)));
                      }));
  }
  // A new key and value for each record: `f` returns KeyValue{key, value} or a std::pair. A grouping or join after it
  // repartitions.
  template <class F>
  auto map(F f, Named o = {}) const {
    using P = pair_of<result_of<F, K, V>>;
    MILLRACE_SHAPE("map", "(value) or (key, value)")
    if constexpr (shape<F, K, V>() != 0) static_assert(P::ok, "millrace: map's callable returns KeyValue{key, value}");
    return next<typename P::key, typename P::value>(
        "KSTREAM-MAP-", o.name,
        make_thunk(std::move(f),
                   [](const void* c, const RecordRef& r, const Out& out) {
                     if constexpr (P::ok) {
                       auto kv = invoke<K, V>(*static_cast<const F*>(c), r);
                       out(with(r, address(key_in(kv)), address(value_in(kv))));
                     }
                   }),
        true);
  }
  // Any number of values for each record, under its key: `f` returns a range of values.
  template <class F>
  auto flat_map_values(F f, Named o = {}) const {
    using E = element_t<result_of<F, K, V>>;
    MILLRACE_SHAPE("flat_map_values", "(value) or (key, value)")
    if constexpr (shape<F, K, V>() != 0) {
      static_assert(!std::same_as<E, Unfit>, "millrace: flat_map_values' callable returns a range of values");
    }
    return next<K, E>("KSTREAM-FLATMAPVALUES-", o.name,
                      make_thunk(std::move(f), [](const void* c, const RecordRef& r, const Out& out) {
                        if constexpr (!std::same_as<E, Unfit>) {
                          auto&& values = invoke<K, V>(*static_cast<const F*>(c), r);
                          for (auto&& v : values) out(with_value(r, address(v)));
                        }
                      }));
  }
  // Any number of records for each record: `f` returns a range of KeyValue or std::pair.
  template <class F>
  auto flat_map(F f, Named o = {}) const {
    using P = pair_of<element_t<result_of<F, K, V>>>;
    MILLRACE_SHAPE("flat_map", "(value) or (key, value)")
    if constexpr (shape<F, K, V>() != 0)
      static_assert(P::ok, "millrace: flat_map's callable returns a range of KeyValue");
    return next<typename P::key, typename P::value>(
        "KSTREAM-FLATMAP-", o.name,
        make_thunk(std::move(f),
                   [](const void* c, const RecordRef& r, const Out& out) {
                     if constexpr (P::ok) {
                       auto&& records = invoke<K, V>(*static_cast<const F*>(c), r);
                       for (auto&& kv : records) out(with(r, address(key_in(kv)), address(value_in(kv))));
                     }
                   }),
        true);
  }
  // A new key for each record.
  template <class F>
  auto select_key(F f, Named o = {}) const {
    MILLRACE_SHAPE("select_key", "(value) or (key, value)")
    return rekey<result_of<F, K, V>>(std::move(f), o.name);
  }

  // Calls `f` for each record and passes the record on.
  template <class F>
  KStream peek(F f, Named o = {}) const {
    MILLRACE_SHAPE("peek", "(value) or (key, value)")
    return next<K, V>("KSTREAM-PEEK-", o.name,
                      make_thunk(std::move(f), [](const void* c, const RecordRef& r, const Out& out) {
                        invoke<K, V>(*static_cast<const F*>(c), r);
                        out(r);
                      }));
  }
  // Calls `f` for each record; the end of the stream.
  template <class F>
  void for_each(F f, Named o = {}) const {
    MILLRACE_SHAPE("for_each", "(value) or (key, value)")
    next<K, V>("KSTREAM-FOREACH-", o.name, make_thunk(std::move(f), [](const void* c, const RecordRef& r, const Out&) {
                 invoke<K, V>(*static_cast<const F*>(c), r);
               }));
  }

  // The records of both. Their serdes are dropped, as in Kafka, unless the two streams have the same.
  KStream merge(const KStream& other, Named o = {}) const {
    if (other.graph != graph) no_common_builder();
    auto k = this->key_serde.self == other.key_serde.self ? this->key_serde : SerdeRef<plain<K>>{};
    auto v = this->value_serde.self == other.value_serde.self ? this->value_serde : SerdeRef<plain<V>>{};
    return {{graph, graph->merge(node, other.node, o.name), k, v}};
  }

  // One stream for each predicate, as an array for structured bindings; a record goes to the first that takes it:
  //   auto [large, rest] = orders.split(is_large, otherwise);
  //   auto [large, rest] = orders.split({.name = "size-"}, branch("large", is_large), otherwise("rest"));
  template <class... B>
  std::array<KStream, sizeof...(B)> split(Named o, B... branches) const {
    auto v = split(o, std::vector<Branch<K, V>>{as_branch(std::move(branches))...});
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<KStream, sizeof...(B)>{v[I]...};
    }(std::index_sequence_for<B...>{});
  }
  template <class... B>
    requires(sizeof...(B) > 0 && !(std::same_as<B, Named> || ...))
  std::array<KStream, sizeof...(B)> split(B... branches) const {
    return split(Named{}, std::move(branches)...);
  }
  // The same for branches made at run time.
  std::vector<KStream> split(Named o, const std::vector<Branch<K, V>>& branches) const {
    NodeId splitter = graph->split(node, o.name);
    std::vector<KStream> result;
    for (auto& b : branches) {
      result.push_back(
          {{graph, graph->branch(splitter, b.name, b.predicate.thunk), this->key_serde, this->value_serde}});
    }
    return result;
  }

  // Through a repartition topic, whether or not the key changed. Null keys are dropped.
  KStream<plain<K>, V> repartition(RepartitionOptions<plain<K>, plain<V>> o = {}) const {
    auto k = pick(o.key_serde, this->key_serde, "key");
    auto v = pick(o.value_serde, this->value_serde, "value");
    return {{graph, graph->repartition(node, o.name, k, v, o.partitions), k, v}};
  }

  // Writes the stream to a topic, which says with its types whether it takes nulls. Windowed keys are partitioned by
  // the inner key.
  template <class TK, class TV>
  void to(const Topic<TK, TV>& topic, Named o = {}) const {
    constexpr bool same = std::same_as<plain<K>, plain<TK>> && std::same_as<plain<V>, plain<TV>>;
    static_assert(same || std::same_as<plain<K>, Unfit> || std::same_as<plain<V>, Unfit>,
                  "millrace: to() writes a stream to a topic of other types: compare KStream<K, V> with Topic<K, V>");
    if constexpr (same) {
      static_assert(!nullable<K> || nullable<TK>,
                    "millrace: to() may write null keys, and this Topic's key type holds none: declare "
                    "Topic<std::optional<K>, V>, or filter(key_not_null) first");
      static_assert(
          !nullable<V> || nullable<TV>,
          "millrace: to() may write null values (tombstones), and this Topic's value type holds none: declare "
          "Topic<K, std::optional<V>>, or filter(not_null) first");
      auto k = pick(topic.options.key_serde, this->key_serde, "key");
      auto v = pick(topic.options.value_serde, this->value_serde, "value");
      graph->sink(node, topic_spec(topic, k, v), o.name);
    }
  }

  // The stream as updates of a table: a null value deletes, a null key is dropped and counted.
  KTable<plain<K>, V> to_table(StoreOptions<plain<K>, plain<V>> o = {}) const;

  // Groups by the stream's own key; nothing is repartitioned unless the key was changed on the way.
  KGroupedStream<plain<K>, V> group_by_key(GroupOptions<plain<K>, plain<V>> o = {}) const {
    auto k = maybe(o.key_serde, this->key_serde);
    auto v = maybe(o.value_serde, this->value_serde);
    return {{graph, node, k, v}, graph->group(node, o.name, k, v)};
  }
  // Groups by a new key, through a repartition topic. Null keys are dropped.
  template <class F>
  auto group_by(F f, RekeyOptions<plain<result_of<F, K, V>>, plain<V>> o = {}) const {
    MILLRACE_SHAPE("group_by", "(value) or (key, value)")
    using R = result_of<F, K, V>;
    auto stream = rekey<R>(std::move(f), o.name);  // the name is the new key's node's too, as in Java
    auto v = maybe(o.value_serde, this->value_serde);
    return KGroupedStream<plain<R>, V>{{graph, stream.node, o.key_serde, v},
                                       graph->group(stream.node, o.name, o.key_serde, v)};
  }

  // With the current value of a table of the same key: `f` takes (left, right) or (key, left, right). Records whose key
  // the table does not hold, and those without key or value, give nothing.
  template <class TK, class TV, class F>
  auto join(const KTable<TK, TV>& table, F f, JoinOptions<plain<K>, plain<V>, plain<TV>> o = {}) const {
    return table_join<plain<K>, plain<TV>, false>(table, std::move(f), o);
  }
  // The same for every record with a value: `right` is a `const T*`, null where the table has none.
  template <class TK, class TV, class F>
  auto left_join(const KTable<TK, TV>& table, F f, JoinOptions<plain<K>, plain<V>, plain<TV>> o = {}) const {
    return table_join<K, std::optional<plain<TV>>, true>(table, std::move(f), o);
  }
  // With a global table, by any key that `key` returns: (value) or (key, value). Nothing is repartitioned.
  template <class GK, class GV, class KeyF, class F>
  auto join(const GlobalKTable<GK, GV>& table, KeyF key, F f, Named o = {}) const {
    return global_join<plain<GV>, false>(table, std::move(key), std::move(f), o);
  }
  template <class GK, class GV, class KeyF, class F>
  auto left_join(const GlobalKTable<GK, GV>& table, KeyF key, F f, Named o = {}) const {
    return global_join<std::optional<plain<GV>>, true>(table, std::move(key), std::move(f), o);
  }

 private:
  template <class K2, class V2>
  friend class KStream;

  template <class K2, class V2>
  KStream<K2, V2> next(std::string_view prefix, std::string_view name, Thunk thunk, bool rekeys = false) const {
    return {{graph, graph->stateless(node, prefix, name, std::move(thunk), rekeys),
             rekeys ? SerdeRef<plain<K2>>{} : carry<K2>(this->key_serde), carry<V2>(this->value_serde)}};
  }
  template <bool keep, class F>
  KStream filter_node(F f, const Named& o) const {
    MILLRACE_SHAPE("filter", "(value) or (key, value)")
    if constexpr (shape<F, K, V>() != 0) {
      static_assert(std::convertible_to<decltype(invoke<K, V>(f, RecordRef{})), bool>,
                    "millrace: filter's callable returns bool");
    }
    return next<K, V>("KSTREAM-FILTER-", o.name,
                      make_thunk(std::move(f), [](const void* c, const RecordRef& r, const Out& out) {
                        if constexpr (shape<F, K, V>() != 0) {
                          if (static_cast<bool>(invoke<K, V>(*static_cast<const F*>(c), r)) == keep) out(r);
                        }
                      }));
  }
  template <class R, class F>
  KStream<R, V> rekey(F f, std::string_view name) const {
    return next<R, V>("KSTREAM-KEY-SELECT-", name,
                      make_thunk(std::move(f),
                                 [](const void* c, const RecordRef& r, const Out& out) {
                                   auto&& k = invoke<K, V>(*static_cast<const F*>(c), r);
                                   out(with(r, address(k), r.value));
                                 }),
                      true);
  }
  static Branch<K, V> as_branch(OtherwiseBranch b) { return {b.name, {}}; }
  template <class F>
  static Branch<K, V> as_branch(NamedBranch<F> b) {
    return {b.name, std::move(b.predicate)};
  }
  template <class F>
  static Branch<K, V> as_branch(F f) {
    return {{}, std::move(f)};
  }

  template <class K2, class Right, bool left, class TK, class TV, class F>
  auto table_join(const KTable<TK, TV>& table, F f, const JoinOptions<plain<K>, plain<V>, plain<TV>>& o) const {
    using R = result_of<F, K2, plain<V>, Right>;
    static_assert(
        std::same_as<plain<K>, TK>,
        "millrace: join: the table's key type is not the stream's: select_key() first, or join a global table");
    static_assert(
        !std::same_as<plain<K>, TK> || shape<F, K2, plain<V>, Right>() != 0,
        "millrace: join takes a callable of the shape (left, right) or (key, left, right); left_join's right side is "
        "const T*");
    if (table.graph != graph) no_common_builder();
    auto k = maybe(o.key_serde, this->key_serde);
    auto v = maybe(o.value_serde, this->value_serde);
    NodeId id =
        graph->table_join(node, table.node, o.name, left, k, v, make_thunk(std::move(f), &join_thunk<F, K2, Right>));
    return KStream<K2, R>({graph, id, o.key_serde ? o.key_serde : this->key_serde, {}});
  }
  template <class Right, bool left, class GK, class GV, class KeyF, class F>
  auto global_join(const GlobalKTable<GK, GV>& table, KeyF key, F f, const Named& o) const {
    using R = result_of<F, K, plain<V>, Right>;
    using MappedKey = result_of<KeyF, K, plain<V>>;
    static_assert(
        std::same_as<plain<MappedKey>, GK>,
        "millrace: join: the key function takes (value) or (key, value) and returns the global table's key type");
    static_assert(
        shape<F, K, plain<V>, Right>() != 0,
        "millrace: join takes a callable of the shape (left, right) or (key, left, right); left_join's right side is "
        "const T*");
    if (table.graph != graph) no_common_builder();
    Thunk key_of = make_thunk(std::move(key), [](const void* c, const RecordRef& r, const Out& out) {
      auto&& k = invoke<K, plain<V>>(*static_cast<const KeyF*>(c), r);
      out(with(r, address(k), nullptr));
    });
    NodeId id = graph->global_join(node, table.node, o.name, left, std::move(key_of),
                                   make_thunk(std::move(f), &join_thunk<F, K, Right>));
    return KStream<K, R>({graph, id, this->key_serde, {}});
  }
  template <class F, class K2, class Right>
  static void join_thunk(const void* c, const RecordRef& r, const Out& out) {
    if constexpr (shape<F, K2, plain<V>, Right>() != 0) {
      auto joined = invoke<K2, plain<V>, Right>(*static_cast<const F*>(c),
                                                r);  // a copy: a reference into the table would not last
      out(with_value(r, address(joined)));
    }
  }
};

}  // namespace millrace
