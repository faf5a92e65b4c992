// KGroupedStream<K, V>: a stream grouped by its key, to be counted, reduced, aggregated, or cut into windows.
#pragma once
#include <utility>

#include "millrace/dsl/aggregator.h"
#include "millrace/dsl/ktable.h"
#include "millrace/dsl/windowed.h"

namespace millrace {

// From KStream::group_by and group_by_key. Records without key or value are dropped and counted; the aggregators get
// `const V&`. Each aggregation has a store and a changelog, `.as` names them. Source: Kafka Streams' KGroupedStream.
template <class K, class V>
class KGroupedStream : public Handle<K, V> {
 public:
  using Value = plain<V>;
  KGroupedStream(Handle<K, V> handle, GroupingId grouping) : Handle<K, V>(std::move(handle)), grouping_(grouping) {}

  // How many records there are of each key. N: made from an int64_t, with ++ and --.
  template <class N = std::int64_t>
  KTable<K, N> count(AggregateOptions<K, N> o = {}) const {
    return make<N>(count_of<N>(o.name), o);
  }
  // `f` takes (aggregate, value) and returns the new aggregate, of the stream's value type or its optional (nullopt
  // deletes the row). The first value of a key is its first aggregate.
  template <class F>
  auto reduce(F f, StoreOptions<K, Value> o = {}) const {
    using R = result_of<F, Value, Value, Value>;
    static_assert(shape<F, Value, Value, Value>() % 2 == 1 && std::same_as<plain<R>, Value>,
                  "millrace: reduce takes a callable of the shape (aggregate, value) and returns the value's type");
    return make<R>(reduction<Value>(o.name, std::move(f)), o);
  }
  // `f` takes (value, aggregate) or (key, value, aggregate): it returns the new aggregate, or changes an `A&` in place
  // and returns nothing. A key starts from `initial`. With A a std::optional, nullopt deletes the row.
  template <class A, class F>
  KTable<K, A> aggregate(A initial, F f, AggregateOptions<K, plain<A>> o = {}) const {
    static_assert(is_aggregator<F, K, Value, A>,
                  "millrace: aggregate takes an aggregator of the shape (value, aggregate) or (key, value, aggregate)");
    return make<A>(aggregation<K, Value>(o.name, initial, std::move(f)), o);
  }
  // Tumbling or hopping windows. Errors: TopologyError for a size, an advance or a grace that cannot be.
  TimeWindowedKStream<K, V> windowed_by(TimeWindows windows) const {
    check_windows(windows);
    return {*this, grouping_, windows};
  }

 private:
  template <class A, class O>
  KTable<K, A> make(const Aggregation& how, const O& o) const {
    auto k = pick(o.key_serde, this->key_serde, "key");
    auto v = pick<plain<A>>(o.value_serde, carry<A>(this->value_serde), "value");
    return {{this->graph, this->graph->aggregate(grouping_, how, materialized(o, k, v)), k, v}};
  }
  GroupingId grouping_;
};

}  // namespace millrace
