// TimeWindowedKStream<K, V>: a grouped stream cut into windows, to be counted, reduced or aggregated per key and
// window.
#pragma once
#include <memory>
#include <utility>

#include "millrace/dsl/aggregator.h"
#include "millrace/dsl/ktable.h"
#include "millrace/dsl/windows.h"

namespace millrace {

// From KGroupedStream::windowed_by. A windowed aggregator is given the stream's own type: Kafka hands it null values
// too. Records for windows that are closed are dropped and counted (see TimeWindows). The result's keys are
// Windowed<K>; their WindowedSerde travels on.
// `.retention` is how long the store keeps windows: at least, and by default, size + grace. Source: Kafka's
// TimeWindowedKStream.
template <class K, class V>
class TimeWindowedKStream : public Handle<K, V> {
 public:
  using WK = windowed_t<K>;
  TimeWindowedKStream(Handle<K, V> handle, GroupingId grouping, TimeWindows windows)
      : Handle<K, V>(std::move(handle)), grouping_(grouping), windows_(windows) {}

  // How many records each window has of each key. N: made from an int64_t, with ++ and --.
  template <class N = std::int64_t>
  KTable<WK, N> count(AggregateOptions<K, N> o = {}) const {
    return make<N>(count_of<N>(o.name), o);
  }
  // `f` takes (aggregate, value), of the stream's value type; the first value is the first aggregate.
  template <class F>
  auto reduce(F f, StoreOptions<K, plain<V>> o = {}) const {
    using R = result_of<F, plain<V>, plain<V>, V>;
    static_assert(shape<F, plain<V>, plain<V>, V>() % 2 == 1 && std::same_as<plain<R>, plain<V>>,
                  "millrace: reduce takes a callable of the shape (aggregate, value) and returns the value's type");
    using A = std::conditional_t<nullable<V>, std::optional<plain<R>>, R>;  // the first value may be null
    return make<A>(reduction<V>(o.name, std::move(f)), o);
  }
  // As KGroupedStream::aggregate.
  template <class A, class F>
  KTable<WK, A> aggregate(A initial, F f, AggregateOptions<K, plain<A>> o = {}) const {
    static_assert(is_aggregator<F, K, V, A>,
                  "millrace: aggregate takes an aggregator of the shape (value, aggregate) or (key, value, aggregate)");
    return make<A>(aggregation<K, V>(o.name, initial, std::move(f)), o);
  }

 private:
  template <class A, class O>
  KTable<WK, A> make(const Aggregation& how, const O& o) const {
    auto k = pick(o.key_serde, this->key_serde, "key");
    auto v = pick<plain<A>>(o.value_serde, carry<A>(this->value_serde), "value");
    SerdeRef<plain<WK>> windowed;
    if constexpr (std::same_as<WK, Windowed<K>>) {
      auto serde = std::make_shared<const WindowedSerde<K>>(WindowedSerde<K>{windows_.size, k});
      windowed = *serde;
      this->graph->keep(std::move(serde));
    }
    NodeId id = this->graph->window_aggregate(grouping_, how, materialized(o, k, v), windows_, windowed_key_type<K>);
    return {{this->graph, id, windowed, v}};
  }
  GroupingId grouping_;
  TimeWindows windows_;
};

}  // namespace millrace
