// What the test driver says to a test that is wrong.
#include "millrace/test_topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/test_driver.h"
#include "tests/runtime/message_of.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

constexpr Topic<std::string, std::string> orders{"orders"}, payments{"payments"};
constexpr Topic<std::string, std::int64_t> totals{"totals"};
constexpr Topic<std::string, std::optional<std::string>> latest{"latest"};

void topology(StreamsBuilder& builder) {
  builder.stream(orders).group_by_key().count({.as = "totals"}).to_stream().to(totals);
  builder.table(payments, {.as = "latest"}).to_stream().to(latest);
  builder.stream(orders).group_by_key().windowed_by(TimeWindows{.size = 1s, .grace = 0s}).count({.as = "windows"});
}

class TestTopicsTest : public ::testing::Test {
 protected:
  TopologyTestDriver driver{topology};
};

TEST_F(TestTopicsTest, a_topic_that_is_not_read_names_the_nearest_and_all) {
  const std::string said =
      message_of<std::invalid_argument>([&] { driver.input(Topic<std::string, std::string>{"order"}); });
  EXPECT_THAT(said, HasSubstr("reads no topic order"));
  EXPECT_THAT(said, HasSubstr("did you mean orders?"));
  EXPECT_THAT(said, HasSubstr("orders, payments"));
}

TEST_F(TestTopicsTest, a_topic_that_is_not_written_names_the_nearest_and_all) {
  const std::string said =
      message_of<std::invalid_argument>([&] { driver.output(Topic<std::string, std::int64_t>{"total"}); });
  EXPECT_THAT(said, HasSubstr("writes no topic total"));
  EXPECT_THAT(said, HasSubstr("did you mean totals?"));
  EXPECT_THAT(said, HasSubstr("latest, totals"));
}

TEST_F(TestTopicsTest, an_input_asked_for_as_output_says_so_and_the_other_way_round) {
  EXPECT_THAT(message_of<std::invalid_argument>([&] { driver.output(orders); }), HasSubstr("use input()"));
  EXPECT_THAT(message_of<std::invalid_argument>([&] { driver.input(totals); }), HasSubstr("use output()"));
}

TEST_F(TestTopicsTest, a_constant_of_another_type_than_the_topologys_is_refused) {
  EXPECT_THAT(message_of<std::invalid_argument>([&] { driver.input(Topic<std::string, std::int64_t>{"orders"}); }),
              HasSubstr("another value type"));
  EXPECT_THAT(message_of<std::invalid_argument>([&] { driver.output(Topic<Bytes, std::int64_t>{"totals"}); }),
              HasSubstr("another key type"));
}

TEST_F(TestTopicsTest, an_output_that_does_not_deserialise_says_which_record_and_shows_its_bytes) {
  driver.input(orders).pipe("a", "x").pipe("a", "y");
  auto changelog = driver.output(Topic<std::string, std::int32_t>{"test-totals-changelog"});
  EXPECT_THAT(message_of<std::runtime_error>([&] { changelog.read(); }),
              HasSubstr("topic test-totals-changelog, record 1: the value does not deserialise"));
  EXPECT_THAT(message_of<std::runtime_error>([&] { changelog.read(); }), HasSubstr(R"(record 2)"));
}

TEST_F(TestTopicsTest, an_input_that_does_not_deserialise_says_topic_and_offset) {
  driver.input(orders).pipe("a", "fine");
  EXPECT_THAT(message_of<StreamsError>([&] {
                TopologyTestDriver numbers(
                    [](StreamsBuilder& builder) { builder.stream(totals).for_each([](std::int64_t) {}); });
                numbers.input(totals).pipe("a", 1).pipe_bytes(Bytes("a"), Bytes("five!"), {0});
              }),
              HasSubstr("topic totals, partition 0, offset 1: the value does not deserialise"));
}

TEST_F(TestTopicsTest, a_null_that_the_constant_does_not_allow_says_to_declare_optional) {
  driver.input(payments).pipe("a", "x").pipe_tombstone("a");
  auto out = driver.output(Topic<std::string, std::string>{"latest"});
  EXPECT_EQ(out.read().value, "x");
  EXPECT_THAT(message_of<std::runtime_error>([&] { out.read(); }), HasSubstr("declare std::optional"));
}

TEST_F(TestTopicsTest, a_store_that_is_not_there_names_the_nearest_and_one_of_another_kind_its_reader) {
  EXPECT_THAT(message_of<std::invalid_argument>([&] { driver.store<std::string, std::int64_t>("total"); }),
              HasSubstr("did you mean totals?"));
  EXPECT_THAT(message_of<std::invalid_argument>([&] { driver.store<std::string, std::int64_t>("windows"); }),
              HasSubstr("use window_store()"));
  EXPECT_THAT(message_of<std::invalid_argument>([&] { driver.window_store<std::string, std::int64_t>("totals"); }),
              HasSubstr("use store()"));
  EXPECT_THAT(message_of<std::invalid_argument>([&] { driver.store<std::string, std::string>("totals"); }),
              HasSubstr("has values of type long int, not std::string"));
  EXPECT_THAT(message_of<std::invalid_argument>([&] { driver.store<std::int64_t, std::int64_t>("totals"); }),
              HasSubstr("has keys of type std::string, not long int"));
}

TEST_F(TestTopicsTest, a_serde_that_refuses_a_value_says_which_topic) {
  struct Picky {
    static Result<> write(const std::string& text, Bytes& out) {
      if (text.empty()) return Error("it is empty");
      out += text;
      return {};
    }
    static Result<std::string> read(BytesView in) { return std::string(in); }
  };
  static constexpr Picky picky;
  constexpr Topic<std::string, std::string> strict{"orders", {.value_serde = picky}};
  EXPECT_THAT(message_of<std::runtime_error>([&] { driver.input(strict).pipe("a", ""); }),
              HasSubstr("topic orders: the value does not serialise: it is empty"));
}

TEST_F(TestTopicsTest, topics_are_read_beside_each_other_and_while_more_is_written) {
  auto in = driver.input(orders);
  auto pay = driver.input(payments);
  auto counted = driver.output(totals);
  auto paid = driver.output(latest);
  in.pipe("a", "1");
  pay.pipe("p", "x");
  in.pipe("a", "2");
  EXPECT_EQ(counted.read().value, 1);
  pay.pipe("p", "y");
  EXPECT_EQ(*paid.read().value, "x");
  in.pipe("b", "3");
  const auto rest = counted.read_all();
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_EQ(rest[0].value, 2);
  EXPECT_EQ(rest[1].key, "b");
  EXPECT_TRUE(counted.empty());
  EXPECT_FALSE(paid.empty());
  EXPECT_EQ(*paid.read().value, "y");
  EXPECT_TRUE(paid.read_all().empty());
}

}  // namespace
}  // namespace millrace
