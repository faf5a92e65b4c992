// TestRecord: what a test pipes into a topic or reads from one, and how gtest shows and matches it.
//
// gmock's own matchers fit: Key("ann"), Pair("ann", 3), Field(&TestRecord<K, V>::timestamp, …); Tombstone("ann") is
// ours. This header needs no gtest.
#pragma once
#include <optional>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "millrace/dsl/serde.h"
#include "millrace/dsl/windows.h"

namespace millrace {

// K and V are the topic's: std::optional where it may hold nulls. Equal if all four are, where K and V can be compared.
template <class K, class V>
struct TestRecord {
  using first_type = K;  // for gmock's Key and Pair
  using second_type = V;
  K key;
  V value;
  Timestamp timestamp{-1};
  Headers headers = {};
  friend bool operator==(const TestRecord&, const TestRecord&) = default;
};
template <std::size_t I, class K, class V>
  requires(I < 2)
const auto& get(const TestRecord<K, V>& record) {
  if constexpr (I == 0) {
    return record.key;
  } else {
    return record.value;
  }
}

// Text in quotes, with what does not print as \xNN.
std::string in_quotes(std::string_view text);

// A key or a value as a failed expectation shows it: null, text in quotes, what has << by that, else its serialised
// form (so JSON types are shown as JSON).
template <class T>
void show(std::ostream& out, const T& value) {
  if constexpr (nullable<T>) {
    if (value) {
      show(out, *value);
    } else {
      out << "null";
    }
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    out << in_quotes(value);
  } else if constexpr (requires { out << value; }) {
    out << value;
  } else if constexpr (requires { value.window.start.ms; }) {
    show(out, value.key);
    out << "@" << value.window.start.ms;
  } else if constexpr (HasSerde<T> && !HasRuntimeSerde<T>) {
    Bytes bytes;
    (void)serde_table<Serde<T>, T>.write(&the_serde<T>, &value, bytes, {});
    out << in_quotes(bytes);
  } else {
    out << "(" << sizeof(T) << " bytes)";
  }
}

// gtest prints with it.
template <class K, class V>
void PrintTo(const TestRecord<K, V>& record, std::ostream* out) {
  show(*out, record.key);
  *out << ": ";
  show(*out, record.value);
  *out << " at " << record.timestamp.ms;
  for (const Header& header : record.headers)
    *out << ", " << header.name << "=" << (header.value ? in_quotes(*header.value) : "null");
}

// Matches the record that deletes `key`: EXPECT_THAT(records, ElementsAre(Key("ann"), Tombstone("ann"))). The value's
// type needs no ==.
template <class K>
class Tombstone {
 public:
  using is_gtest_matcher = void;
  explicit Tombstone(K key) : key_(std::move(key)) {}
  template <class K2, class V>
  bool MatchAndExplain(const TestRecord<K2, V>& record, std::ostream*) const {
    static_assert(nullable<V>,
                  "millrace: a topic of plain values holds no tombstones: declare Topic<K, std::optional<V>>");
    return record.key == key_ && !record.value;
  }
  void DescribeTo(std::ostream* out) const { show(*out << "deletes ", key_); }
  void DescribeNegationTo(std::ostream* out) const { show(*out << "does not delete ", key_); }

 private:
  K key_;
};

}  // namespace millrace
