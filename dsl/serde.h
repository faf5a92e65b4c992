// Serde<T>: how a type is written to and read from the bytes of a topic or a store.
//
// Serde<T> is the serde of a type; specialise it for your own types: static `write` and `read`, no more. A serde may
// also be an object with state (Avro with a registry, a windowed key with its size, one chosen at run time); topics and
// options then hold a SerdeRef to it. Keys are equal when their bytes are, as in Kafka. Guide: docs/guide/serdes.md.
#pragma once
#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include "millrace/base/bytes.h"
#include "millrace/base/result.h"
#include "millrace/dsl/null.h"
#include "millrace/statestore/value_type.h"

namespace millrace {

// The serde of a type. A specialisation has
//
//   write(const T&, Bytes& out)        appends; may return a Result, whose error stops the task as a serialisation
//                                      exception does in Kafka
//   read(BytesView) -> Result<T>       an Error goes to the deserialization handler, and so
//                                      does what it throws
//
// and, where it pays:
//
//   read_into(BytesView, T&)           -> Result<>: reads into an object that exists, reusing its memory (T must be
//                                      default constructible)
//   serialized_size(const T&)          exactly what write would append; by default it is written and measured
//   memory_size(const T&)              bytes on the heap beyond sizeof(T), about, see allocated_bytes; by default
//                                      none for trivially copyable types, else as many as are serialised
//   view(const T&) -> BytesView        where the serialised form is the object's own bytes
//
// Each of write, read and read_into may take a last parameter `const SerdeContext&`: topic, key or value, headers.
// Threads: several tasks use one serde at once; members are const or static.
template <class T>
struct Serde;

// `Serde<T> : RuntimeSerde` says that the serdes of T are objects only: they ride on topics and options, and a missing
// one is a TopologyError when the topology is built.
struct RuntimeSerde {
  using runtime_serde = void;
};

template <class S, class T>
concept ReadsPlain = requires(const S& s, BytesView in) {
  { s.read(in) } -> std::convertible_to<Result<T>>;
};
template <class S, class T>
concept ReadsContext = requires(const S& s, BytesView in, const SerdeContext& c) {
  { s.read(in, c) } -> std::convertible_to<Result<T>>;
};
template <class S, class T>
concept WritesPlain = requires(const S& s, const T& v, Bytes& out) { s.write(v, out); };
template <class S, class T>
concept WritesContext = requires(const S& s, const T& v, Bytes& out, const SerdeContext& c) { s.write(v, out, c); };
// What can serve as the serde of T.
template <class S, class T>
concept SerdeFor = (ReadsPlain<S, T> || ReadsContext<S, T>) && (WritesPlain<S, T> || WritesContext<S, T>);
template <class T>
concept HasRuntimeSerde = requires { typename Serde<T>::runtime_serde; };
template <class T>
concept HasSerde = HasRuntimeSerde<T> || requires { requires SerdeFor<Serde<T>, T>; };

// The functions of a SerdeTable, made from a serde's members. Not for users.
template <class S, class T>
struct SerdeFunctions {
  static const S& of(const void* self) { return *static_cast<const S*>(self); }
  template <class R>
  static Result<> outcome(R&& result) {
    if (result.has_value()) return {};
    return std::forward<R>(result).error();
  }
  static Result<> write(const void* self, const void* value, Bytes& out, const SerdeContext& context) {
    const T& v = *static_cast<const T*>(value);
    if constexpr (WritesContext<S, T>) {
      if constexpr (std::is_void_v<decltype(of(self).write(v, out, context))>) {
        of(self).write(v, out, context);
        return {};
      } else {
        return outcome(of(self).write(v, out, context));
      }
    } else {
      if constexpr (std::is_void_v<decltype(of(self).write(v, out))>) {
        of(self).write(v, out);
        return {};
      } else {
        return outcome(of(self).write(v, out));
      }
    }
  }
  static constexpr bool reads_into = requires(const S& s, BytesView in, T& to) { s.read_into(in, to); };
  static constexpr bool reads_into_context =
      requires(const S& s, BytesView in, T& to, const SerdeContext& c) { s.read_into(in, to, c); };
  static Result<> read(const void* self, BytesView in, void* to, bool constructed, const SerdeContext& context) {
    if constexpr (reads_into || reads_into_context) {
      struct Made {
        T* object;
        ~Made() {
          if (object) object->~T();
        }
      } made{constructed ? nullptr : ::new (to) T()};  // taken back unless it is read whole, also if that throws
      auto result = [&]() -> Result<> {
        if constexpr (reads_into_context) {
          return of(self).read_into(in, *static_cast<T*>(to), context);
        } else {
          return of(self).read_into(in, *static_cast<T*>(to));
        }
      }();
      if (result) made.object = nullptr;
      return result;
    } else {
      auto result = [&]() -> Result<T> {
        if constexpr (ReadsContext<S, T>) {
          return of(self).read(in, context);
        } else {
          return of(self).read(in);
        }
      }();
      if (!result) return std::move(result).error();
      if (constructed) {
        if constexpr (std::is_move_assignable_v<T>) {
          *static_cast<T*>(to) = std::move(*result);
          return {};
        } else {
          static_cast<T*>(to)->~T();
        }
      }
      ::new (to) T(std::move(*result));
      return {};
    }
  }
  static std::size_t serialized_size(const void* self, const void* value) {
    if constexpr (requires(const S& s, const T& v) {
                    { s.serialized_size(v) } -> std::convertible_to<std::size_t>;
                  }) {
      return of(self).serialized_size(*static_cast<const T*>(value));
    } else {
      Bytes out;
      (void)write(self, value, out, {});
      return out.size();
    }
  }
  static constexpr auto memory_size() -> std::size_t (*)(const void*, const void*) {
    if constexpr (requires(const S& s, const T& v) {
                    { s.memory_size(v) } -> std::convertible_to<std::size_t>;
                  }) {
      return [](const void* self, const void* value) -> std::size_t {
        return of(self).memory_size(*static_cast<const T*>(value));
      };
    } else {
      return nullptr;
    }
  }
  static std::size_t suffix(const void* self) {
    if constexpr (requires(const S& s) {
                    { s.window_bytes } -> std::convertible_to<std::size_t>;
                  }) {
      return of(self).window_bytes;
    } else {
      return 0;
    }
  }
  static constexpr auto view() -> BytesView (*)(const void*) {
    if constexpr (requires(const T& v) {
                    { S::view(v) } -> std::convertible_to<BytesView>;
                  }) {
      return [](const void* value) -> BytesView { return S::view(*static_cast<const T*>(value)); };
    } else {
      return nullptr;
    }
  }
};
template <class S, class T>
inline constexpr SerdeTable serde_table{&value_type_of<T>,
                                        &SerdeFunctions<S, T>::write,
                                        &SerdeFunctions<S, T>::read,
                                        &SerdeFunctions<S, T>::serialized_size,
                                        SerdeFunctions<S, T>::memory_size(),
                                        SerdeFunctions<S, T>::view(),
                                        &SerdeFunctions<S, T>::suffix};

// A serde as a value: two pointers. It refers to the serde object, which must outlive the topology; a temporary with
// state does not compile. Empty: whoever holds it has no serde of its own.
template <class T>
class SerdeRef {
 public:
  using type = T;
  constexpr SerdeRef() = default;
  template <class S>
    requires SerdeFor<S, T>
  constexpr SerdeRef(const S& serde) : table(&serde_table<S, T>), self(&serde) {}
  template <class S>
    requires(SerdeFor<S, T> && !std::is_empty_v<S>)
  SerdeRef(const S&&) = delete;
  // A serde known at run time only. Precondition: `serde` is empty or reads and writes a T.
  explicit SerdeRef(AnySerde serde) : table(serde.table), self(serde.self) {}
  constexpr explicit operator bool() const { return table != nullptr; }
  constexpr operator AnySerde() const { return {table, self}; }
  const SerdeTable* table = nullptr;
  const void* self = nullptr;
};

template <class T>
inline constexpr Serde<T> the_serde{};

// Serde<T>, or an empty reference for a type of runtime serdes. It does not compile for a type that has none: the error
// stands where a topic or an option left the serde out.
template <class T>
constexpr SerdeRef<T> default_serde() {
  static_assert(HasSerde<T>, "millrace: this key or value type needs a Serde<T>; see docs/guide/serdes.md");
  if constexpr (HasSerde<T> && !HasRuntimeSerde<T>) {
    return the_serde<T>;
  } else {
    return {};
  }
}

}  // namespace millrace
