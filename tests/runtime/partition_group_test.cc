#include "millrace/runtime/partition_group.h"

#include "tests/runtime/queue_fixture.h"

namespace millrace {
namespace {

class PartitionGroupTest : public QueueFixture {
 protected:
  // An input called `name`, with records of these times.
  RecordQueue& input(const std::string& name, const std::vector<std::int64_t>& times) {
    RecordQueue& q = strings();
    group_.add_input(&q);
    names_[&q] = name;
    if (!times.empty()) add(q, times);
    return q;
  }
  void add(RecordQueue& q, const std::vector<std::int64_t>& times) {
    std::vector<QueuedRecord> records;
    for (std::int64_t t : times) records.push_back({"k", "v", t});
    q.add(fetched({batch_of(q.fetch_offset(), records)}));
  }
  void offer_all() {
    for (RecordQueue* q : group_.inputs()) group_.offer(q);
  }
  // "a10 b20 …": which inputs gave which times, until none has a record.
  std::string drain() {
    std::string out;
    while (RecordQueue* q = group_.next()) {
      out += (out.empty() ? "" : " ") + names_[q] + std::to_string(q->context().timestamp.ms);
      group_.taken(q);
    }
    return out;
  }
  PartitionGroup group_;
  std::map<RecordQueue*, std::string> names_;
};

TEST_F(PartitionGroupTest, the_input_with_the_oldest_head_is_next) {
  input("a", {10, 40});
  input("b", {20, 30});
  offer_all();
  EXPECT_EQ(drain(), "a10 b20 b30 a40");
}

TEST_F(PartitionGroupTest, heads_count_and_not_what_lies_behind_them) {
  input("a", {50, 1});
  input("b", {20, 60});
  offer_all();
  EXPECT_EQ(drain(), "b20 a50 a1 b60");
}

TEST_F(PartitionGroupTest, one_input_gives_its_records_in_their_order) {
  input("a", {5, 3, 4});
  EXPECT_EQ(drain(), "a5 a3 a4") << "and needs no offer";
}

// java.util.PriorityQueue: the last one takes the place of the one that leaves, and sinks while it is larger.
TEST_F(PartitionGroupTest, equal_times_leave_as_from_javas_priority_queue) {
  for (const char* name : {"a", "b", "c", "d"}) input(name, {7});
  offer_all();
  EXPECT_EQ(drain(), "a7 d7 c7 b7");
}

TEST_F(PartitionGroupTest, an_input_with_more_records_of_the_same_time_goes_to_the_end) {
  input("a", {7, 7, 7});
  input("b", {7});
  offer_all();
  EXPECT_EQ(drain(), "a7 b7 a7 a7");
}

TEST_F(PartitionGroupTest, an_input_without_a_record_keeps_none_waiting_and_comes_in_when_it_has_one) {
  input("a", {10, 30});
  RecordQueue& b = input("b", {});
  offer_all();
  RecordQueue* first = group_.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(names_[first], "a");
  group_.taken(first);
  add(b, {20});
  group_.offer(&b);
  EXPECT_EQ(drain(), "b20 a30");
}

TEST_F(PartitionGroupTest, offering_twice_is_offering_once) {
  RecordQueue& a = input("a", {10});
  input("b", {5});
  offer_all();
  group_.offer(&a);
  EXPECT_EQ(drain(), "b5 a10");
  EXPECT_EQ(group_.next(), nullptr);
}

TEST_F(PartitionGroupTest, many_inputs_give_their_records_by_time) {
  for (int i = 0; i < 9; ++i) input(std::string(1, static_cast<char>('a' + i)), {i * 37 % 11, 20 + i * 53 % 13});
  offer_all();
  std::int64_t last = -1;
  int count = 0;
  while (RecordQueue* q = group_.next()) {
    EXPECT_GE(q->context().timestamp.ms, last);
    last = q->context().timestamp.ms;
    group_.taken(q);
    ++count;
  }
  EXPECT_EQ(count, 18);
}

TEST_F(PartitionGroupTest, stream_time_is_what_its_owner_says) {
  EXPECT_EQ(group_.stream_time(), Timestamp{-1});
  group_.set_stream_time({5});
  EXPECT_EQ(group_.stream_time(), Timestamp{5});
}

}  // namespace
}  // namespace millrace
