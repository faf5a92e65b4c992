// Windows of time: the windows that a windowed aggregation counts in, and keys that carry one.
#pragma once
#include <concepts>
#include <type_traits>
#include <utility>

#include "millrace/base/types.h"
#include "millrace/dsl/serdes/primitives.h"

namespace millrace {

// A field that has no sensible default: leaving it out does not compile, and the error stands at the user's own braces.
template <class T>
struct Required {
  T value;
  template <class U>
    requires std::convertible_to<U, T>
  constexpr Required(U&& u) : value(std::forward<U>(u)) {}
  constexpr operator const T&() const { return value; }
};

// [start, end).
struct Window {
  Timestamp start, end;
  friend bool operator==(const Window&, const Window&) = default;
};

// A key within a window: the key of a windowed table.
template <class K>
struct Windowed {
  K key;
  Window window;
  friend bool operator==(const Windowed&, const Windowed&) = default;
};

// The key type of a windowed table over keys K. A type that is its own windowed key (a dynamic value) specialises it
// with the same four members.
template <class K>
struct windowed_key {
  using type = Windowed<K>;
  // Sets `to`, reusing its memory.
  static void assign(type& to, const K& key, Window window) {
    to.key = key;
    to.window = window;
  }
  static type make(const K& key, Window window) { return {key, window}; }
  static const K& key(const type& windowed) { return windowed.key; }
  static Window window(const type& windowed) { return windowed.window; }
};
template <class K>
using windowed_t = typename windowed_key<K>::type;

// What the compiled core may do with windowed keys of one type.
struct WindowedKeyType {
  const ValueType* type;
  void (*make)(void* to, bool constructed, const void* key, Window window);
  const void* (*key)(const void* windowed);
  Window (*window)(const void* windowed);
};
template <class K>
inline constexpr WindowedKeyType windowed_key_type{
    &value_type_of<windowed_t<K>>,
    [](void* to, bool constructed, const void* key, Window window) {
      if (constructed) {
        windowed_key<K>::assign(*static_cast<windowed_t<K>*>(to), *static_cast<const K*>(key), window);
      } else {
        ::new (to) windowed_t<K>(windowed_key<K>::make(*static_cast<const K*>(key), window));
      }
    },
    [](const void* windowed) -> const void* {
      return &windowed_key<K>::key(*static_cast<const windowed_t<K>*>(windowed));
    },
    [](const void* windowed) { return windowed_key<K>::window(*static_cast<const windowed_t<K>*>(windowed)); }};

// A windowed key's bytes do not hold the window's size, so there is no Serde<Windowed<K>>: use a WindowedSerde.
// windowed_by() sends its own along with the stream.
template <class K>
struct Serde<Windowed<K>> : RuntimeSerde {};

// The end of a window of `size` from `start`, no later than Java's largest time.
Timestamp window_end(Timestamp start, Duration size);

// Java's TimeWindowedSerde: the key, then the window's start as 8 bytes.
template <class K>
struct WindowedSerde {
  static constexpr std::size_t window_bytes = 8;
  Required<Duration> size;
  SerdeRef<K> key = default_serde<K>();

  Result<> write(const Windowed<K>& w, Bytes& out, const SerdeContext& c) const {
    MR_TRY(key.table->write(key.self, &w.key, out, c));
    append_big_endian(out, w.window.start.ms);
    return {};
  }
  Result<Windowed<K>> read(BytesView in, const SerdeContext& c) const {
    if (in.size() < 8) return Error("a windowed key has at least 8 bytes");
    AnyValue k(key.table->type);
    MR_TRY(k.read({key.table, key.self}, in.substr(0, in.size() - 8), c));
    Timestamp start{from_big_endian<std::int64_t>(in.data() + in.size() - 8)};
    return Windowed<K>{*static_cast<const K*>(k.get()), {start, window_end(start, size.value)}};
  }
};

// Fixed-size windows aligned to 1970: tumbling, or hopping where `advance` is given. A record is late, and dropped,
// once the operator's stream time has passed its window's end by `grace`; say `.grace = 0s` for none. Source: Kafka's
// TimeWindows (ofSizeAndGrace, advanceBy).
struct TimeWindows {
  Required<Duration> size;
  Duration advance{0};  // 0: tumbling
  Required<Duration> grace;
};

}  // namespace millrace
