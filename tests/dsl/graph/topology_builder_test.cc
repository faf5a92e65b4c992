#include "millrace/dsl/graph/topology_builder.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

using testing::ElementsAre;

TopologyNode reading(const std::string& name, const std::string& topic) {
  TopologyNode node;
  node.name = name;
  node.topics = {topic};
  return node;
}
template <class F>
std::string error_of(F f) {
  try {
    f();
    return "none";
  } catch (const TopologyError& e) {
    return e.what();
  }
}

TEST(TopologyBuilder, refuses_names_and_topics_that_clash) {
  TopologyBuilder b;
  b.add_source(reading("s", "t"));
  EXPECT_EQ(error_of([&] { b.add_source(reading("s", "other")); }), "Invalid topology: Processor s is already added.");
  EXPECT_EQ(error_of([&] { b.add_source(reading("s2", "t")); }),
            "Invalid topology: Topic t has already been registered by another source.");
  EXPECT_EQ(error_of([&] { b.add_processor("p", {"gone"}, {}); }),
            "Invalid topology: Predecessor processor gone is not added yet for p");
}

TEST(TopologyBuilder, numbers_sub_topologies_by_their_first_node_and_joins_what_shares_a_store) {
  TopologyBuilder b;
  b.add_source(reading("s0", "a"));
  b.add_source(reading("s1", "b"));
  b.add_source(reading("s2", "c"));
  b.add_processor("p0", {"s0"}, {});
  b.add_processor("p2", {"s2"}, {});
  StoreSpec store;
  store.name = "store";
  b.add_store(store, "p0");
  b.connect("p2", "store");
  Topology t = std::move(b).finish();
  std::vector<int> numbers;
  for (auto& node : t.nodes) numbers.push_back(node.sub_topology);
  EXPECT_THAT(numbers, ElementsAre(0, 1, 0, 0, 0));
  EXPECT_EQ(t.sub_topology_count, 2);
}

TEST(TopologyBuilder, keeps_global_stores_out_of_the_sub_topologies) {
  TopologyBuilder b;
  StoreSpec store;
  store.name = "g";
  store.is_global = true;
  b.add_global_store(store, reading("gs", "g"), "gp", {});
  b.add_source(reading("s", "a"));
  Topology t = std::move(b).finish();
  EXPECT_EQ(t.nodes[0].sub_topology, -1);
  EXPECT_EQ(t.nodes[2].sub_topology, 1);
  EXPECT_THAT(t.nodes[1].stores, ElementsAre("g"));
}

TEST(TopologyBuilder, merges_copartition_groups_that_share_a_topic) {
  TopologyBuilder b;
  for (const char* name : {"a", "b", "c", "d"}) b.add_source(reading(name, std::string("t") + name));
  b.copartition({{"a", "b"}, {"d"}, {"c", "b"}});
  EXPECT_THAT(std::move(b).finish().copartition_groups, ElementsAre(ElementsAre("ta", "tb", "tc")));
}

}  // namespace
}  // namespace millrace
