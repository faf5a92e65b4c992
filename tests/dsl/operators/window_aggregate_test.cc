#include "millrace/dsl/operators/window_aggregate.h"

#include <gmock/gmock.h>

#include <limits>

#include "millrace/dsl/aggregator.h"
#include "tests/dsl/operators/fake_task.h"

namespace millrace {
namespace {

using testing::ElementsAre;

// Notes "key[start,end)=value@timestamp".
class WindowRecorder : public Operator {
 public:
  void process(const RecordRef& r) override {
    const auto& w = *static_cast<const Windowed<std::string>*>(r.key);
    got.push_back(w.key + "[" + std::to_string(w.window.start.ms) + "," + std::to_string(w.window.end.ms) + ")=" +
                  std::to_string(*static_cast<const std::int64_t*>(r.value)) + "@" + std::to_string(r.timestamp.ms));
  }
  std::vector<std::string> got;
};

struct WindowAggregateTest : testing::Test {
  void start(TimeWindows windows) {
    Aggregation how = count_of<std::int64_t>("");
    TableStore store{.name = "store",
                     .key = string_keys(),
                     .windowed = &windowed_key_type<std::string>,
                     .window_size = windows.size.value};
    op = std::make_unique<WindowAggregate>(store, Fold{how.reduce, how.initial, how.fold}, windows);
    op->add_child(&out);
    op->init(task);
  }
  FakeTask task;
  WindowRecorder out;
  std::unique_ptr<WindowAggregate> op;
};

TEST_F(WindowAggregateTest, counts_in_tumbling_windows) {
  start({.size = 10ms, .grace = 0ms});
  feed(*op, "a", 1, 3);
  feed(*op, "a", 1, 9);
  feed(*op, "a", 1, 10);
  EXPECT_THAT(out.got, ElementsAre("a[0,10)=1@3", "a[0,10)=2@9", "a[10,20)=1@10"));
}

TEST_F(WindowAggregateTest, counts_a_record_in_every_hopping_window_that_holds_it) {
  start({.size = 10ms, .advance = 4ms, .grace = 0ms});
  feed(*op, "a", 1, 9);
  EXPECT_THAT(out.got, ElementsAre("a[0,10)=1@9", "a[4,14)=1@9", "a[8,18)=1@9"));
}

TEST_F(WindowAggregateTest, drops_what_comes_after_its_window_closed_and_takes_what_is_within_grace) {
  start({.size = 10ms, .grace = 5ms});
  feed(*op, "a", 1, 14);
  feed(*op, "a", 1, 9);
  feed(*op, "b", 1, 15);
  feed(*op, "a", 1, 9);
  EXPECT_THAT(out.got, ElementsAre("a[10,20)=1@14", "a[0,10)=1@9", "b[10,20)=1@15"));
  EXPECT_THAT(task.dropped, ElementsAre("expired window"));
}

TEST_F(WindowAggregateTest, drops_null_keys_only) {
  start({.size = 10ms, .grace = 5ms});
  feed(*op, std::nullopt, 1, 14);
  feed(*op, "a", std::nullopt, 14);
  EXPECT_THAT(out.got, ElementsAre("a[10,20)=1@14"));
  EXPECT_THAT(task.dropped, ElementsAre("null key"));
}

TEST_F(WindowAggregateTest, makes_the_windowed_key_of_a_flushed_update) {
  task.windows.caching = true;
  start({.size = 10ms, .grace = 5ms});
  feed(*op, "a", 1, 14);
  EXPECT_THAT(out.got, ElementsAre());
  std::int64_t now = 1;
  task.windows.listener.on_flush(
      task.windows.listener.self,
      {.key = "a", .window_start = {10}, .value = &now, .timestamp = {14}, .context = &a_context});
  EXPECT_THAT(out.got, ElementsAre("a[10,20)=1@14"));
}

TEST_F(WindowAggregateTest, a_record_at_the_end_of_time_is_in_the_last_windows_and_no_further) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();  // ends in 807
  start({.size = 10ms, .advance = 5ms, .grace = 1ms});
  feed(*op, "a", 1, most);
  const std::string end = "," + std::to_string(most) + ")=1@" + std::to_string(most);
  EXPECT_THAT(out.got, ElementsAre("a[9223372036854775800" + end, "a[9223372036854775805" + end));
  EXPECT_THAT(task.dropped, ElementsAre());
}

}  // namespace
}  // namespace millrace
