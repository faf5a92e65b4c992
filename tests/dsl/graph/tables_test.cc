// Tables: when they are kept in a store, and who hears of old values.
#include <gmock/gmock.h>

#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

using testing::ElementsAre;

constexpr Topic<std::string, std::string> in{"in"};
constexpr Topic<std::string, std::string> rows{"rows"};
bool any(const std::string&) { return true; }
std::string same(const std::string& v) { return v; }

std::vector<std::string> stores(void (*describe)(StreamsBuilder&)) {
  StreamsBuilder builder;
  describe(builder);
  std::vector<std::string> names;
  for (auto& store : builder.build().stores) names.push_back(store.name);
  return names;
}

TEST(Tables, are_kept_only_where_somebody_reads_them) {
  EXPECT_THAT(stores([](StreamsBuilder& b) { b.table(rows).filter(any).to_stream(); }), ElementsAre());
  EXPECT_THAT(stores([](StreamsBuilder& b) { b.table(rows, {.as = "mine"}); }), ElementsAre("mine"));
  EXPECT_THAT(stores([](StreamsBuilder& b) { b.table(rows).map_values(same, {.as = "mine"}); }), ElementsAre("mine"));
}

TEST(Tables, are_kept_at_the_source_where_a_join_reads_what_is_computed_from_it) {
  EXPECT_THAT(stores([](StreamsBuilder& b) {
                auto table = b.table(rows).filter(any).map_values(same);
                b.stream(in).join(table, [](const std::string& l, const std::string&) { return l; });
              }),
              ElementsAre("rows-STATE-STORE-0000000000"));
}

TEST(Tables, take_a_number_for_a_serde_that_names_no_store) {
  StreamsBuilder b;
  b.table(rows).filter(any, {.value_serde = the_serde<std::string>}).to_stream();
  EXPECT_NE(b.build().describe().find("KTABLE-FILTER-0000000004"), std::string::npos);
}

TEST(Tables, of_windows_keep_them_for_size_and_grace_or_longer) {
  auto with_retention = [](Duration retention) {
    StreamsBuilder b;
    b.stream(in).group_by_key().windowed_by({.size = 1s, .grace = 2s}).count({.as = "c", .retention = retention});
    return b.build().store("c")->retention;
  };
  EXPECT_EQ(with_retention(0s), 3s);
  EXPECT_EQ(with_retention(10s), 10s);
  EXPECT_THROW(with_retention(2s), TopologyError);
}

TEST(Tables, of_windows_that_are_open_for_ever_keep_them_for_ever) {
  auto retention = [](TimeWindows windows) {
    StreamsBuilder b;
    b.stream(in).group_by_key().windowed_by(windows).count({.as = "c"});
    return b.build().store("c")->retention;
  };
  EXPECT_EQ(retention({.size = 1s, .grace = Duration::max()}), Duration::max());
  EXPECT_EQ(retention({.size = Duration::max(), .grace = 1s}), Duration::max());
}

}  // namespace
}  // namespace millrace
