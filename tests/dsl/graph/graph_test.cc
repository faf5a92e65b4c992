// The logical graph: when streams are repartitioned, and what names that takes.
#include "millrace/dsl/graph/graph.h"

#include <gmock/gmock.h>

#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr Topic<std::string, std::string> in{"in"};
constexpr Topic<std::string, std::string> table_topic{"t"};
std::string upper(const std::string& v) { return v; }

std::vector<std::string> repartition_topics(void (*describe)(StreamsBuilder&)) {
  StreamsBuilder builder;
  describe(builder);
  std::vector<std::string> names;
  for (auto& [name, partitions] : builder.build().repartition_topics) names.push_back(name);
  return names;
}

TEST(Graph, repartitions_a_grouping_only_where_the_key_may_have_changed) {
  EXPECT_THAT(
      repartition_topics([](StreamsBuilder& b) { b.stream(in).map_values(upper).group_by_key().count({.as = "c"}); }),
      ElementsAre());
  EXPECT_THAT(
      repartition_topics([](StreamsBuilder& b) { b.stream(in).select_key(upper).group_by_key().count({.as = "c"}); }),
      ElementsAre("c-repartition"));
  EXPECT_THAT(repartition_topics([](StreamsBuilder& b) { b.stream(in).group_by(upper, {.name = "mine"}).count(); }),
              ElementsAre("mine-repartition"));
}

TEST(Graph, shares_the_repartition_topic_of_a_named_grouping) {
  EXPECT_THAT(repartition_topics([](StreamsBuilder& b) {
                auto grouped = b.stream(in).group_by(upper, {.name = "mine"});
                grouped.count({.as = "c"});
                grouped.reduce([](const std::string&, const std::string& v) { return v; }, {.as = "r"});
              }),
              ElementsAre("mine-repartition"));
}

TEST(Graph, shares_the_repartition_topic_of_unnamed_joins_of_one_stream) {
  auto first = [](const std::string& l, const std::string&) { return l; };
  StreamsBuilder b;
  auto stream = b.stream(in).select_key(upper);
  auto table = b.table(table_topic);
  stream.join(table, first);
  stream.join(table, first);
  Topology topology = b.build();
  EXPECT_EQ(topology.repartition_topics.size(), 1u);
  EXPECT_THAT(topology.copartition_groups, ElementsAre(ElementsAre("KSTREAM-KEY-SELECT-0000000001-repartition", "t")));
}

// Kafka has forgotten the name of the repartition topic by the second join (docs/differences.md).
TEST(Graph, a_rekeyed_stream_is_copartitioned_with_every_table_it_joins) {
  StreamsBuilder b;
  auto rekeyed = b.stream(in).select_key(upper);
  auto first = [](const std::string& left, const std::string&) { return left; };
  for (const char* table : {"t", "u"}) rekeyed.join(b.table(Topic<std::string, std::string>{table}), first);
  EXPECT_THAT(b.build().copartition_groups,
              ElementsAre(ElementsAre("KSTREAM-KEY-SELECT-0000000001-repartition", "t", "u")));
}

TEST(Graph, refuses_a_grouping_whose_serdes_nobody_gave) {
  struct Opaque {};
  EXPECT_THROW(no_serde("key"), TopologyError);
}

TEST(Graph, refuses_streams_and_tables_of_another_builder) {
  StreamsBuilder mine, others;
  for (int i = 0; i < 3; ++i) others.stream(in);
  const auto stream = mine.stream(in);
  const auto first = [](const std::string& l, const std::string&) { return l; };
  EXPECT_THROW(stream.merge(others.stream(in)), TopologyError);
  EXPECT_THROW(stream.join(others.table(table_topic), first), TopologyError);
  EXPECT_THROW(stream.left_join(others.global_table(table_topic), upper,
                                [](const std::string& l, const std::string*) { return l; }),
               TopologyError);
}

TEST(Graph, refuses_less_than_no_partitions) {
  StreamsBuilder b;
  const auto stream = b.stream(in);
  EXPECT_THROW(stream.repartition({.partitions = -1}), TopologyError);
  EXPECT_THROW(stream.to(Topic<std::string, std::string>{"out", {.partitions = -1}}), TopologyError);
}

TEST(Graph, takes_the_partitions_of_a_repartition) {
  StreamsBuilder b;
  b.stream(in).repartition({.name = "r", .partitions = 3});
  EXPECT_THAT(b.build().repartition_topics, ElementsAre(Pair("r-repartition", std::optional<int>(3))));
}

}  // namespace
}  // namespace millrace
