// The first topologies of the guide: that they build, and what Kafka would call their nodes and topics.
#include "millrace/dsl/streams_builder.h"

#include <gtest/gtest.h>

#include <sstream>

#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

constexpr Topic<std::optional<std::string>, std::string> lines{"lines"};
constexpr Topic<std::string, std::int64_t> counts{"counts"};

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> result;
  for (std::string word; in >> word;) result.push_back(word);
  return result;
}

void word_count(StreamsBuilder& builder) {
  builder.stream(lines)
      .flat_map_values(words)
      .group_by([](const std::string& word) { return word; })
      .count({.as = "word-counts"})
      .to_stream()
      .to(counts);
}

TEST(WordCount, has_the_nodes_that_kafka_gives_it) {
  StreamsBuilder builder;
  word_count(builder);
  Topology topology = builder.build();
  EXPECT_EQ(topology.describe(), R"(Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [lines])
      --> KSTREAM-FLATMAPVALUES-0000000001
    Processor: KSTREAM-FLATMAPVALUES-0000000001 (stores: [])
      --> KSTREAM-KEY-SELECT-0000000002
      <-- KSTREAM-SOURCE-0000000000
    Processor: KSTREAM-KEY-SELECT-0000000002 (stores: [])
      --> word-counts-repartition-filter
      <-- KSTREAM-FLATMAPVALUES-0000000001
    Processor: word-counts-repartition-filter (stores: [])
      --> word-counts-repartition-sink
      <-- KSTREAM-KEY-SELECT-0000000002
    Sink: word-counts-repartition-sink (topic: word-counts-repartition)
      <-- word-counts-repartition-filter

  Sub-topology: 1
    Source: word-counts-repartition-source (topics: [word-counts-repartition])
      --> KSTREAM-AGGREGATE-0000000003
    Processor: KSTREAM-AGGREGATE-0000000003 (stores: [word-counts])
      --> KTABLE-TOSTREAM-0000000007
      <-- word-counts-repartition-source
    Processor: KTABLE-TOSTREAM-0000000007 (stores: [])
      --> KSTREAM-SINK-0000000008
      <-- KSTREAM-AGGREGATE-0000000003
    Sink: KSTREAM-SINK-0000000008 (topic: counts)
      <-- KTABLE-TOSTREAM-0000000007

)");
}

}  // namespace
}  // namespace millrace
