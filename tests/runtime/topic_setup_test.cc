#include "millrace/runtime/topic_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/dsl/streams_builder.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr Topic<std::string, std::string> in{"in"}, other{"other"}, out{"out"};

// Topics in a map.
class FakeAdmin final : public Admin {
 public:
  Result<> create_topic(const NewTopic& topic) override {
    created.push_back(topic.name);
    TopicDescription made;
    made.name = topic.name;
    made.partitions = topic.partitions;
    made.configs = topic.configs;
    topics[topic.name] = made;
    return {};
  }
  Result<TopicDescription> describe_topic(const std::string& name) override {
    auto found = topics.find(name);
    if (found == topics.end()) return Error(ErrorCode::unknown_topic_or_partition, "there is no topic " + name);
    return found->second;
  }
  Result<> delete_topic(const std::string&) override { return {}; }
  Result<std::vector<TopicDescription>> list_topics() override { return std::vector<TopicDescription>(); }
  Result<PartitionOffsets> describe_partition(const TopicPartition&) override { return PartitionOffsets(); }
  Result<std::optional<Offset>> end_of_leader_epoch(const TopicPartition&, LeaderEpoch) override {
    return std::optional<Offset>();
  }
  Result<> delete_records(const TopicPartition&, Offset) override { return {}; }
  Result<std::vector<GroupDescription>> describe_groups() override { return groups; }

  std::vector<GroupDescription> groups;
  std::map<std::string, TopicDescription> topics;
  std::vector<std::string> created;
};

class TopicSetupTest : public ::testing::Test {
 protected:
  TopicSetupTest() {
    options_.application_id = "app";
    options_.default_partitions = 4;
    options_.data_dir = "/data";
  }
  void create(const std::string& name, int partitions, std::map<std::string, std::string> configs = {}) {
    ASSERT_TRUE(admin_.create_topic({name, partitions, std::move(configs)}));
    admin_.created.clear();
  }
  template <class F>
  Result<TopicSetup> set_up(F describe) {
    StreamsBuilder builder;
    describe(builder);
    topology_ = builder.build();
    return set_up_topics(admin_, topology_, options_);
  }
  template <class F>
  Error refusal(F describe) {
    auto done = set_up(describe);
    return done ? Error(ErrorCode::none, "it was set up") : std::move(done).error();
  }
  FakeAdmin admin_;
  TopicSetupOptions options_;
  Topology topology_;
};

void count_by_value(StreamsBuilder& builder) {
  builder.stream(in).group_by([](const std::string& v) { return v; }).count({.as = "counts"});
}

TEST_F(TopicSetupTest, a_missing_source_topic_says_what_to_type) {
  const Error error = refusal(count_by_value);
  EXPECT_EQ(error.code(), ErrorCode::unknown_topic_or_partition);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("source topic in of node KSTREAM-SOURCE-0000000000"),
                                     HasSubstr("millrace topics create in --partitions 4 --data-dir /data")));
  EXPECT_THAT(admin_.created, ElementsAre()) << "nothing is made before all is known";
}

TEST_F(TopicSetupTest, internal_topics_have_as_many_partitions_as_what_feeds_them) {
  create("in", 6);
  auto done = set_up(count_by_value);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_THAT(admin_.created, UnorderedElementsAre("app-counts-repartition", "app-counts-changelog"));
  EXPECT_EQ(admin_.topics.at("app-counts-repartition").partitions, 6);
  EXPECT_EQ(admin_.topics.at("app-counts-changelog").partitions, 6);
  EXPECT_THAT(done->task_counts, ElementsAre(6, 6));
  EXPECT_THAT(done->repartition_topics, ElementsAre("app-counts-repartition"));
}

TEST_F(TopicSetupTest, a_repartition_topic_is_missed_where_the_changelog_of_what_it_feeds_is_there) {
  create("in", 6);
  ASSERT_TRUE(set_up(count_by_value));
  const auto gone = admin_.topics.extract("app-counts-repartition");
  admin_.groups = {{"app", {{{"in", 0}, {.offset = 7}}}}};
  admin_.created.clear();
  const Error error = refusal(count_by_value);
  EXPECT_EQ(error.code(), ErrorCode::invalid_config);
  EXPECT_THAT(error.message(),
              AllOf(HasSubstr("app-counts-repartition was deleted"), HasSubstr("app-counts-changelog is there"),
                    HasSubstr("topics create app-counts-repartition --partitions 6 --config retention.ms=-1 ")));
  EXPECT_THAT(admin_.created, ElementsAre()) << "or the next start would find nothing wrong";
  create("app-counts-repartition", 6);
  EXPECT_TRUE(set_up(count_by_value));
}

