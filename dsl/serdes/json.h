// JSON serdes for types that list their fields, for variants of such, and, as json<T>, for everything made of them.
//
//   struct User {
//     std::string name;
//     std::optional<std::string> email;
//     static constexpr auto json = fields("name", &User::name, "email", &User::email);
//   };
//
// Fields are: bool, integers, float, double, std::string, Timestamp (milliseconds), and std::optional (null),
// std::vector, std::pair (an array of two), std::map with string keys, and types that list fields, of such. Reading,
// unknown fields are left out and missing ones keep what a new object has; a value of the wrong kind, or one that does
// not fit its field, is an Error. A variant is written as an object of one field named after the type, {"Registered":
// {…}}: the type's own name, or its `static constexpr std::string_view json_name`. Two alternatives of one name do not
// compile.
#pragma once
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/base/types.h"
#include "millrace/dsl/serde.h"
#include "millrace/dsl/serdes/json_text.h"

namespace millrace {

// One field of a type.
template <class T, class M>
struct JsonField {
  std::string_view name;
  M T::* member;
};
constexpr auto fields() { return std::tuple<>(); }
// fields("name", &User::name, "age", &User::age, …)
template <class T, class M, class... Rest>
constexpr auto fields(std::string_view name, M T::* member, Rest... rest) {
  return std::tuple_cat(std::tuple(JsonField<T, M>{name, member}), fields(rest...));
}

// A type that lists its fields.
template <class T>
concept JsonObject = requires { T::json; };

// What a type is called in a variant.
template <class T>
constexpr std::string_view json_name_of() {
  if constexpr (requires { T::json_name; }) {
    return T::json_name;
  } else {
    std::string_view name = __PRETTY_FUNCTION__;  // "… [with T = ns::Name; …]"
    name = name.substr(name.find("T = ") + 4);
    name = name.substr(0, name.find_first_of(";]"));
    return name.substr(name.rfind(':') + 1);
  }
}

// JsonValue<T>: how a T is written and read, and what it holds on the heap. Specialised for each kind of type below.
template <class T>
struct JsonValue;
template <class T>
void write_json(const T& value, JsonWriter& w) {
  JsonValue<T>::write(value, w);
}
template <class T>
void read_json(JsonReader& r, T& value) {
  JsonValue<T>::read(r, value);
}

template <class T>
std::size_t json_heap(const T& value) {
  return JsonValue<T>::heap(value);
}

template <>
struct JsonValue<bool> {
  static void write(bool b, JsonWriter& w) { w.boolean(b); }
  static void read(JsonReader& r, bool& b) { b = r.boolean(); }
  static std::size_t heap(bool) { return 0; }
};
template <std::integral T>
struct JsonValue<T> {
  using Limits = std::numeric_limits<T>;
  static void write(T n, JsonWriter& w) {
    if constexpr (std::is_signed_v<T>) {
      w.integer(n);
    } else {
      w.integer_unsigned(n);
    }
  }
  static void read(JsonReader& r, T& n) {
    if constexpr (std::is_signed_v<T>) {
      n = static_cast<T>(r.integer(Limits::min(), Limits::max()));
    } else {
      n = static_cast<T>(r.integer_unsigned(Limits::max()));
    }
  }
  static std::size_t heap(T) { return 0; }
};
template <std::floating_point T>
struct JsonValue<T> {
  static void write(T d, JsonWriter& w) { w.number(d); }
  static void read(JsonReader& r, T& d) {
    const double n = r.number();
    if (n > std::numeric_limits<T>::max() || n < std::numeric_limits<T>::lowest())
      return r.fail("the number does not fit its field");
    d = static_cast<T>(n);
  }
  static std::size_t heap(T) { return 0; }
};
template <>
struct JsonValue<std::string> {
  static void write(const std::string& s, JsonWriter& w) { w.string(s); }
  static void read(JsonReader& r, std::string& s) { r.string(s); }
  static std::size_t heap(const std::string& s) { return heap_bytes(s); }
};
template <>
struct JsonValue<Timestamp> {
  static void write(Timestamp t, JsonWriter& w) { w.integer(t.ms); }
  static void read(JsonReader& r, Timestamp& t) { read_json(r, t.ms); }
  static std::size_t heap(Timestamp) { return 0; }
};
template <class T>
struct JsonValue<std::optional<T>> {
  static void write(const std::optional<T>& value, JsonWriter& w) {
    if (value) {
      write_json(*value, w);
    } else {
      w.null();
    }
  }
  static void read(JsonReader& r, std::optional<T>& value) {
    if (r.null()) return value.reset();
    if (!value) value.emplace();
    read_json(r, *value);
  }
  static std::size_t heap(const std::optional<T>& value) { return value ? json_heap(*value) : 0; }
};
template <class T>
struct JsonValue<std::vector<T>> {
  static void write(const std::vector<T>& list, JsonWriter& w) {
    w.mark('[');
    bool first = true;
    for (const auto& value : list) {
      if (!std::exchange(first, false)) w.mark(',');
      write_json<T>(value, w);
    }
    w.mark(']');
  }
  static void read(JsonReader& r, std::vector<T>& list) {
    std::size_t n = 0;
    for (bool more = r.begin('['); more; more = r.next(']'), ++n) {
      if constexpr (std::is_same_v<T, bool>) {
        if (n == list.size()) list.emplace_back();
        list[n] = r.boolean();
      } else {
        if (n == list.size()) list.emplace_back();
        read_json(r, list[n]);
      }
    }
    list.resize(n);
  }
  static std::size_t heap(const std::vector<T>& list) {
    if constexpr (std::is_same_v<T, bool>) {
      return allocated_bytes(list.capacity() / 8);
    } else {
      std::size_t n = allocated_bytes(list.capacity() * sizeof(T));
      if constexpr (!std::is_trivially_copyable_v<T>)
        for (const T& value : list) n += json_heap(value);
      return n;
    }
  }
};
template <class A, class B>
struct JsonValue<std::pair<A, B>> {
  static void write(const std::pair<A, B>& pair, JsonWriter& w) {
    w.mark('[');
    write_json(pair.first, w);
    w.mark(',');
    write_json(pair.second, w);
    w.mark(']');
  }
  static void read(JsonReader& r, std::pair<A, B>& pair) {
    r.expect('[');
    read_json(r, pair.first);
    r.expect(',');
    read_json(r, pair.second);
    r.expect(']');
  }
  static std::size_t heap(const std::pair<A, B>& pair) { return json_heap(pair.first) + json_heap(pair.second); }
};
template <class T>
struct JsonValue<std::map<std::string, T>> {
  static void write(const std::map<std::string, T>& map, JsonWriter& w) {
    w.mark('{');
    bool first = true;
    for (const auto& [name, value] : map) {
      if (!std::exchange(first, false)) w.mark(',');
      w.name(name);
      write_json(value, w);
    }
    w.mark('}');
  }
  static void read(JsonReader& r, std::map<std::string, T>& map) {
    map.clear();
    for (bool more = r.begin('{'); more; more = r.next('}')) {
      std::string name(r.name());
      read_json(r, map[std::move(name)]);
    }
  }
  static std::size_t heap(const std::map<std::string, T>& map) {
    constexpr std::size_t links = 32;  // of a red-black tree's node
    std::size_t n = map.size() * allocated_bytes(links + sizeof(std::pair<const std::string, T>));
    for (const auto& [name, value] : map) n += heap_bytes(name) + json_heap(value);
    return n;
  }
};
template <JsonObject T>
struct JsonValue<T> {
  static void write(const T& object, JsonWriter& w) {
    w.mark('{');
    bool first = true;
    std::apply([&](const auto&... field) { (write_field(object, field, first, w), ...); }, T::json);
    w.mark('}');
  }
  static void read(JsonReader& r, T& object) {
    object = T{};
    for (bool more = r.begin('{'); more; more = r.next('}')) {
      std::string_view name = r.name();
      bool known =
          std::apply([&](const auto&... field) { return (read_field(object, field, name, r) || ...); }, T::json);
      if (!known) r.skip();
    }
  }
  static std::size_t heap(const T& object) {
    return std::apply([&](const auto&... field) { return (std::size_t{0} + ... + json_heap(object.*field.member)); },
                      T::json);
  }

