#include "millrace/dsl/operators/table_source.h"

#include <gmock/gmock.h>

#include "tests/dsl/operators/fake_task.h"

namespace millrace {
namespace {

using testing::ElementsAre;

struct TableSourceTest : testing::Test {
  void start(bool is_kept, bool old_values) {
    op = std::make_unique<TableSource>(
        TableStore{.name = "store", .key = string_keys(), .sends_old_values = old_values}, is_kept);
    op->add_child(&out);
    op->init(task);
  }
  FakeTask task;
  Recorder out;
  std::unique_ptr<TableSource> op;
};

TEST_F(TableSourceTest, takes_updates_as_they_come_whatever_their_timestamps) {
  start(true, true);
  feed(*op, "a", 1, 10);
  feed(*op, "a", 2, 5);
  feed(*op, "a", std::nullopt, 6);
  feed(*op, "b", std::nullopt, 7);
  EXPECT_THAT(out.got, ElementsAre("a=1<-@10", "a=2<1@5", "a=-<2@6", "b=-<-@7"));
}

TEST_F(TableSourceTest, drops_and_counts_null_keys) {
  start(true, false);
  feed(*op, std::nullopt, 1, 10);
  EXPECT_THAT(out.got, ElementsAre());
  EXPECT_THAT(task.dropped, ElementsAre("null key"));
}

TEST_F(TableSourceTest, passes_updates_on_where_nobody_reads_the_table) {
  start(false, false);
  feed(*op, "a", 1, 10);
  EXPECT_THAT(out.got, ElementsAre("a=1<-@10"));
  EXPECT_FALSE(task.rows.get("a"));
}

}  // namespace
}  // namespace millrace