TEST_F(TopicSetupTest, a_repartition_topic_is_not_missed_where_nothing_was_committed_or_its_store_is_new) {
  create("in", 6);
  create("app-counts-changelog", 6, {{"cleanup.policy", "compact"}});
  admin_.groups = {{"another", {{{"in", 0}, {.offset = 7}}}}};
  EXPECT_TRUE(set_up(count_by_value)) << "a first start that was killed half-way";
  admin_.groups = {{"app", {{{"in", 0}, {.offset = 7}}}}};
  auto extended = set_up([](StreamsBuilder& builder) {
    auto values = builder.stream(in);
    values.group_by([](const std::string& v) { return v; }).count({.as = "counts"});
    values.group_by([](const std::string& v) { return v + v; }).count({.as = "more"});
  });
  EXPECT_TRUE(extended) << extended.error().text();
}

TEST_F(TopicSetupTest, a_repartition_topic_is_not_missed_beside_another_input_that_may_have_filled_the_store) {
  create("in", 6);
  create("other", 6);
  create("app-rows-changelog", 6, {{"cleanup.policy", "compact"}});
  admin_.groups = {{"app", {{{"in", 0}, {.offset = 7}}}}};
  auto joined = set_up([](StreamsBuilder& builder) {
    builder.stream(in)
        .select_key([](const std::string& v) { return v; })
        .join(builder.table(other, {.as = "rows"}), [](const std::string& a, const std::string&) { return a; })
        .to(out);
  });
  EXPECT_TRUE(joined) << joined.error().text();
}

TEST_F(TopicSetupTest, changelogs_are_made_after_the_topics_that_their_stores_are_fed_from) {
  create("in", 6);
  ASSERT_TRUE(set_up(count_by_value));
  EXPECT_THAT(admin_.created, ElementsAre("app-counts-repartition", "app-counts-changelog"));
}

TEST_F(TopicSetupTest, internal_topics_have_kafka_streams_configuration) {
  create("in", 1);
  ASSERT_TRUE(set_up(count_by_value));
  EXPECT_THAT(admin_.topics.at("app-counts-repartition").configs,
              AllOf(Contains(Pair("cleanup.policy", "delete")), Contains(Pair("retention.ms", "-1")),
                    Contains(Pair("segment.bytes", "52428800"))));
  EXPECT_THAT(admin_.topics.at("app-counts-changelog").configs, Contains(Pair("cleanup.policy", "compact")));
}

TEST_F(TopicSetupTest, the_largest_of_several_inputs_counts) {
  create("in", 2);
  create("other", 5);
  auto done = set_up([](StreamsBuilder& builder) {
    builder.stream(in).merge(builder.stream(other)).repartition({.name = "both"}).to(out);
  });
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_THAT(done->task_counts, ElementsAre(5, 5));
  EXPECT_EQ(done->partitions.at("app-both-repartition"), 5);
}

TEST_F(TopicSetupTest, a_partition_count_of_the_users_wins_and_goes_on_downstream) {
  create("in", 2);
  auto done = set_up([](StreamsBuilder& builder) {
    builder.stream(in)
        .repartition({.name = "first", .partitions = 7})
        .select_key([](const std::string& v) { return v; })
        .repartition({.name = "second"})
        .to(out);
  });
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->partitions.at("app-first-repartition"), 7);
  EXPECT_EQ(done->partitions.at("app-second-repartition"), 7);
  EXPECT_THAT(done->task_counts, ElementsAre(2, 7, 7));
}

auto joined = [](const std::string& a, const std::string& b) { return a + b; };

TEST_F(TopicSetupTest, a_joins_repartition_topic_takes_the_other_sides_count) {
  create("in", 2);
  create("other", 5);
  auto done = set_up([](StreamsBuilder& builder) {
    builder.stream(in)
        .select_key([](const std::string& v) { return v; })
        .join(builder.table(other), joined, {.name = "join"})
        .to(out);
  });
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->partitions.at("app-join-repartition"), 5);
}

TEST_F(TopicSetupTest, a_joins_repartition_topics_take_the_larger_count_of_the_two) {
  create("in", 2);
  create("other", 5);
  const auto by_value = [](const std::string& v) { return v; };
  for (const bool swapped : {false, true}) {
    const char *stream = swapped ? "b" : "a", *table = swapped ? "a" : "b";
    auto done = set_up([&](StreamsBuilder& builder) {
      builder.stream(in)
          .select_key(by_value)
          .join(builder.stream(other).select_key(by_value).to_table({.name = table}), joined, {.name = stream})
          .to(out);
    });
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(done->partitions.at("app-a-repartition"), 5);
    EXPECT_EQ(done->partitions.at("app-b-repartition"), 5);
  }
}

// Kafka Streams counts first and levels the sides of joins then (RepartitionTopics).
TEST_F(TopicSetupTest, what_comes_behind_a_join_has_as_many_partitions_as_its_larger_side_would_have_had) {
  create("in", 5);
  create("other", 2);
  const auto by_value = [](const std::string& v) { return v; };
  auto done = set_up([&](StreamsBuilder& builder) {
    builder.stream(in)
        .select_key(by_value)
        .join(builder.table(other), joined, {.name = "join"})
        .select_key(by_value)
        .repartition({.name = "behind"})
        .to(out);
  });
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->partitions.at("app-join-repartition"), 2);
  EXPECT_EQ(done->partitions.at("app-behind-repartition"), 5);
}

