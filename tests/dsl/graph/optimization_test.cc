// Optimised topologies that Kafka Streams described are compared by millrace-conformance; here, the rules one by one.
#include "millrace/dsl/graph/optimization.h"

#include <gmock/gmock.h>

#include "millrace/dsl/streams_builder.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr Topic<std::string, std::string> in{"in"}, other{"other"}, rows{"rows"};
std::string same(const std::string& v) { return v; }

std::vector<std::string> repartition_topics(void (*describe)(StreamsBuilder&), TopologyConfig config) {
  StreamsBuilder builder;
  describe(builder);
  std::vector<std::string> names;
  for (auto& [name, partitions] : builder.build(config).repartition_topics) names.push_back(name);
  return names;
}

std::string refusal(StreamsBuilder& b, const TopologyConfig& config) {
  try {
    b.build(config);
  } catch (const TopologyError& e) {
    return e.what();
  }
  return "it is built";
}

void two_counts(StreamsBuilder& b) {
  auto rekeyed = b.stream(in).select_key(same);
  rekeyed.group_by_key().count({.as = "first"});
  rekeyed.filter([](const std::string&) { return true; }).group_by_key().count({.as = "second"});
}

TEST(Optimization, merges_the_repartition_topics_of_one_change_of_key) {
  EXPECT_THAT(repartition_topics(two_counts, {}), SizeIs(2));
  EXPECT_THAT(repartition_topics(two_counts, {.merge_repartition_topics = true}), ElementsAre("first-repartition"));
}

TEST(Optimization, leaves_apart_what_holds_other_values) {
  EXPECT_THAT(repartition_topics(
                  [](StreamsBuilder& b) {
                    auto rekeyed = b.stream(in).select_key(same);
                    rekeyed.group_by_key().count({.as = "first"});
                    rekeyed.map_values([](const std::string& v) { return std::int64_t(v.size()); })
                        .group_by_key()
                        .count({.as = "second"});
                  },
                  {.merge_repartition_topics = true}),
              SizeIs(2));
}

TEST(Optimization, leaves_alone_what_the_user_asked_for) {
  EXPECT_THAT(repartition_topics(
                  [](StreamsBuilder& b) {
                    auto rekeyed = b.stream(in).select_key(same);
                    rekeyed.repartition({.name = "mine"}).to(other);
                    rekeyed.group_by_key().count({.as = "first"});
                  },
                  {.merge_repartition_topics = true}),
              ElementsAre("first-repartition", "mine-repartition"));
}

TEST(Optimization, takes_a_tables_topic_for_its_changelog) {
  StreamsBuilder b;
  b.table(rows, {.as = "mine"});
  Topology t = b.build({.reuse_source_topics = true});
  EXPECT_EQ(t.store("mine")->source_changelog, "rows");
  auto topics = t.internal_topics("app");
  ASSERT_THAT(topics, SizeIs(1));
  EXPECT_EQ(topics[0].name, "rows");
  EXPECT_EQ(topics[0].type, Topology::InternalTopic::Type::source_as_changelog);
}

// As Kafka's TableSourceNode: what nobody writes cannot be switched off.
TEST(Optimization, takes_a_tables_topic_for_its_changelog_whatever_is_said_of_logging) {
  StreamsBuilder b;
  b.table(rows, {.as = "mine", .logging = false});
  Topology t = b.build({.reuse_source_topics = true});
  ASSERT_THAT(t.internal_topics("app"), SizeIs(1));
  EXPECT_EQ(t.internal_topics("app")[0].type, Topology::InternalTopic::Type::source_as_changelog);
  EXPECT_FALSE(t.store("mine")->has_own_changelog());
}

// As Kafka, which does not build it either: the first merge has moved what the second one looks for.
TEST(Optimization, refuses_to_merge_two_repartitionings_behind_one_step_that_follows_a_change_of_key) {
  StreamsBuilder b;
  auto filtered = b.stream(in).select_key(same).filter([](const std::string&) { return true; });
  filtered.group_by_key().count({.as = "first"});
  filtered.group_by_key().count({.as = "second"});
  EXPECT_THROW(b.build({.merge_repartition_topics = true}), TopologyError);
}

TEST(Optimization, leaves_the_configuration_of_a_tables_topic_alone) {
  StreamsBuilder b;
  StoreOptions<std::string, std::string> options{.as = "mine"};
  options.changelog.set("min.insync.replicas", "2");
  b.table(rows, options);
  auto topics = b.build({.reuse_source_topics = true}).internal_topics("app");
  ASSERT_THAT(topics, SizeIs(1));
  EXPECT_FALSE(topics[0].config.contains("min.insync.replicas"));
}

// Kafka counts the names that it has generated, whether or not something needs the store.
TEST(Optimization, asks_for_the_names_of_stores_that_nothing_reads) {
  StreamsBuilder b;
  b.table(rows);
  b.stream(in).to_table();
  EXPECT_EQ(refusal(b, {.reuse_source_topics = true, .require_names = true}),
            "Invalid topology: Following changelog topic(s) has not been named: "
            "rows-STATE-STORE-0000000000-changelog, KSTREAM-TOTABLE-STATE-STORE-0000000005-changelog\n"
            "Following state store(s) has not been named: "
            "rows-STATE-STORE-0000000000, KSTREAM-TOTABLE-STATE-STORE-0000000005\n");
}

TEST(Optimization, names_all_that_has_no_name_where_names_are_required) {
  StreamsBuilder b;
  b.stream(in).group_by(same).count();
  EXPECT_EQ(refusal(b, {.require_names = true}),
            "Invalid topology: Following changelog topic(s) has not been named: "
            "KSTREAM-AGGREGATE-STATE-STORE-0000000002-changelog\n"
            "Following state store(s) has not been named: KSTREAM-AGGREGATE-STATE-STORE-0000000002\n"
            "Following repartition topic(s) has not been named: "
            "KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition\n");
}

}  // namespace
}  // namespace millrace
