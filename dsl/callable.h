// Callables: which shapes of lambda an operator takes, and the thunk that makes all of them one shape for the compiled
// core.
//
// A lambda takes (value) or (key, value), joins and aggregations one more: (…, other). What may be null is `const T*`
// or `const std::optional<T>&`; `const T*` is accepted everywhere. Lambdas are const: several tasks call one at once.
#pragma once
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/dsl/null.h"
#include "millrace/dsl/operator.h"

namespace millrace {

// What `map` returns. std::pair does as well.
template <class K, class V>
struct KeyValue {
  K key;
  V value;
};
template <class K, class V>
KeyValue(K, V) -> KeyValue<K, V>;

// The rest of this file is for operators, not for users.

template <class T>
decltype(auto) argument(const void* p) {
  if constexpr (nullable<T>) {
    return Nullable<plain<T>>(p);
  } else {
    return *static_cast<const T*>(p);
  }
}
template <class T>
using Argument = decltype(argument<T>(nullptr));
template <class F, class... T>
inline constexpr bool takes = std::is_invocable_v<const F&, Argument<T>...>;

// 0: F does not fit. 1 (value, X…)  2 (key, value, X…)  3, 4: the same, with everything as const T*.
template <class F, class K, class V, class... X>
consteval int shape() {
  if constexpr (takes<F, V, X...>) {
    return 1;
  } else if constexpr (takes<F, K, V, X...>) {
    return 2;
  } else if constexpr (takes<F, std::optional<plain<V>>, std::optional<plain<X>>...>) {
    return 3;
  } else if constexpr (takes<F, std::optional<plain<K>>, std::optional<plain<V>>, std::optional<plain<X>>...>) {
    return 4;
  } else {
    return 0;
  }
}
// Stands in for what a lambda that does not fit would return, so that one error is printed, not fifty.
struct Unfit {};

template <class K, class V, class... X, class F>
decltype(auto) invoke(const F& f, const RecordRef& r) {
  constexpr int s = shape<F, K, V, X...>();
  if constexpr (s == 1) {
    return f(argument<V>(r.value), argument<X>(r.other)...);
  } else if constexpr (s == 2) {
    return f(argument<K>(r.key), argument<V>(r.value), argument<X>(r.other)...);
  } else if constexpr (s == 3) {
    return f(Nullable<plain<V>>(r.value), Nullable<plain<X>>(r.other)...);
  } else if constexpr (s == 4) {
    return f(Nullable<plain<K>>(r.key), Nullable<plain<V>>(r.value), Nullable<plain<X>>(r.other)...);
  } else {
    return Unfit{};
  }
}
template <class F, class K, class V, class... X>
using result_of = std::remove_cvref_t<decltype(invoke<K, V, X...>(std::declval<const F&>(), RecordRef{}))>;

using ThunkFunction = void (*)(const void* closure, const RecordRef& record, const Out& out);
template <class F>
Thunk make_thunk(F f, ThunkFunction call) {
  return {std::make_shared<const F>(std::move(f)), call};
}

// The same record with other content.
inline RecordRef with_value(RecordRef record, const void* value) {
  record.value = value;
  record.other = nullptr;
  return record;
}
inline RecordRef with(RecordRef record, const void* key, const void* value) {
  record.key = key;
  record.value = value;
  record.other = nullptr;
  return record;
}

// KeyValue<K, V> and std::pair<K, V> alike.
template <class T>
struct pair_of {
  static constexpr bool ok = false;
  using key = Unfit;
  using value = Unfit;
};
template <class K, class V>
struct pair_of<KeyValue<K, V>> {
  static constexpr bool ok = true;
  using key = K;
  using value = V;
};
template <class K, class V>
struct pair_of<std::pair<K, V>> {
  static constexpr bool ok = true;
  using key = K;
  using value = V;
};
template <class P>
auto& key_in(P& pair) {
  if constexpr (requires { pair.key; }) {
    return pair.key;
  } else {
    return pair.first;
  }
}
template <class P>
auto& value_in(P& pair) {
  if constexpr (requires { pair.key; }) {
    return pair.value;
  } else {
    return pair.second;
  }
}
// What a range holds; Unfit if R is none.
template <class R>
struct element {
  using type = Unfit;
};
template <class R>
  requires requires(R& r) {
    r.begin();
    r.end();
  }
struct element<R> {
  using type = std::remove_cvref_t<decltype(*std::declval<R&>().begin())>;
};
template <class R>
using element_t = typename element<R>::type;

// One sentence for each way not to fit; for a lambda that fits nothing is instantiated.
#define MILLRACE_SHAPE(operation, what)                                                                               \
  if constexpr (::millrace::shape<F, K, V>() == 0) {                                                                  \
    constexpr bool plainly = ::millrace::shape<F, ::millrace::plain<K>, ::millrace::plain<V>>() != 0;                 \
    constexpr bool changing = std::is_invocable_v<F&, ::millrace::Argument<V>> ||                                     \
                              std::is_invocable_v<F&, ::millrace::Argument<K>, ::millrace::Argument<V>>;              \
    static_assert(!plainly,                                                                                           \
                  "millrace: " operation                                                                              \
                  ": keys or values of this stream may be null: take const T* or const std::optional<T>&, or "        \
                  "filter(not_null) first");                                                                          \
    static_assert(!changing,                                                                                          \
                  "millrace: " operation ": a lambda that is `mutable` does not fit: several tasks call it at once"); \
    static_assert(plainly || changing, "millrace: " operation " takes a callable of the shape " what);                \
  }

}  // namespace millrace
