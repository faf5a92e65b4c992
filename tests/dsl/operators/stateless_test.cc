#include "millrace/dsl/operators/stateless.h"

#include <gmock/gmock.h>

#include "millrace/dsl/callable.h"
#include "tests/dsl/operators/fake_task.h"

namespace millrace {
namespace {

using testing::ElementsAre;

Thunk above(std::int64_t limit) {
  return make_thunk(limit, [](const void* c, const RecordRef& r, const Out& out) {
    if (*static_cast<const std::int64_t*>(r.value) > *static_cast<const std::int64_t*>(c)) out(r);
  });
}

TEST(Split, gives_a_record_to_the_first_branch_that_takes_it_and_the_rest_to_the_default) {
  Split split({above(10), above(5), {}});
  Recorder big, middle, rest;
  for (Operator* child : {&big, &middle, &rest}) split.add_child(child);
  for (std::int64_t v : {20, 7, 1}) feed(split, "k", v, 0);
  EXPECT_THAT(big.got, ElementsAre("k=20<-@0"));
  EXPECT_THAT(middle.got, ElementsAre("k=7<-@0"));
  EXPECT_THAT(rest.got, ElementsAre("k=1<-@0"));
}

TEST(Split, drops_what_no_branch_takes_where_there_is_no_default) {
  Split split({above(10)});
  Recorder big;
  split.add_child(&big);
  feed(split, "k", 1, 0);
  EXPECT_THAT(big.got, ElementsAre());
}

TEST(NullKeyFilter, drops_null_keys) {
  NullKeyFilter filter;
  Recorder out;
  filter.add_child(&out);
  feed(filter, std::nullopt, 1, 0);
  feed(filter, "k", std::nullopt, 0);
  EXPECT_THAT(out.got, ElementsAre("k=-<-@0"));
}

TEST(ToStream, forgets_the_old_value) {
  ToStream to_stream;
  Recorder out;
  to_stream.add_child(&out);
  feed(to_stream, "k", 2, 0, 1);
  EXPECT_THAT(out.got, ElementsAre("k=2<-@0"));
}

TEST(Stateless, gives_its_children_what_the_thunk_emits_in_order) {
  Stateless op(make_thunk(0, [](const void*, const RecordRef& r, const Out& out) {
    out(r);
    out(with_value(r, nullptr));
  }));
  Recorder a, b;
  op.add_child(&a);
  op.add_child(&b);
  feed(op, "k", 2, 0);
  EXPECT_THAT(a.got, ElementsAre("k=2<-@0", "k=-<-@0"));
  EXPECT_EQ(a.got, b.got);
}

}  // namespace
}  // namespace millrace
