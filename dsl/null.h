// Null is in the type: what may be null is std::optional<T> in the type of a stream and `const T*` in a lambda.
//
// Inside, a record is two pointers and null is a null pointer; std::optional exists only in signatures. That is why a
// stream without nulls converts for free to one that may hold them.
#pragma once
#include <concepts>
#include <optional>
#include <type_traits>

namespace millrace {

template <class T>
struct null_traits {
  using plain = T;
  static constexpr bool nullable = false;
};
template <class U>
struct null_traits<std::optional<U>> {
  using plain = U;
  static constexpr bool nullable = true;
};
// T without its optional.
template <class T>
using plain = typename null_traits<std::remove_cvref_t<T>>::plain;
template <class T>
inline constexpr bool nullable = null_traits<std::remove_cvref_t<T>>::nullable;

// What a lambda is given for a key or value that may be null. It binds to `const U*` (free) and to `const
// std::optional<U>&` (one copy), to nothing else: not to bool and not to const U&, so that forgetting about null does
// not compile. Lives for one call.
template <class U>
class Nullable {
 public:
  explicit Nullable(const void* value) : value_(static_cast<const U*>(value)) {}
  template <class T>
    requires std::same_as<T, const U*>
  operator T() const {
    return value_;
  }
  operator const std::optional<U>&() const {
    if (value_ && !copy_) copy_ = *value_;
    return copy_;
  }
  explicit operator bool() const { return value_ != nullptr; }
  const U& operator*() const { return *value_; }
  const U* operator->() const { return value_; }

 private:
  const U* value_;
  mutable std::optional<U> copy_;
};

// The address of the object behind a T; null for an empty optional.
template <class T>
const void* address(const T& value) {
  if constexpr (nullable<T>) {
    return value ? &*value : nullptr;
  } else {
    return &value;
  }
}

// Marks for filter(not_null) and filter(key_not_null): they drop nulls and say so in the type.
struct not_null_t {};
inline constexpr not_null_t not_null{};
struct key_not_null_t {};
inline constexpr key_not_null_t key_not_null{};

}  // namespace millrace
