// The typed test driver: what a user's test pipes, reads and looks up.
#include "millrace/test_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <variant>

#include "millrace/base/env_real.h"
#include "millrace/json.h"

namespace millrace {

// What it writes for a negative one, it does not read.
struct Age {
  std::int64_t years = 0;
};
template <>
struct Serde<Age> {
  static void write(const Age& age, Bytes& out) { out.append(std::to_string(age.years)); }
  static Result<Age> read(BytesView in) {
    if (in.starts_with('-')) return Error("nobody is that young");
    return Age{std::stoll(std::string(in))};
  }
};

namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Pair;

struct Registered {
  std::string name;
  static constexpr std::string_view json_name = "Registered";
  static constexpr auto json = fields("name", &Registered::name);
};
struct Closed {
  static constexpr std::string_view json_name = "Closed";
  static constexpr auto json = fields();
};
using UserEvent = std::variant<Registered, Closed>;
struct User {  // no == on purpose: nothing here may need it
  std::string name;
  static constexpr auto json = fields("name", &User::name);
};
constexpr Topic<std::string, UserEvent> user_events{"user-events"};
constexpr Topic<std::string, std::optional<User>> users{"users"};

void user_table(StreamsBuilder& builder) {
  builder.stream(user_events)
      .group_by_key()
      .aggregate(std::optional<User>{},
                 [](const UserEvent& event, std::optional<User>) -> std::optional<User> {
                   if (auto* registered = std::get_if<Registered>(&event)) return User{registered->name};
                   return std::nullopt;
                 },
                 {.as = "users"})
      .to_stream()
      .to(users);
}

TEST(TopologyTestDriver, a_deleted_row_is_a_tombstone_and_leaves_the_store) {
  TopologyTestDriver driver(user_table);
  driver.input(user_events).pipe("ann", Registered{"Ann"}).advance_by(1s).pipe("ann", Closed{});
  EXPECT_FALSE((driver.store<std::string, User>("users").get("ann")));
  EXPECT_THAT(driver.output(users).read_all(), ElementsAre(Key("ann"), Tombstone("ann")));
}

TEST(TopologyTestDriver, each_topic_has_a_clock_that_all_its_handles_share) {
  TopologyTestDriver driver(user_table, {.wall_clock = {5000}});
  driver.input(user_events).pipe("ann", Registered{"Ann"}).advance_by(1s);
  driver.input(user_events).pipe("bob", Registered{"Bob"}).pipe("cid", Registered{"Cid"}, {200});
  using R = TestRecord<std::string, std::optional<User>>;
  EXPECT_THAT(driver.output(users).read_all(),
              ElementsAre(Field(&R::timestamp, Timestamp{5000}), Field(&R::timestamp, Timestamp{6000}),
                          Field(&R::timestamp, Timestamp{200})));
  EXPECT_THROW(driver.input(user_events).advance_by(-1s), std::invalid_argument);
}

constexpr Topic<std::string, std::string> clicks{"clicks"}, shouted{"shouted"};

void shout(StreamsBuilder& builder) {
  builder.stream(clicks).map_values([](const std::string& text) { return text + "!"; }).to(shouted);
}

TEST(TopologyTestDriver, what_was_read_does_not_come_again) {
  TopologyTestDriver driver(shout);
  auto in = driver.input(clicks);
  auto out = driver.output(shouted);
  in.pipe("a", "x").pipe("b", "y");
  EXPECT_EQ(out.size(), 2u);
  EXPECT_EQ(out.read().value, "x!");
  EXPECT_THAT(driver.output(shouted).read_all(), ElementsAre(Pair("b", "y!")));
  EXPECT_TRUE(out.empty());
  EXPECT_THROW(out.read(), std::out_of_range);
}

TEST(TopologyTestDriver, a_record_keeps_its_timestamp_and_its_headers) {
  TopologyTestDriver driver(shout);
  const Headers headers{{"trace", Bytes("7")}, {"empty", std::nullopt}};
  driver.input(clicks).pipe({"a", "x", {42}, headers});
  const TestRecord<std::string, std::string> expected{"a", "x!", {42}, headers};
  EXPECT_EQ(driver.output(shouted).read(), expected);
}

void count_clicks(StreamsBuilder& builder) {
  builder.stream(clicks)
      .group_by([](const std::string& page) { return page; }, {.name = "by-page"})
      .windowed_by(TimeWindows{.size = 10s, .grace = 0s})
      .count({.as = "per-window"});
}

TEST(TopologyTestDriver, a_window_store_is_read_by_key_and_start) {
  TopologyTestDriver driver(count_clicks);
  driver.input(clicks).pipe("u", "home", {1000}).pipe("u", "home", {2000}).pipe("u", "home", {12000});
  auto store = driver.window_store<std::string, std::int64_t>("per-window");
  EXPECT_EQ(store.fetch("home", {0}), 2);
  EXPECT_EQ(store.fetch("home", {5000}), std::nullopt);
  const Windowed<std::string> first{"home", {{0}, {10000}}}, second{"home", {{10000}, {20000}}};
  EXPECT_THAT(store.fetch("home", {0}, {9999}), ElementsAre(Pair(first, 2)));
  EXPECT_THAT(store.all(), ElementsAre(Pair(first, 2), Pair(second, 1)));
}

TEST(TopologyTestDriver, repartition_topics_and_changelogs_are_outputs_too) {
  TopologyTestDriver driver(count_clicks, {.config = {{"application.id", "app"}}});
  driver.input(clicks).pipe("u", "home", {1000});
  EXPECT_THAT(driver.output(Topic<std::string, std::string>{"app-by-page-repartition"}).read_all(),
              ElementsAre(Pair("home", "home")));
  EXPECT_EQ((driver.output(Topic<Bytes, std::int64_t>{"app-per-window-changelog"}).read().value), 1);
}

TEST(TopologyTestDriver, stores_on_disk_give_what_stores_in_memory_give) {
  const auto dir = std::filesystem::temp_directory_path() / ("driver-" + std::to_string(real_env().random().next()));
  auto run = [](const std::string& state_directory) {
    TopologyTestDriver driver(count_clicks, {.state_directory = state_directory});
    for (int i = 0; i < 20; ++i) driver.input(clicks).pipe("u", "home", {i * 1000});
    EXPECT_EQ((driver.window_store<std::string, std::int64_t>("per-window").fetch("home", {10000})), 10);
    return driver.output(Topic<Bytes, std::int64_t>{"test-per-window-changelog"}).read_all();
  };
  EXPECT_EQ(run(dir), run({}));
  EXPECT_TRUE(std::filesystem::exists(dir));
  std::filesystem::remove_all(dir);
}

constexpr Topic<std::string, std::string> names{"names"};

void greet(StreamsBuilder& builder) {
  auto table = builder.global_table(names, {.as = "all-names"});
  builder.stream(clicks)
      .join(
          table, [](const std::string& user) { return user; },
          [](const std::string&, const std::string& name) { return name; })
      .to(shouted);
}

TEST(TopologyTestDriver, a_global_table_is_filled_by_piping_into_its_topic) {
  TopologyTestDriver driver(greet);
  driver.input(names).pipe("u", "Ursula").pipe("v", "Viktor").pipe_tombstone("v");
  driver.input(clicks).pipe("page", "u").pipe("page", "v");
  EXPECT_THAT(driver.output(shouted).read_all(), ElementsAre(Pair("page", "Ursula")));
  EXPECT_THAT((driver.store<std::string, std::string>("all-names").all()), ElementsAre(Pair("u", "Ursula")));
}

TEST(TopologyTestDriver, a_record_of_a_global_table_that_does_not_deserialise_goes_to_the_handler) {
  constexpr Topic<std::string, Age> ages{"ages"};
  auto topology = [&](StreamsBuilder& builder) { builder.global_table(ages, {.as = "all-ages"}); };
  TopologyTestDriver strict(topology);
  try {
    strict.input(ages).pipe("u", Age{-1});
    ADD_FAILURE() << "the handler says fail";
  } catch (const std::exception& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("nobody is that young"));
  }
  TopologyTestDriver lenient(topology, {.config = {{"deserialization.exception.handler", "continue"}}});
  lenient.input(ages).pipe("u", Age{40}).pipe("u", Age{-1}).pipe("v", Age{-2});
  auto store = lenient.store<std::string, Age>("all-ages");
  EXPECT_EQ(store.all().size(), 1u);
  EXPECT_EQ(store.get("u").value_or(Age{}).years, 40);
  EXPECT_EQ(lenient.metric("dropped-records-total"), 2);
}