TEST_F(TopicSetupTest, a_stream_may_be_rekeyed_and_joined_with_a_table_of_its_own) {
  create("in", 3);
  auto done = set_up([](StreamsBuilder& builder) {
    auto stream = builder.stream(in);
    stream.select_key([](const std::string& v) { return v; })
        .join(stream.to_table({.as = "latest"}), joined, {.name = "join"})
        .to(out);
  });
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->partitions.at("app-join-repartition"), 3);
  EXPECT_THAT(done->task_counts, ElementsAre(3));
}

TEST_F(TopicSetupTest, topics_that_are_joined_must_have_the_same_count) {
  create("in", 2);
  create("other", 5);
  const Error error =
      refusal([](StreamsBuilder& builder) { builder.stream(in).join(builder.table(other), joined).to(out); });
  EXPECT_EQ(error.code(), ErrorCode::invalid_partitions);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("in has 2"), HasSubstr("other has 5"), HasSubstr("repartition()")));
  EXPECT_THAT(admin_.created, ElementsAre());
}

TEST_F(TopicSetupTest, a_global_table_needs_no_equal_count) {
  create("in", 2);
  create("other", 5);
  auto done = set_up([](StreamsBuilder& builder) {
    builder.stream(in).join(builder.global_table(other), [](const std::string& v) { return v; }, joined).to(out);
  });
  EXPECT_TRUE(done) << done.error().text();
}

TEST_F(TopicSetupTest, a_missing_sink_topic_is_made_as_its_constant_says) {
  create("in", 2);
  ASSERT_TRUE(set_up([](StreamsBuilder& builder) {
    auto stream = builder.stream(in);
    stream.to(out);
    stream.to(Topic<std::string, std::string>{"wide", {.partitions = 9, .retention = forever, .compact = true}});
  }));
  EXPECT_EQ(admin_.topics.at("out").partitions, 4) << "num.partitions";
  EXPECT_EQ(admin_.topics.at("wide").partitions, 9);
  EXPECT_THAT(admin_.topics.at("wide").configs,
              UnorderedElementsAre(Pair("retention.ms", "-1"), Pair("cleanup.policy", "compact")));
}

TEST_F(TopicSetupTest, a_sink_topic_that_is_there_stays_as_it_is) {
  create("in", 2);
  create("out", 3, {{"retention.ms", "5"}});
  auto done = set_up([](StreamsBuilder& builder) {
    builder.stream(in).to(Topic<std::string, std::string>{"out", {.partitions = 9}});
  });
  ASSERT_TRUE(done);
  EXPECT_THAT(admin_.created, ElementsAre());
  EXPECT_EQ(done->partitions.at("out"), 3);
}

TEST_F(TopicSetupTest, a_missing_sink_topic_is_an_error_where_topics_are_not_ours_to_make) {
  create("in", 2);
  options_.make_sink_topics = false;
  const Error error = refusal([](StreamsBuilder& builder) { builder.stream(in).to(out); });
  EXPECT_EQ(error.code(), ErrorCode::unknown_topic_or_partition);
  EXPECT_THAT(error.message(), HasSubstr("sink topic out of node KSTREAM-SINK-0000000001"));
}

TEST_F(TopicSetupTest, a_second_start_makes_nothing) {
  create("in", 3);
  ASSERT_TRUE(set_up(count_by_value));
  admin_.created.clear();
  auto again = set_up(count_by_value);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_THAT(admin_.created, ElementsAre());
}

TEST_F(TopicSetupTest, an_internal_topic_of_another_count_or_policy_is_refused_by_name) {
  create("in", 3);
  create("app-counts-changelog", 2, {{"cleanup.policy", "compact"}});
  const Error count = refusal(count_by_value);
  EXPECT_EQ(count.code(), ErrorCode::invalid_partitions);
  EXPECT_THAT(count.message(), AllOf(HasSubstr("app-counts-changelog has 2"), HasSubstr("needs 3")));
  create("app-counts-changelog", 3, {{"cleanup.policy", "delete"}});
  const Error policy = refusal(count_by_value);
  EXPECT_EQ(policy.code(), ErrorCode::invalid_config);
  EXPECT_THAT(policy.message(), AllOf(HasSubstr("app-counts-changelog"), HasSubstr("needs compact")));
}

TEST_F(TopicSetupTest, a_store_without_a_changelog_has_no_topic) {
  create("in", 3);
  ASSERT_TRUE(
      set_up([](StreamsBuilder& builder) { builder.stream(in).group_by_key().count({.as = "n", .logging = false}); }));
  EXPECT_THAT(admin_.created, ElementsAre());
}

}  // namespace
}  // namespace millrace
