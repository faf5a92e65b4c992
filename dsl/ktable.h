// KTable<K, V>: the latest value of each key. V is std::optional where rows may vanish; a table's own lambdas never see
// null.
//
// From table, filter, or an aggregate or map_values that returns optional: KTable<K, std::optional<V>>; from count,
// reduce and a plain aggregate: KTable<K, V>. `.as` keeps an operator's result in a store of that name, queryable;
// without it values are computed on the way, and through the tables above when a join asks. Errors, threads: as
// KStream. Source: Kafka Streams' KTable.
#pragma once
#include <utility>

#include "millrace/dsl/kstream.h"

namespace millrace {

template <class K, class V>
class KTable : public Handle<K, V> {
 public:
  using Handle<K, V>::graph;
  using Handle<K, V>::node;
  KTable(Handle<K, V> handle) : Handle<K, V>(std::move(handle)) {}
  // A table whose rows stay is one whose rows may vanish: free, no node.
  template <class V2>
    requires(nullable<V> && !nullable<V2> && std::same_as<plain<V>, V2>)
  KTable(const KTable<K, V2>& table) : Handle<K, V>{table.graph, table.node, table.key_serde, table.value_serde} {}

  // The rows for which `f`, (value) or (key, value), returns true. A row that no longer passes is deleted downstream.
  template <class F>
  KTable<K, std::optional<plain<V>>> filter(F f, StoreOptions<plain<K>, plain<V>> o = {}) const {
    return filter_node<true>(std::move(f), o);
  }
  // The rows for which it returns false.
  template <class F>
  KTable<K, std::optional<plain<V>>> filter_not(F f, StoreOptions<plain<K>, plain<V>> o = {}) const {
    return filter_node<false>(std::move(f), o);
  }
  // A new value for each row. `f` may return a std::optional: nullopt deletes.
  template <class F>
  auto map_values(F f, StoreOptions<K, plain<result_of<F, K, plain<V>>>> o = {}) const {
    using Result = result_of<F, K, plain<V>>;
    using R = std::conditional_t<nullable<V>, std::optional<plain<Result>>, Result>;
    static_assert(shape<F, K, plain<V>>() != 0,
                  "millrace: map_values takes a callable of the shape (value) or (key, value)");
    return step<R>(TableStepKind::map_values, o, carry<R>(this->value_serde),
                   make_thunk(std::move(f), [](const void* c, const RecordRef& r, const Out& out) {
                     auto&& v = invoke<K, plain<V>>(*static_cast<const F*>(c), r);
                     out(with_value(r, address(v)));
                   }));
  }

  // The updates of the table as a stream; deletions are null values.
  KStream<K, V> to_stream(Named o = {}) const {
    return {{graph, graph->to_stream(node, o.name), this->key_serde, this->value_serde}};
  }
  // The same under a new key: Java's toStream(mapper).
  template <class F>
    requires(!std::same_as<F, Named>)
  auto to_stream(F key, Named o = {}) const {
    static_assert(shape<F, K, V>() != 0,
                  "millrace: to_stream takes a key function of the shape (value) or (key, value)");
    return to_stream(o).select_key(std::move(key));
  }

 private:
  template <class R, class R0>
  KTable<K, R> step(TableStepKind kind, const StoreOptions<K, R0>& o, SerdeRef<plain<R>> carried, Thunk thunk) const {
    SerdeRef<plain<K>> k = o.key_serde ? o.key_serde : this->key_serde;
    SerdeRef<plain<R>> v = o.value_serde ? o.value_serde : carried;
    if (!o.as.empty()) {
      k = pick<plain<K>>(k, {}, "key");
      v = pick<plain<R>>(v, {}, "value");
    }
    Materialized m = materialized(o, k, v);
    m.given = m.given || o.value_serde;
    return {{graph, graph->table_step(node, kind, o.name, m, std::move(thunk), &value_type_of<plain<R>>), k, v}};
  }
  template <bool keep, class F>
  KTable<K, std::optional<plain<V>>> filter_node(F f, const StoreOptions<plain<K>, plain<V>>& o) const {
    static_assert(shape<F, K, plain<V>>() != 0,
                  "millrace: filter takes a callable of the shape (value) or (key, value)");
    return step<std::optional<plain<V>>>(
        TableStepKind::filter, o, this->value_serde,
        make_thunk(std::move(f), [](const void* c, const RecordRef& r, const Out& out) {
          bool yes = false;
          if constexpr (shape<F, K, plain<V>>() != 0) {
            yes = static_cast<bool>(invoke<K, plain<V>>(*static_cast<const F*>(c), r)) == keep;
          }
          out(with_value(r, yes ? r.value : nullptr));
        }));
  }
};

template <class K, class V>
KTable<plain<K>, V> KStream<K, V>::to_table(StoreOptions<plain<K>, plain<V>> o) const {
  auto k = pick(o.key_serde, this->key_serde, "key");
  auto v = pick(o.value_serde, this->value_serde, "value");
  return {{graph, graph->to_table(node, o.name, materialized(o, k, v)), k, v}};
}

}  // namespace millrace
