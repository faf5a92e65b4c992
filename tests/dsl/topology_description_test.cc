// Every description that Kafka Streams gave for a case is compared by millrace-conformance; here, what no case shows.
#include <gtest/gtest.h>

#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

constexpr Topic<std::string, std::string> global{"g"};

TEST(TopologyDescription, shows_a_global_store_that_stands_alone) {
  StreamsBuilder b;
  b.global_table(global, {.as = "gs"});
  EXPECT_EQ(b.build().describe(), R"(Topologies:
   Sub-topology: 0 for global store (will not generate tasks)
    Source: KSTREAM-SOURCE-0000000000 (topics: [g])
      --> KTABLE-SOURCE-0000000001
    Processor: KTABLE-SOURCE-0000000001 (stores: [gs])
      --> none
      <-- KSTREAM-SOURCE-0000000000
)");
}

TEST(TopologyDescription, of_nothing_is_the_heading) {
  StreamsBuilder b;
  EXPECT_EQ(b.build().describe(), "Topologies:\n ");
}

}  // namespace
}  // namespace millrace
