#include "millrace/dsl/operators/table_join.h"

#include <gmock/gmock.h>

#include "millrace/dsl/callable.h"
#include "tests/dsl/operators/fake_task.h"

namespace millrace {
namespace {

using testing::ElementsAre;

// left + right, or left alone
Thunk sum() {
  return make_thunk(0, [](const void*, const RecordRef& r, const Out& out) {
    std::int64_t v =
        *static_cast<const std::int64_t*>(r.value) + (r.other ? *static_cast<const std::int64_t*>(r.other) : 0);
    out(with_value(r, &v));
  });
}
// The key "g", or null for odd values.
Thunk key_g() {
  return make_thunk(0, [](const void*, const RecordRef& r, const Out& out) {
    std::string key = "g";
    out(with(r, *static_cast<const std::int64_t*>(r.value) % 2 == 0 ? &key : nullptr, nullptr));
  });
}

struct TableJoinTest : testing::Test {
  void start(bool left, Thunk key = {}) {
    ValueSource table;
    table.store = TableStore{.name = "store", .key = string_keys()};
    op = std::make_unique<TableJoin>(table, left, std::move(key), sum());
    op->add_child(&out);
    op->init(task);
    std::int64_t right = 100;
    task.rows.put("g", &right, {1}, a_context);
  }
  FakeTask task;
  Recorder out;
  std::unique_ptr<TableJoin> op;
};

TEST_F(TableJoinTest, joins_with_the_current_row_and_keeps_the_streams_timestamp) {
  start(false);
  feed(*op, "g", 1, 10);
  feed(*op, "h", 1, 11);
  EXPECT_THAT(out.got, ElementsAre("g=101<-@10"));
  EXPECT_THAT(task.dropped, ElementsAre());
}

TEST_F(TableJoinTest, drops_and_counts_records_without_key_or_value) {
  start(false);
  feed(*op, std::nullopt, 1, 10);
  feed(*op, "g", std::nullopt, 10);
  EXPECT_THAT(task.dropped, ElementsAre("null join key", "null value"));
}

TEST_F(TableJoinTest, keeps_records_without_a_row_or_a_key_in_a_left_join) {
  start(true);
  feed(*op, "h", 1, 10);
  feed(*op, std::nullopt, 2, 11);
  feed(*op, "g", std::nullopt, 12);
  EXPECT_THAT(out.got, ElementsAre("h=1<-@10", "-=2<-@11"));
  EXPECT_THAT(task.dropped, ElementsAre("null value"));
}

TEST_F(TableJoinTest, looks_a_global_table_up_by_a_key_of_its_own) {
  start(false, key_g());
  feed(*op, "x", 2, 10);
  feed(*op, "x", 3, 11);
  EXPECT_THAT(out.got, ElementsAre("x=102<-@10"));
  EXPECT_THAT(task.dropped, ElementsAre("null join key"));
}

TEST_F(TableJoinTest, finds_no_row_for_a_null_join_key_in_a_left_join) {
  start(true, key_g());
  feed(*op, "x", 3, 10);
  feed(*op, std::nullopt, 5, 11);
  EXPECT_THAT(out.got, ElementsAre("x=3<-@10", "-=5<-@11"));
  EXPECT_THAT(task.dropped, ElementsAre());
}

}  // namespace
}  // namespace millrace