TEST(TopologyTestDriver, counts_the_records_that_were_dropped) {
  constexpr Topic<std::optional<std::string>, std::string> maybe{"maybe"};
  TopologyTestDriver driver([&](StreamsBuilder& builder) { builder.stream(maybe).group_by_key().count({.as = "n"}); });
  driver.input(maybe).pipe_value("no key").pipe("k", "a key");
  EXPECT_EQ(driver.metric("dropped-records-total"), 1);
  EXPECT_THROW(driver.metric("dropped"), std::invalid_argument);
}

TEST(TopologyTestDriver, a_lambda_that_throws_fails_the_test_that_pipes) {
  TopologyTestDriver driver([](StreamsBuilder& builder) {
    builder.stream(clicks).for_each([](const std::string&) { throw std::runtime_error("boom"); });
  });
  try {
    driver.input(clicks).pipe("a", "x");
    FAIL() << "no exception";
  } catch (const std::exception& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("boom"));
    EXPECT_THAT(e.what(), ::testing::HasSubstr("topic clicks"));
  }
}

TEST(TopologyTestDriver, advancing_the_wall_clock_gives_no_records_of_its_own) {
  TopologyTestDriver driver(shout);
  driver.advance_wall_clock(1h);
  EXPECT_THAT(driver.output(shouted).read_all(), IsEmpty());
  EXPECT_THROW(driver.advance_wall_clock(-1h), std::invalid_argument);
}

