// Types: where null is in the type of a stream or table, and where the DSL takes it out.
#include "millrace/dsl/kstream.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

using Text = std::string;
using MaybeText = std::optional<std::string>;
constexpr Topic<MaybeText, MaybeText> nulls{"nulls"};
constexpr Topic<Text, Text> plain_topic{"plain"}, rows{"rows"};

template <class Expected, class T>
void expect_type(const T&) {
  static_assert(std::is_same_v<T, Expected>);
}

TEST(KStream, holds_nulls_only_where_its_type_says_so) {
  StreamsBuilder b;
  auto s = b.stream(nulls);
  expect_type<KStream<MaybeText, MaybeText>>(s);
  expect_type<KStream<MaybeText, Text>>(s.filter(not_null));
  expect_type<KStream<Text, MaybeText>>(s.filter(key_not_null));
  expect_type<KStream<Text, MaybeText>>(s.repartition());
  expect_type<KTable<Text, MaybeText>>(s.to_table());
  expect_type<KStream<MaybeText, std::int64_t>>(s.map_values([](const Text* v) -> std::int64_t { return v ? 1 : 0; }));
  expect_type<KStream<MaybeText, MaybeText>>(s.map_values([](const MaybeText& v) { return v; }));
  expect_type<KStream<Text, std::int64_t>>(
      s.flat_map([](const Text* v) { return std::vector<std::pair<Text, std::int64_t>>{{v ? *v : "", 1}}; }));
  expect_type<KTable<Text, std::int64_t>>(s.group_by_key().count());
  expect_type<KTable<Text, MaybeText>>(b.table(rows));
  expect_type<KTable<Windowed<Text>, std::int64_t>>(
      s.group_by_key().windowed_by({.size = 1s, .grace = 0s}).count({.as = "w"}));
}

TEST(KStream, converts_to_one_that_may_hold_nulls) {
  StreamsBuilder b;
  KStream<MaybeText, MaybeText> wide = b.stream(plain_topic);
  wide.merge(b.stream(nulls)).to(nulls);
  std::size_t nodes = b.build().nodes.size();
  EXPECT_EQ(nodes, 4u);  // two sources, the merge, the sink: converting makes no node
}

TEST(KStream, gives_a_left_join_a_pointer_and_an_inner_join_a_reference) {
  StreamsBuilder b;
  auto table = b.table(rows);
  auto s = b.stream(nulls);
  expect_type<KStream<MaybeText, Text>>(s.left_join(table, [](const Text& l, const Text* r) { return r ? *r : l; }));
  expect_type<KStream<Text, Text>>(
      s.join(table, [](const Text& key, const Text& l, const Text& r) { return key + l + r; }));
  auto global = b.global_table(Topic<Text, std::int64_t>{"g"});
  expect_type<KStream<MaybeText, Text>>(
      s.join(global, [](const Text& v) { return v; }, [](Text l, std::int64_t r) { return l + std::to_string(r); }));
  expect_type<KStream<MaybeText, Text>>(
      s.left_join(global, [](const Text& v) { return v; }, [](Text l, const std::int64_t* r) { return r ? l : ""; }));
}

TEST(KStream, splits_into_an_array) {
  StreamsBuilder b;
  auto is_long = [](const Text& v) { return v.size() > 10; };
  auto [large, rest] = b.stream(plain_topic).split(is_long, otherwise);
  auto [big, other] = b.stream(plain_topic).split({.name = "size-"}, branch("big", is_long), otherwise("other"));
  large.merge(rest).to(rows);
  big.merge(other).to(plain_topic);
  std::string text = b.build().describe();
  EXPECT_NE(text.find("KSTREAM-BRANCH-00000000011"), std::string::npos) << text;
  EXPECT_NE(text.find("size-other"), std::string::npos) << text;
}

TEST(KTable, may_lose_its_rows_where_its_lambda_returns_an_optional) {
  StreamsBuilder b;
  auto counts = b.stream(plain_topic).group_by_key().count();
  expect_type<KTable<Text, std::optional<std::int64_t>>>(counts.filter([](std::int64_t n) { return n > 1; }));
  expect_type<KTable<Text, Text>>(counts.map_values([](std::int64_t n) { return std::to_string(n); }));
  expect_type<KTable<Text, MaybeText>>(counts.map_values([](std::int64_t) { return MaybeText(); }));
  expect_type<KTable<Text, MaybeText>>(b.table(rows).map_values([](const Text& v) { return v; }));
  expect_type<KStream<Text, std::int64_t>>(counts.to_stream());
}

}  // namespace
}  // namespace millrace
