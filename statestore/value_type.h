// ValueType and SerdeTable: what compiled code may do with a key or value whose C++ type it does not know.
//
// One ValueType per C++ type, one SerdeTable per (serde type, value type): serdes may be objects with state, and keys
// are equal when their bytes are, so no ==, < or hash is asked of a type. Caches, stores, joins and windows are
// ordinary .cc files over these tables; the typed skin (dsl/serde.h) makes one constant of each.
#pragma once
#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/base/bytes.h"
#include "millrace/base/result.h"
#include "millrace/base/types.h"

namespace millrace {

// Everything the untyped core may do with a value of one C++ type. Threads: the functions are those of the type.
struct ValueType {
  std::size_t size;
  std::size_t align;
  bool trivial;                                // copying is memcpy, destroying is nothing
  void (*copy)(void* to, const void* from);    // constructs at raw memory
  void (*move)(void* to, void* from);          // constructs at raw memory
  void (*assign)(void* to, const void* from);  // to a live object
  void (*destroy)(void* object) noexcept;
  std::string_view name;  // as the compiler calls it; for messages
};

template <class T>
constexpr std::string_view type_name() {
  if constexpr (std::is_same_v<T, std::string>) {
    return "std::string";  // not std::__cxx11::basic_string<char>
  } else {
    std::string_view name = __PRETTY_FUNCTION__;  // "… [with T = ns::Name; …]", clang: "[T = ns::Name]"
    name.remove_prefix(name.find("T = ") + 4);
    const std::size_t more = name.find("; std::string_view = ");
    return name.substr(0, more != name.npos ? more : name.size() - 1);
  }
}

template <class T>
inline constexpr ValueType value_type_of{sizeof(T),
                                         alignof(T),
                                         std::is_trivially_copyable_v<T>,
                                         [](void* to, const void* from) { ::new (to) T(*static_cast<const T*>(from)); },
                                         [](void* to, void* from) { ::new (to) T(std::move(*static_cast<T*>(from))); },
                                         [](void* to, const void* from) {
                                           if constexpr (std::is_copy_assignable_v<T>) {
                                             *static_cast<T*>(to) = *static_cast<const T*>(from);
                                           } else {
                                             static_cast<T*>(to)->~T();
                                             ::new (to) T(*static_cast<const T*>(from));
                                           }
                                         },
                                         [](void* object) noexcept { static_cast<T*>(object)->~T(); },
                                         type_name<T>()};

// What an allocation of n bytes takes from the heap: glibc keeps 8 bytes before it, and whole pairs of words.
constexpr std::size_t allocated_bytes(std::size_t n) { return n == 0 ? 0 : n <= 24 ? 32 : (n + 8 + 15) / 16 * 16; }

// What a string's characters take from the heap: nothing, if they are few.
inline std::size_t heap_bytes(const std::string& s) {
  return s.capacity() > 15 ? allocated_bytes(s.capacity() + 1) : 0;
}

// What Java's serialize() is given beside the value.
struct SerdeContext {
  std::string_view topic = {};
  bool is_key = false;
  const Headers* headers = nullptr;
};

// How one serde reads and writes one type. What the serde's own code throws is an Error here. `self` is the serde
// object (or unused, for a stateless one).
struct SerdeTable {
  const ValueType* type;
  // Appends the serialised value to `out`.
  Result<> (*write)(const void* self, const void* value, Bytes& out, const SerdeContext& context);
  // Constructs a value at raw memory `to` (constructed = false), or assigns to the live object there (true), which may
  // reuse its memory. On error nothing was constructed; an assigned-to object holds an unspecified value.
  Result<> (*read)(const void* self, BytesView in, void* to, bool constructed, const SerdeContext& context);
  // The exact size that write would append: the record cache counts it. Error: as write's.
  Result<std::size_t> (*serialized_size)(const void* self, const void* value);
  // Bytes on the heap that the value holds beyond its own size, about: the value cache counts them. Null: as many as
  // its serialised size, or none if the type is trivial.
  std::size_t (*memory_size)(const void* self, const void* value);
  // Where a value's serialised form is its own bytes (strings): a view of it, for free. Null otherwise.
  BytesView (*view)(const void* value);
  // Windowed keys are partitioned by their bytes without this many at the end (Java's WindowedStreamPartitioner); 0 for
  // others.
  std::size_t (*suffix)(const void* self);
};
struct AnySerde {
  const SerdeTable* table = nullptr;
  const void* self = nullptr;
  explicit operator bool() const { return table != nullptr; }
};

// The serialised form of `value`, in `scratch` unless the value is its own bytes. Error: the serde's.
inline Result<BytesView> serialized(const AnySerde& serde, const void* value, Bytes& scratch,
                                    const SerdeContext& context) {
  if (serde.table->view) return serde.table->view(value);
  scratch.clear();
  MR_TRY(serde.table->write(serde.self, value, scratch, context));
  return BytesView(scratch);
}

// One object of a type known at run time, owned. Empty at first. One thread.
class AnyValue {
 public:
  explicit AnyValue(const ValueType* type) : type_(type) {}
  AnyValue(const AnyValue&) = delete;
  AnyValue& operator=(const AnyValue&) = delete;
  AnyValue(AnyValue&& other) noexcept
      : type_(other.type_), memory_(std::exchange(other.memory_, nullptr)), live_(std::exchange(other.live_, false)) {}
  AnyValue& operator=(AnyValue&& other) noexcept {
    std::swap(type_, other.type_);
    std::swap(memory_, other.memory_);
    std::swap(live_, other.live_);
    return *this;
  }
  ~AnyValue() {
    reset();
    if (memory_) ::operator delete(memory_, std::align_val_t(type_->align));
  }
  // Null if empty.
  const void* get() const { return live_ ? memory_ : nullptr; }
  void reset() {
    if (live_) type_->destroy(memory_);
    live_ = false;
  }
  void set(const void* value) {
    if (live_) return type_->assign(memory_, value);
    type_->copy(raw(), value);
    live_ = true;
  }
  // Deserialises into this object, reusing its memory. On error it is empty.
  Result<> read(const AnySerde& serde, BytesView in, const SerdeContext& context) {
    auto result = serde.table->read(serde.self, in, raw(), live_, context);
    if (!result) {
      reset();
      return result;
    }
    live_ = true;
    return {};
  }

 private:
  void* raw() {
    if (!memory_) memory_ = ::operator new(type_->size, std::align_val_t(type_->align));
    return memory_;
  }
  const ValueType* type_;
  void* memory_ = nullptr;
  bool live_ = false;
};

}  // namespace millrace