 private:
  template <class F>
  static void write_field(const T& object, const F& field, bool& first, JsonWriter& w) {
    if (!std::exchange(first, false)) w.mark(',');
    w.name(field.name);
    write_json(object.*field.member, w);
  }
  template <class F>
  static bool read_field(T& object, const F& field, std::string_view name, JsonReader& r) {
    if (name != field.name) return false;
    read_json(r, object.*field.member);
    return true;
  }
};
template <class... T>
struct JsonValue<std::variant<T...>> {
  static constexpr bool names_differ() {
    constexpr std::string_view names[] = {json_name_of<T>()...};
    for (std::size_t i = 0; i < sizeof...(T); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (names[i] == names[j]) return false;
      }
    }
    return true;
  }
  static_assert(names_differ(),
                "millrace: two alternatives of this variant have one name in JSON: give them json_name");
  static void write(const std::variant<T...>& value, JsonWriter& w) {
    std::visit(
        [&](const auto& v) {
          w.mark('{');
          w.name(json_name_of<std::remove_cvref_t<decltype(v)>>());
          write_json(v, w);
          w.mark('}');
        },
        value);
  }
  static void read(JsonReader& r, std::variant<T...>& value) {
    r.expect('{');
    std::string name(r.name());
    if (!(read_if<T>(r, name, value) || ...)) r.fail("no alternative is called " + name);
    r.expect('}');
  }
  static std::size_t heap(const std::variant<T...>& value) {
    return std::visit([](const auto& v) { return json_heap(v); }, value);
  }

 private:
  template <class A>
  static bool read_if(JsonReader& r, const std::string& name, std::variant<T...>& value) {
    if (name != json_name_of<A>()) return false;
    if (!std::holds_alternative<A>(value)) value.template emplace<A>();
    read_json(r, std::get<A>(value));
    return true;
  }
};

// The JSON serde of any such type. write's error: NaN or an infinity, which JSON lacks.
template <class T>
struct JsonSerde {
  static Result<> write(const T& value, Bytes& out) {
    JsonWriter w(out);
    write_json(value, w);
    return w.outcome();
  }
  static Result<T> read(BytesView in) {
    T value{};
    MR_TRY(read_into(in, value));
    return value;
  }
  static Result<> read_into(BytesView in, T& value) {
    JsonReader r(in);
    read_json(r, value);
    return r.outcome();
  }
  static std::size_t memory_size(const T& value) { return json_heap(value); }
};
// For topics and options: .value_serde = json<TopTen>
template <class T>
inline constexpr JsonSerde<T> json{};

template <JsonObject T>
struct Serde<T> : JsonSerde<T> {};
template <JsonObject... T>
struct Serde<std::variant<T...>> : JsonSerde<std::variant<T...>> {};

}  // namespace millrace
