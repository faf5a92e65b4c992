#include "millrace/runtime/state_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/sim/sim_env.h"
#include "millrace/dsl/streams_builder.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Topic<std::string, std::string> in{"in"}, names{"names"};
constexpr const char* file = "/state/app/millrace-state.json";

Topology topology_of(void (*describe)(StreamsBuilder&)) {
  StreamsBuilder builder;
  describe(builder);
  return builder.build();
}
void some_stores(StreamsBuilder& builder) {
  auto grouped = builder.stream(in).group_by_key();
  grouped.count({.as = "totals"});
  grouped.windowed_by(TimeWindows{.size = 1s, .grace = 0s}).count({.as = "windows", .retention = 10min});
  grouped.count({.as = "volatile", .in_memory = true});
  builder.global_table(names, {.as = "names"});
}

class StateDirectoryTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<StateDirectory>> open(void (*describe)(StreamsBuilder&) = some_stores,
                                               const std::string& application = "app") {
    return StateDirectory::open(env_, "/state", application, topology_of(describe));
  }
  std::string content() { return *env_.files().read_file(file); }
  void write(const std::string& text) { ASSERT_TRUE(env_.files().write_file_atomically(file, text, "test")); }
  Error refusal(void (*describe)(StreamsBuilder&) = some_stores) {
    auto opened = open(describe);
    return opened ? Error(ErrorCode::none, "it opened") : std::move(opened).error();
  }
  sim::SimEnv env_{1};
};

TEST_F(StateDirectoryTest, says_whose_it_is_and_which_stores_it_keeps) {
  auto directory = open();
  ASSERT_TRUE(directory) << directory.error().text();
  EXPECT_EQ((*directory)->task_path("0_3"), "/state/app/0_3");
  EXPECT_EQ(content(),
            "{\n"
            " \"format\": 1,\n"
            " \"application.id\": \"app\",\n"
            " \"stores\": {\n"
            "  \"totals\": \"key-value store of sub-topology 0\",\n"
            "  \"windows\": \"window store, retention 600000 ms of sub-topology 0\"\n"
            " }\n"
            "}\n")
      << "what is in memory, or global, is not kept here";
}

TEST_F(StateDirectoryTest, opens_again_for_the_same_application_and_changes_nothing) {
  ASSERT_TRUE(open());
  const std::string before = content();
  auto again = open();
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(content(), before);
}

TEST_F(StateDirectoryTest, one_process_holds_it) {
  auto first = open();
  ASSERT_TRUE(first);
  EXPECT_EQ(refusal().code(), ErrorCode::kafka_storage_error);
  first->reset();
  EXPECT_TRUE(open());
}

TEST_F(StateDirectoryTest, applications_stand_beside_each_other) {
  auto one = open(), other = open(some_stores, "other");
  ASSERT_TRUE(one);
  ASSERT_TRUE(other) << other.error().text();
  EXPECT_TRUE(env_.files().exists("/state/other/millrace-state.json"));
}

TEST_F(StateDirectoryTest, is_refused_to_another_application_that_was_given_its_folder) {
  ASSERT_TRUE(open());
  std::string text = content();
  text.replace(text.find("\"app\""), 5, "\"old\"");
  write(text);
  const Error error = refusal();
  EXPECT_EQ(error.code(), ErrorCode::invalid_config);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("/state/app"), HasSubstr("\"old\""), HasSubstr("not app")));
}

TEST_F(StateDirectoryTest, other_stores_are_refused_with_the_difference) {
  ASSERT_TRUE(open());
  const Error error = refusal([](StreamsBuilder& builder) {
    auto grouped = builder.stream(in).group_by_key();
    grouped.count({.as = "totals"});
    grouped.windowed_by(TimeWindows{.size = 1s, .grace = 0s}).count({.as = "windows", .retention = 20min});
    grouped.count({.as = "more"});
  });
  EXPECT_EQ(error.code(), ErrorCode::invalid_config);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("- windows: window store, retention 600000 ms"),
                                     HasSubstr("+ windows: window store, retention 1200000 ms"), HasSubstr("+ more"),
                                     Not(HasSubstr("totals")), HasSubstr("another application id")));
}