TEST(TestRecord, is_printed_as_text_or_json_with_its_time) {
  using ::testing::PrintToString;
  EXPECT_EQ(PrintToString(TestRecord<std::string, std::int64_t>{"a", 3, {7}}), "\"a\": 3 at 7");
  EXPECT_EQ(PrintToString(TestRecord<std::optional<std::string>, std::optional<User>>{std::nullopt, User{"Ann"}, {7}}),
            R"(null: "{\"name\":\"Ann\"}" at 7)");
  EXPECT_EQ(PrintToString(TestRecord<Windowed<std::string>, std::string>{{"k", {{5}, {9}}}, "\n", {7}, {{"h", {}}}}),
            R"("k"@5: "\x0a" at 7, h=null)");
}

TEST(TopologyTestDriver, shows_every_window_however_late) {
  constexpr Topic<std::string, std::string> in{"in"};
  constexpr Timestamp late{std::int64_t{1} << 60};
  TopologyTestDriver driver([&](StreamsBuilder& builder) {
    builder.stream(in).group_by_key().windowed_by({.size = 1ms, .grace = 0ms}).count({.as = "n"});
  });
  driver.input(in).pipe("k", "v", late);
  const auto rows = driver.window_store<std::string, std::int64_t>("n").all();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].key.window.start, late);
}

TEST(TopologyTestDriver, refuses_to_be_piped_into_from_a_lambda_of_the_topology) {
  constexpr Topic<std::string, std::string> in{"in"}, out{"out"};
  TopologyTestDriver* driver = nullptr;
  TopologyTestDriver made([&](StreamsBuilder& builder) {
    builder.stream(in)
        .peek([&](const std::string& value) {
          if (value == "first") driver->input(in).pipe("k", "second");
        })
        .to(out);
  });
  driver = &made;
  try {
    made.input(in).pipe("k", "first");
    FAIL() << "it was taken";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("from inside an operator"));
  }
  EXPECT_TRUE(made.output(out).empty());
}

}  // namespace
}  // namespace millrace
