// From the logical to the physical graph.
#include <gmock/gmock.h>

#include "millrace/dsl/operators/stateless.h"
#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

constexpr Topic<std::string, std::string> in{"in"};
constexpr Topic<std::string, std::int64_t> in_as_numbers{"in"};
constexpr Topic<std::string, std::string> rows{"rows"};
constexpr Topic<std::string, std::string> out{"out"}, out2{"out2"};
std::string same(const std::string& v) { return v; }

TEST(Build, lets_two_streams_over_one_topic_share_a_source) {
  StreamsBuilder b;
  b.stream(in).to(out);
  b.stream(in).map_values(same).to(out2);
  Topology t = b.build();
  EXPECT_EQ(std::count_if(t.nodes.begin(), t.nodes.end(), [](auto& n) { return n.kind == TopologyNode::Kind::source; }),
            1);
  EXPECT_EQ(t.nodes[0].children.size(), 2u);
}

TEST(Build, puts_a_shared_source_behind_the_other_parents_of_a_merge) {
  StreamsBuilder b;
  b.stream(in);
  auto second = b.stream(in);
  second.merge(second.filter([](const std::string&) { return true; }));
  EXPECT_NE(b.build().describe().find("<-- KSTREAM-FILTER-0000000002, KSTREAM-SOURCE-0000000000"), std::string::npos);
}

TEST(Build, refuses_a_global_table_with_the_store_of_a_table) {
  StreamsBuilder b;
  b.table(rows, {.as = "mine"});
  b.global_table(in, {.as = "mine"});
  try {
    b.build();
    FAIL();
  } catch (const TopologyError& e) {
    EXPECT_STREQ(e.what(), "Invalid topology: A different StateStore has already been added with the name mine");
  }
}

TEST(Build, refuses_two_streams_over_one_topic_with_different_types) {
  StreamsBuilder b;
  b.stream(in).to(out);
  b.stream(in_as_numbers);
  EXPECT_THROW(b.build(), TopologyError);
}

TEST(Build, is_done_once) {
  StreamsBuilder b;
  b.stream(in).to(out);
  b.build();
  EXPECT_THROW(b.build(), TopologyError);
}

// Null keys cannot be partitioned, but a left join takes records without a key.
template <class Join>
bool filter_drops_null_keys(Join join) {
  StreamsBuilder b;
  join(b.stream(in).select_key(same), b.table(rows));
  Topology t = b.build();
  for (auto& node : t.nodes) {
    if (node.name.find("KSTREAM-FILTER-") == 0) return dynamic_cast<NullKeyFilter*>(node.make().get()) != nullptr;
  }
  ADD_FAILURE();
  return false;
}

TEST(Build, drops_null_keys_before_a_repartition_topic_unless_a_left_join_follows) {
  EXPECT_TRUE(filter_drops_null_keys(
      [](auto s, auto t) { s.join(t, [](const std::string& l, const std::string&) { return l; }); }));
  EXPECT_FALSE(filter_drops_null_keys(
      [](auto s, auto t) { s.left_join(t, [](const std::string& l, const std::string*) { return l; }); }));
}

TEST(Build, takes_what_the_configuration_says_of_stores) {
  auto store = [](TopologyConfig config, bool caching, std::optional<bool> in_memory) {
    StreamsBuilder b;
    b.stream(in).group_by_key().count({.as = "c", .in_memory = in_memory, .caching = caching});
    return *b.build(config).store("c");
  };
  EXPECT_TRUE(store({}, true, {}).caching);
  EXPECT_FALSE(store({.record_cache = false}, true, {}).caching);
  EXPECT_FALSE(store({}, false, {}).caching);
  EXPECT_TRUE(store({.in_memory_stores = true}, true, {}).in_memory);
  EXPECT_FALSE(store({.in_memory_stores = true}, true, false).in_memory);
}

TEST(Build, says_how_topics_are_created) {
  StreamsBuilder b;
  constexpr Topic<std::string, std::string> top{"top", {.partitions = 4, .retention = forever, .compact = true}};
  b.stream(in).to(top);
  Topology t = b.build();
  EXPECT_EQ(t.topic_settings.at("top").partitions, 4);
  EXPECT_EQ(t.topic_settings.at("top").retention, forever);
  EXPECT_TRUE(t.topic_settings.at("top").compact);
}

}  // namespace
}  // namespace millrace
