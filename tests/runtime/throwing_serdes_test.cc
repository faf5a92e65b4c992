// Serdes that signal by an exception what they cannot write or read: the handlers hear of it, and nothing else is lost.
#include "tests/runtime/embedded_app.h"

namespace millrace {

// Its serde signals what it cannot write, or read, by an exception.
struct Amount {
  std::int64_t n = 0;
};
template <>
struct Serde<Amount> {
  static void write(const Amount& a, Bytes& out) {
    if (a.n == 13) throw std::runtime_error("13 brings bad luck");
    out += std::to_string(a.n);
  }
  static Result<Amount> read(BytesView in) { return Amount{std::stoll(std::string(in))}; }
};

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ThrowingSerdes : public EmbeddedApp {};
const ConfigValues no_record_cache{{"statestore.cache.max.bytes", "0"}};

constexpr Topic<std::string, Amount> amounts{"amounts"}, sums{"sums"};
void sum(StreamsBuilder& builder) {
  builder.stream(amounts)
      .group_by_key()
      .reduce([](const Amount& a, const Amount& b) { return Amount{a.n + b.n}; }, {.as = "sum"})
      .to_stream()
      .to(sums);
}

TEST_F(ThrowingSerdes, a_result_that_does_not_serialise_is_skipped_and_in_no_store) {
  const ConfigValues config{{"processing.exception.handler", "continue"}, {"statestore.cache.max.bytes", "0"}};
  create("amounts");
  send({{"amounts", "k", "6"}, {"amounts", "k", "7"}, {"amounts", "k", "1"}});
  auto ran = run(sum, config);
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_THAT(text("sums"), AllOf(HasSubstr("k=6"), HasSubstr("k=7")));
  EXPECT_EQ(text("sums"), text("app-sum-changelog"));
}

TEST_F(ThrowingSerdes, a_result_that_does_not_serialise_takes_no_other_keys_update_with_it) {
  const ConfigValues config{
      {"processing.exception.handler", "continue"}, {"statestore.cache.max.bytes", "400"}, {"num.stream.threads", "1"}};
  create("amounts");
  std::vector<Sent> all{{"amounts", "bad", "6"}, {"amounts", "bad", "7"}};
  for (int i = 0; i < 8; ++i) all.push_back({"amounts", "k" + std::to_string(i), "1"});
  send(all);
  auto ran = run(sum, config);
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_EQ(records("sums").size(), 9u);
  EXPECT_EQ(records("app-sum-changelog").size(), 9u);
}

TEST_F(ThrowingSerdes, a_serde_that_throws_as_it_reads_is_the_deserialization_handlers) {
  create("amounts");
  send({{"amounts", "k", "1"}, {"amounts", "k", "one"}, {"amounts", "k", "2"}});
  auto failed = run(sum, no_record_cache);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().text(), AllOf(HasSubstr("amounts"), HasSubstr("offset 1")));
  auto ran = run(sum, {{"deserialization.exception.handler", "continue"}, {"statestore.cache.max.bytes", "0"}});
  ASSERT_TRUE(ran) << ran.error().text();
  EXPECT_THAT(text("sums"), HasSubstr("k=3"));
}

}  // namespace
}  // namespace millrace
