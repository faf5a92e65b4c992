// Aggregators: how count, reduce and aggregate become thunks. For grouped.h and windowed.h, not for users.
#pragma once
#include <memory>
#include <utility>

#include "millrace/dsl/handle.h"

namespace millrace {

// Whether F changes its last parameter, an A&, in place and returns nothing.
template <class F, class K, class V, class A>
inline constexpr bool in_place =
    !nullable<A> && (std::is_invocable_r_v<void, const F&, Argument<V>, plain<A>&> ||
                     std::is_invocable_r_v<void, const F&, Argument<K>, Argument<V>, plain<A>&>);
template <class F, class K, class V, class A>
inline constexpr bool is_aggregator = shape<F, K, V, A>() != 0 || in_place<F, K, V, A>;

template <class K, class V, class A, class F>
void fold_thunk(const void* c, const RecordRef& r, const Out& out) {
  const F& f = *static_cast<const F*>(c);
  if constexpr (shape<F, K, V, A>() != 0) {
    auto aggregate = invoke<K, V, A>(f, r);  // a copy: a reference into the store would not last
    out(with_value(r, address(aggregate)));
  } else if constexpr (in_place<F, K, V, A>) {
    plain<A> aggregate = *static_cast<const plain<A>*>(r.other);
    if constexpr (std::is_invocable_v<const F&, Argument<V>, plain<A>&>) {
      f(argument<V>(r.value), aggregate);
    } else {
      f(argument<K>(r.key), argument<V>(r.value), aggregate);
    }
    out(with_value(r, &aggregate));
  }
}

template <class N>
Aggregation count_of(std::string_view name) {
  Aggregation how{.prefix = "KSTREAM-AGGREGATE-", .name = name, .count = true};
  how.initial = std::make_shared<const N>(std::int64_t{0});
  how.fold.call = [](const void*, const RecordRef& r, const Out& out) {
    N n = *static_cast<const N*>(r.other);
    ++n;
    out(with_value(r, &n));
  };
  return how;
}

// `f` takes (aggregate, value). With V nullable the value may be null.
template <class V, class F>
Aggregation reduction(std::string_view name, F f) {
  Aggregation how{.prefix = "KSTREAM-REDUCE-", .name = name, .reduce = true};
  how.fold = make_thunk(std::move(f), [](const void* c, const RecordRef& r, const Out& out) {
    RecordRef swapped = r;
    std::swap(swapped.value, swapped.other);
    auto value = invoke<plain<V>, plain<V>, V>(*static_cast<const F*>(c), swapped);
    out(with_value(r, address(value)));
  });
  return how;
}

template <class K, class V, class A, class F>
Aggregation aggregation(std::string_view name, const A& initial, F f) {
  Aggregation how{.prefix = "KSTREAM-AGGREGATE-", .name = name};
  if (const void* at = address(initial))
    how.initial = std::make_shared<const plain<A>>(*static_cast<const plain<A>*>(at));
  how.fold = make_thunk(std::move(f), &fold_thunk<K, V, A, F>);
  return how;
}

}  // namespace millrace
