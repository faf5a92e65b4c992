#include "millrace/dsl/operators/aggregate.h"

#include <gmock/gmock.h>

#include "millrace/dsl/aggregator.h"
#include "tests/dsl/operators/fake_task.h"

namespace millrace {
namespace {

using testing::ElementsAre;

Fold fold_of(const Aggregation& how) { return {how.reduce, how.initial, how.fold}; }

struct AggregateTest : testing::Test {
  void start(Aggregation how, bool old_values) {
    op = std::make_unique<Aggregate>(TableStore{.name = "store", .key = string_keys(), .sends_old_values = old_values},
                                     fold_of(how));
    op->add_child(&out);
    op->init(task);
  }
  FakeTask task;
  Recorder out;
  std::unique_ptr<Aggregate> op;
};

TEST_F(AggregateTest, counts_each_key_and_keeps_the_largest_timestamp) {
  start(count_of<std::int64_t>(""), false);
  feed(*op, "a", 7, 10);
  feed(*op, "b", 7, 11);
  feed(*op, "a", 7, 5);
  EXPECT_THAT(out.got, ElementsAre("a=1<-@10", "b=1<-@11", "a=2<-@10"));
}

TEST_F(AggregateTest, drops_and_counts_records_without_key_or_value) {
  start(count_of<std::int64_t>(""), false);
  feed(*op, std::nullopt, 7, 10);
  feed(*op, "a", std::nullopt, 10);
  EXPECT_THAT(out.got, ElementsAre());
  EXPECT_THAT(task.dropped, ElementsAre("null key or value", "null key or value"));
}

TEST_F(AggregateTest, sends_old_values_where_asked_the_initial_one_first) {
  start(count_of<std::int64_t>(""), true);
  feed(*op, "a", 7, 10);
  feed(*op, "a", 7, 11);
  EXPECT_THAT(out.got, ElementsAre("a=1<0@10", "a=2<1@11"));
}

TEST_F(AggregateTest, takes_the_first_value_as_it_is_when_it_reduces) {
  start(reduction<std::int64_t>("", [](std::int64_t a, std::int64_t b) { return a * b; }), true);
  feed(*op, "a", 3, 1);
  feed(*op, "a", 5, 2);
  EXPECT_THAT(out.got, ElementsAre("a=3<-@1", "a=15<3@2"));
}

TEST_F(AggregateTest, deletes_the_row_where_the_aggregate_becomes_null) {
  auto f = [](std::int64_t v, const std::int64_t* a) {
    return v < 0 ? std::optional<std::int64_t>() : v + (a ? *a : 100);
  };
  start(aggregation<std::string, std::int64_t>("", std::optional<std::int64_t>(), f), false);
  feed(*op, "a", 1, 1);
  feed(*op, "a", -1, 2);
  feed(*op, "a", 2, 3);
  EXPECT_THAT(out.got, ElementsAre("a=101<-@1", "a=-<-@2", "a=102<-@3"));
}

TEST_F(AggregateTest, changes_an_aggregate_in_place) {
  start(aggregation<std::string, std::int64_t>("", std::int64_t{10}, [](std::int64_t v, std::int64_t& a) { a += v; }),
        false);
  feed(*op, "a", 1, 1);
  feed(*op, "a", 2, 2);
  EXPECT_THAT(out.got, ElementsAre("a=11<-@1", "a=13<-@2"));
}

TEST_F(AggregateTest, leaves_forwarding_to_a_store_that_caches) {
  task.rows.caching = true;
  start(count_of<std::int64_t>(""), true);
  feed(*op, "a", 7, 10);
  EXPECT_THAT(out.got, ElementsAre());
  std::int64_t now = 1;
  Headers headers;
  RecordContext context{.topic = "t", .headers = &headers};
  task.rows.listener.on_flush(task.rows.listener.self,
                              {.key = "a", .value = &now, .timestamp = {10}, .context = &context});
  EXPECT_THAT(out.got, ElementsAre("a=1<-@10"));
}

}  // namespace
}  // namespace millrace
