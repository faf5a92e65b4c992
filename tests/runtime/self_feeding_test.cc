// Sub-topologies that read the repartition topics that they write: rekeyed streams joined with tables of their own.
#include "tests/runtime/embedded_app.h"

namespace millrace {
namespace {

constexpr Topic<std::string, std::string> in{"in"}, out{"out"};
constexpr Topic<std::string, std::int64_t> counts{"counts"};

class SelfFeeding : public EmbeddedApp {
 protected:
  void SetUp() override {
    EmbeddedApp::SetUp();
    create("in");
  }
};

TEST_F(SelfFeeding, a_rekeyed_stream_finds_the_rows_that_it_made_itself) {
  send({{"in", "a", "b"}, {"in", "b", "a"}});
  auto ran = run([](StreamsBuilder& builder) {
    auto stream = builder.stream(in);
    auto table = stream.to_table({.as = "latest"});
    stream.select_key([](const std::string& value) { return value; })
        .left_join(table,
                   [](const std::string& left, const std::string* right) { return left + (right ? *right : ""); })
        .to(out);
  });
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(text("out"), "b=ba a=ab");
}

// Each round of counts leaves the record cache with a commit alone.
TEST_F(SelfFeeding, the_end_of_input_is_behind_as_many_commits_as_there_are_repartition_topics) {
  send({{"in", "a", "v"}});
  auto ran = run([](StreamsBuilder& builder) {
    const auto first = builder.stream(in).group_by_key().count();
    const auto again = [&](const KTable<std::string, std::int64_t>& table) {
      return table.to_stream()
          .select_key([](const std::string& key, std::int64_t) { return key; })
          .join(first, [](std::int64_t n, std::int64_t) { return n; });
    };
    auto stream = again(first);
    for (int i = 0; i < 4; ++i) stream = again(stream.group_by_key().count());
    stream.to(counts);
  });
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(records("counts").size(), 1u);
}

}  // namespace
}  // namespace millrace
