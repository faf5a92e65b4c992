#include "millrace/dsl/operators/value_getter.h"

#include <gtest/gtest.h>

#include "millrace/dsl/callable.h"
#include "tests/dsl/operators/fake_task.h"

namespace millrace {
namespace {

std::string asked(ValueGetter& getter, const void* key) {
  std::string answer;
  RecordRef record;
  record.context = &a_context;
  getter.get(record, key, {&answer, [](void* a, ValueAndTimestamp v) {
                             *static_cast<std::string*>(a) =
                                 v ? std::to_string(*static_cast<const std::int64_t*>(v.value)) + "@" +
                                         std::to_string(v.timestamp.ms)
                                   : "none";
                           }});
  return answer;
}

TEST(ValueGetter, computes_through_tables_that_have_no_store) {
  auto base = std::make_shared<ValueSource>();
  base->store = TableStore{.name = "store", .key = string_keys()};
  ValueSource step;
  step.parent = base;
  step.thunk = make_thunk(0, [](const void*, const RecordRef& r, const Out& out) {
    std::int64_t n = *static_cast<const std::int64_t*>(r.value) +
                     static_cast<std::int64_t>(static_cast<const std::string*>(r.key)->size());
    out(with_value(r, n > 100 ? nullptr : &n));
  });
  FakeTask task;
  auto getter = make_value_getter(step);
  getter->init(task);
  std::int64_t five = 5, many = 1000;
  task.rows.put("key", &five, {7}, a_context);
  task.rows.put("big", &many, {8}, a_context);
  std::string key = "key", big = "big", other = "other";
  EXPECT_EQ(asked(*getter, &key), "8@7");
  EXPECT_EQ(asked(*getter, &big), "none");
  EXPECT_EQ(asked(*getter, &other), "none");
}

TEST(ValueGetter, reads_a_windowed_table_by_key_and_start) {
  ValueSource table;
  table.store = TableStore{.name = "store", .key = string_keys(), .windowed = &windowed_key_type<std::string>};
  FakeTask task;
  auto getter = make_value_getter(table);
  getter->init(task);
  std::int64_t five = 5;
  task.windows.put("k", &five, {10}, {7}, a_context);
  Windowed<std::string> here{"k", {{10}, {20}}}, there{"k", {{20}, {30}}};
  EXPECT_EQ(asked(*getter, &here), "5@7");
  EXPECT_EQ(asked(*getter, &there), "none");
}

}  // namespace
}  // namespace millrace
