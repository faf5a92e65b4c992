#include "millrace/dsl/operators/table_step.h"

#include <gmock/gmock.h>

#include "millrace/dsl/callable.h"
#include "tests/dsl/operators/fake_task.h"

namespace millrace {
namespace {

using testing::ElementsAre;

Thunk even_only() {
  return make_thunk(0, [](const void*, const RecordRef& r, const Out& out) {
    out(with_value(r, *static_cast<const std::int64_t*>(r.value) % 2 == 0 ? r.value : nullptr));
  });
}
Thunk doubled() {
  return make_thunk(0, [](const void*, const RecordRef& r, const Out& out) {
    std::int64_t v = *static_cast<const std::int64_t*>(r.value) * 2;
    out(with_value(r, &v));
  });
}

struct TableStepTest : testing::Test {
  void start(bool is_kept, bool is_filter, Thunk thunk, bool old_values) {
    TableStore store{.name = "store", .key = string_keys(), .sends_old_values = old_values};
    op = std::make_unique<TableStep>(store, is_kept, is_filter, std::move(thunk));
    op->add_child(&out);
    op->init(task);
  }
  FakeTask task;
  Recorder out;
  std::unique_ptr<TableStep> op;
};

TEST_F(TableStepTest, turns_what_a_filter_refuses_into_a_deletion) {
  start(false, true, even_only(), false);
  feed(*op, "a", 2, 1);
  feed(*op, "a", 3, 2);
  feed(*op, "a", std::nullopt, 3);
  EXPECT_THAT(out.got, ElementsAre("a=2<-@1", "a=-<-@2", "a=-<-@3"));
}

TEST_F(TableStepTest, leaves_out_updates_from_nothing_to_nothing_where_it_hears_old_values) {
  start(false, true, even_only(), true);
  feed(*op, "a", 3, 1);
  feed(*op, "a", 2, 2, 3);
  feed(*op, "a", 5, 3, 2);
  feed(*op, "a", 7, 4, 5);
  EXPECT_THAT(out.got, ElementsAre("a=2<-@2", "a=-<2@3"));
}

TEST_F(TableStepTest, maps_old_values_too_and_never_calls_the_lambda_with_null) {
  start(false, false, doubled(), true);
  feed(*op, "a", 3, 1);
  feed(*op, "a", std::nullopt, 2, 3);
  EXPECT_THAT(out.got, ElementsAre("a=6<-@1", "a=-<6@2"));
}

TEST_F(TableStepTest, keeps_its_result_in_a_store_whose_rows_are_the_old_values) {
  start(true, false, doubled(), true);
  feed(*op, "a", 3, 1);
  feed(*op, "a", 4, 2);
  EXPECT_THAT(out.got, ElementsAre("a=6<-@1", "a=8<6@2"));
  const auto* row = static_cast<const std::int64_t*>(task.rows.get("a").value);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(*row, 8);
}

TEST_F(TableStepTest, leaves_a_kept_filter_alone_for_an_update_from_nothing_to_nothing) {
  start(true, true, even_only(), true);
  feed(*op, "a", 3, 1);
  feed(*op, "a", 4, 2);
  feed(*op, "a", 5, 3);
  feed(*op, "a", 7, 4);
  EXPECT_THAT(out.got, ElementsAre("a=4<-@2", "a=-<4@3"));
}

}  // namespace
}  // namespace millrace
