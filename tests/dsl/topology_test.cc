#include "millrace/dsl/topology.h"

#include <gmock/gmock.h>

#include "millrace/dsl/streams_builder.h"

namespace millrace {
namespace {

using testing::Contains;
using testing::Pair;

constexpr Topic<std::string, std::string> in{"in"};

TEST(Topology, gives_internal_topics_kafkas_names_and_configuration) {
  StreamsBuilder b;
  b.stream(in)
      .group_by([](const std::string& v) { return v; })
      .windowed_by({.size = 1s, .grace = 0s})
      .count({.as = "c", .changelog = {{"min.insync.replicas", "2"}, {"retention.ms", "5"}}});
  b.stream(in).group_by_key().count({.as = "silent", .logging = false});
  auto topics = b.build().internal_topics("app");
  ASSERT_EQ(topics.size(), 2u);
  EXPECT_EQ(topics[0].name, "app-c-changelog");
  EXPECT_THAT(topics[0].config, Contains(Pair("cleanup.policy", "compact,delete")));
  EXPECT_THAT(topics[0].config, Contains(Pair("retention.ms", "5")));
  EXPECT_THAT(topics[0].config, Contains(Pair("min.insync.replicas", "2")));
  EXPECT_EQ(topics[1].name, "app-c-repartition");
  EXPECT_THAT(topics[1].config, Contains(Pair("segment.bytes", "52428800")));
}

TEST(Topology, knows_its_stores_by_name) {
  StreamsBuilder b;
  b.stream(in).group_by_key().count({.as = "c"});
  Topology t = b.build();
  ASSERT_NE(t.store("c"), nullptr);
  EXPECT_TRUE(t.store("c")->queryable);
  EXPECT_EQ(t.store("d"), nullptr);
}

}  // namespace
}  // namespace millrace