TEST_F(StateDirectoryTest, a_store_that_moved_to_another_sub_topology_is_another_store) {
  ASSERT_TRUE(open([](StreamsBuilder& builder) { builder.stream(in).group_by_key().count({.as = "totals"}); }));
  const Error error = refusal([](StreamsBuilder& builder) {
    builder.stream(in).group_by([](const std::string& v) { return v; }).count({.as = "totals"});
  });
  EXPECT_THAT(error.message(), AllOf(HasSubstr("- totals: key-value store of sub-topology 0"),
                                     HasSubstr("+ totals: key-value store of sub-topology 1")));
}

TEST_F(StateDirectoryTest, a_repartition_topic_that_was_deleted_is_missed_where_input_is_committed) {
  const std::map<std::string, TopicId> first{{"app-a", {1, 2}}, {"app-b", {3, 4}}};
  std::map<std::string, TopicId> later = first;
  later["app-b"] = {3, 5};
  later["app-c"] = {6, 7};
  auto directory = open();
  ASSERT_TRUE(directory);
  ASSERT_TRUE((*directory)->check_repartition_topics(first, true)) << "written before anybody wrote them down";
  directory->reset();
  directory = open();
  ASSERT_TRUE(directory) << directory.error().text();
  for (int start = 0; start < 2; ++start) {
    auto checked = (*directory)->check_repartition_topics(later, true);
    ASSERT_FALSE(checked) << "at every start";
    EXPECT_EQ(checked.error().code(), ErrorCode::invalid_config);
    EXPECT_THAT(checked.error().message(),
                AllOf(HasSubstr("topic app-b was deleted"), HasSubstr("delete /state/app to go on")));
  }
  EXPECT_TRUE((*directory)->check_repartition_topics(later, false)) << "nothing was ever written to it";
  EXPECT_TRUE((*directory)->check_repartition_topics(later, true)) << "this is the one now";
}

TEST_F(StateDirectoryTest, repartition_topics_come_and_go_with_the_topology) {
  auto directory = open();
  ASSERT_TRUE(directory);
  const std::string before = content();
  ASSERT_TRUE((*directory)->check_repartition_topics({}, true));
  EXPECT_EQ(content(), before) << "nothing is written for none";
  ASSERT_TRUE((*directory)->check_repartition_topics({{"app-a", {0, 1}}}, true));
  EXPECT_THAT(content(), HasSubstr(R"("app-a": "AAAAAAAAAAAAAAAAAAAAAQ")"));
  EXPECT_TRUE((*directory)->check_repartition_topics({{"app-b", {3, 4}}}, true));
  EXPECT_TRUE((*directory)->check_repartition_topics({{"app-a", {7, 8}}}, true)) << "forgotten in between";
}

TEST_F(StateDirectoryTest, a_newer_format_is_refused_by_its_number) {
  ASSERT_TRUE(open());
  write(R"({"format": 2, "application.id": "app", "stores": {}})");
  const Error error = refusal();
  EXPECT_EQ(error.code(), ErrorCode::unsupported_version);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("format 2"), HasSubstr("this one knows 1")));
}

TEST_F(StateDirectoryTest, a_damaged_description_says_that_the_state_can_be_had_again) {
  ASSERT_TRUE(open());
  for (const char* text : {"", "{", "[]", "{}", R"({"format": "1", "application.id": "app", "stores": {}})",
                           R"({"format": 1, "stores": {}})", R"({"format": 1, "application.id": "app", "stores": 3})",
                           R"({"format": 1, "application.id": "app", "stores": {"counts": 3}})"}) {
    write(text);
    const Error error = refusal();
    EXPECT_EQ(error.code(), ErrorCode::corrupt_message) << text;
    EXPECT_THAT(error.message(), AllOf(HasSubstr(file), HasSubstr("the state comes back"))) << text;
  }
}

TEST_F(StateDirectoryTest, its_description_survives_a_power_cut) {
  ASSERT_TRUE(open());
  const std::string before = content();
  env_.power_cut();
  env_.reboot();
  EXPECT_EQ(content(), before);
  EXPECT_TRUE(open());
}

}  // namespace
}  // namespace millrace
