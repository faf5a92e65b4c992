// Calls of an application in another order than start, run, close.
#include "millrace/runtime/streams.h"
#include "tests/runtime/embedded_app.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

constexpr Topic<std::string, std::string> in{"in"}, out{"out"};

void copy(StreamsBuilder& builder) { builder.stream(in).to(out); }

class StreamsCallsTest : public EmbeddedApp {
 protected:
  void SetUp() override {
    EmbeddedApp::SetUp();
    create("in");
    send({{"in", "k", "v"}});
  }
  static std::string refusal(const Result<>& result) { return result ? "none" : result.error().text(); }
};

TEST_F(StreamsCallsTest, a_second_start_is_refused_and_the_first_goes_on) {
  auto streams = app(copy);
  ASSERT_TRUE(streams->start());
  EXPECT_THAT(refusal(streams->start()), HasSubstr("INVALID_REQUEST: start() was called before"));
  ASSERT_TRUE(streams->run_until_end_of_input());
  ASSERT_TRUE(streams->close());
  EXPECT_EQ(text("out"), "k=v");
  EXPECT_THAT(refusal(streams->start()), HasSubstr("INVALID_REQUEST")) << "nor does it start again";
}

TEST_F(StreamsCallsTest, what_never_started_can_be_asked_and_closed_but_not_run) {
  auto streams = app(copy);
  EXPECT_THAT(refusal(streams->run_until_end_of_input()), HasSubstr("INVALID_REQUEST: the application is CREATED"));
  EXPECT_EQ(streams->processed(), 0);
  EXPECT_TRUE(streams->close());
}

TEST_F(StreamsCallsTest, a_topology_that_reads_nothing_is_refused) {
  auto streams = app([](StreamsBuilder&) {});
  EXPECT_THAT(refusal(streams->start()), HasSubstr("INVALID_CONFIG: the topology reads no topic"));
}

}  // namespace
}  // namespace millrace
