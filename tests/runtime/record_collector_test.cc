// When a task's output is appended, what is held back, and what is kept of it.
#include "millrace/runtime/record_collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/runtime/task_id.h"
#include "tests/runtime/scripted_log.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecordCollectorTest : public ::testing::Test {
 protected:
  RecordCollectorTest() {
    log_.create("out", 2);
    log_.create("changelog");
    out_ = collector_.topic("out");
    changelog_ = collector_.topic("changelog");
  }
  void send(const std::string& value, PartitionId partition = 0) {
    collector_.send(out_, partition, Timestamp{5}, "k", value, nullptr);
  }
  void log(const std::string& value) { collector_.send(changelog_, 0, Timestamp{5}, "k", value, nullptr); }
  std::size_t batches(const TopicPartition& partition) { return log_.at(partition).batches.size(); }

  ScriptedLog log_;
  BuilderPool pool_;
  RecordCollector collector_{log_, log_, pool_};
  int out_ = 0, changelog_ = 0;
};

TEST_F(RecordCollectorTest, a_topic_has_one_number_and_its_own_count_of_partitions) {
  EXPECT_NE(out_, changelog_);
  EXPECT_EQ(collector_.topic("out"), out_);
  EXPECT_EQ(collector_.partition_count(out_), 2);
  EXPECT_EQ(collector_.partition_count(changelog_), 1);
}

TEST_F(RecordCollectorTest, a_topic_that_is_not_there_is_an_error_that_names_it) {
  try {
    collector_.topic("nowhere");
    FAIL();
  } catch (const StreamsError& e) {
    EXPECT_THAT(e.what(), AllOf(HasSubstr("nowhere"), HasSubstr("UNKNOWN_TOPIC_OR_PARTITION")));
  }
}

TEST_F(RecordCollectorTest, records_wait_for_the_end_of_the_slice_and_go_as_one_batch_for_each_partition) {
  send("1");
  send("2", 1);
  send("3");
  EXPECT_EQ(batches({"out", 0}), 0u);
  collector_.append_all();
  EXPECT_EQ(log_.text({"out", 0}), "k=1 k=3");
  EXPECT_EQ(log_.text({"out", 1}), "k=2");
  EXPECT_THAT(log_.take_calls(), ElementsAre("append out-0", "append out-1"));
  collector_.append_all();
  EXPECT_THAT(log_.take_calls(), IsEmpty());
}

TEST_F(RecordCollectorTest, null_keys_and_values_headers_and_timestamps_arrive_as_they_were) {
  const Headers headers{{"h", Bytes("x")}};
  collector_.send(out_, 0, Timestamp{7}, {}, BytesView(""), &headers);
  collector_.send(out_, 0, Timestamp{3}, "k", {}, nullptr);
  collector_.append_all();
  auto batch = RecordBatchView::parse(log_.at({"out", 0}).batches.at(0));
  ASSERT_TRUE(batch);
  Bytes scratch;
  RecordReader reader(*batch, scratch);
  RecordView record;
  ASSERT_TRUE(reader.next(record));
  EXPECT_FALSE(record.has_key());
  EXPECT_TRUE(record.has_value());
  EXPECT_EQ(record.timestamp, Timestamp{7});
  EXPECT_EQ(*decode_headers(record), headers);
  ASSERT_TRUE(reader.next(record));
  EXPECT_TRUE(record.has_key());
  EXPECT_FALSE(record.has_value());
  EXPECT_EQ(record.timestamp, Timestamp{3});
}

TEST_F(RecordCollectorTest, a_batch_that_has_grown_large_goes_before_the_end_of_the_slice) {
  for (int i = 0; i < 3; ++i) send(std::string(50 << 10, 'x'));
  EXPECT_EQ(batches({"out", 0}), 1u);
  send("last");
  collector_.append_all();
  EXPECT_EQ(batches({"out", 0}), 2u);
  EXPECT_TRUE(log_.text({"out", 0}).ends_with(" k=last"));
}

TEST_F(RecordCollectorTest, records_without_a_partition_go_to_one_until_its_batch_is_closed_and_then_to_the_next) {
  for (const char* value : {"1", "2"}) send(value, -1);
  collector_.append_all();
  send("3", -1);
  collector_.append_all();
  send("4", -1);
  collector_.append_all();
  EXPECT_EQ(log_.text({"out", 0}), "k=1 k=2 k=4");
  EXPECT_EQ(log_.text({"out", 1}), "k=3");
}

TEST_F(RecordCollectorTest, what_is_held_back_goes_on_release_in_the_order_it_was_sent) {
  send("before");
  collector_.append_all();
  collector_.hold();
  send("1");
  collector_.append_all();
  send("2");
  collector_.append_all();
  EXPECT_EQ(log_.text({"out", 0}), "k=before");
  EXPECT_GT(collector_.held_bytes(), 2 * batch_header_size);
  send("3");  // still open at the release
  collector_.release();
  EXPECT_EQ(log_.text({"out", 0}), "k=before k=1 k=2");
  EXPECT_EQ(collector_.held_bytes(), 0u);
  EXPECT_FALSE(collector_.is_holding());
  collector_.append_all();
  EXPECT_EQ(log_.text({"out", 0}), "k=before k=1 k=2 k=3");
}

TEST_F(RecordCollectorTest, of_a_topic_that_is_kept_every_batch_is_given_once_with_its_bytes_offset_and_sequence) {
  log_.put({"changelog", 0}, {{"other", "record"}});
  collector_.keep(changelog_);
  log("1");
  log("2");
  send("not kept");
  collector_.append_all();
  log("3");
  collector_.append_all();
  auto logged = collector_.take_logged();
  ASSERT_EQ(logged.size(), 2u);
  EXPECT_EQ(logged[0].topic, changelog_);
  EXPECT_EQ(*logged[0].piece.batches, log_.at({"changelog", 0}).batches[1]) << "as it stands in the log";
  EXPECT_EQ(logged[0].piece.last_sequence, 2);
  EXPECT_EQ(logged[0].piece.next_offset, 3);
  EXPECT_EQ(logged[1].piece.last_sequence, 3);
  EXPECT_EQ(logged[1].piece.next_offset, 4);
  EXPECT_EQ(collector_.logged_bytes(), logged[0].piece.batches->size() + logged[1].piece.batches->size());
  EXPECT_THAT(collector_.take_logged(), IsEmpty());
  collector_.forget_logged_bytes();
  EXPECT_EQ(collector_.logged_bytes(), 0u);
}

TEST_F(RecordCollectorTest, what_is_held_back_is_kept_when_it_is_appended_with_the_sequence_it_was_sent_with) {
  collector_.keep(changelog_);
  collector_.hold();
  log("1");
  collector_.append_all();
  log("2");
  log("3");
  collector_.append_all();
  log("4");
  EXPECT_THAT(collector_.take_logged(), IsEmpty());
  collector_.release();
  auto logged = collector_.take_logged();
  ASSERT_EQ(logged.size(), 2u);
  EXPECT_EQ(logged[0].piece.last_sequence, 1);
  EXPECT_EQ(logged[1].piece.last_sequence, 3) << "not 4, which is not appended";
}

TEST_F(RecordCollectorTest, tells_once_where_it_has_appended_and_what_is_held_back_is_told_after_the_release) {
  send("1", 1);
  log("1");
  EXPECT_THAT(collector_.take_touched(), IsEmpty());
  collector_.append_all();
  EXPECT_THAT(collector_.take_touched(), ElementsAre(TopicPartition{"out", 1}, TopicPartition{"changelog", 0}));
  EXPECT_THAT(collector_.take_touched(), IsEmpty());
  collector_.hold();
  send("2");
  collector_.append_all();
  EXPECT_THAT(collector_.take_touched(), IsEmpty());
  collector_.release();
  EXPECT_THAT(collector_.take_touched(), ElementsAre(TopicPartition{"out", 0}));
}

TEST_F(RecordCollectorTest, is_dirty_once_something_was_sent_until_it_was_asked) {
  EXPECT_FALSE(collector_.take_dirty());
  send("1");
  EXPECT_TRUE(collector_.take_dirty());
  EXPECT_FALSE(collector_.take_dirty());
  collector_.append_all();
  EXPECT_FALSE(collector_.take_dirty());
}

TEST_F(RecordCollectorTest, counts_records_when_they_are_sent_and_bytes_when_their_batch_is_closed_held_back_or_not) {
  collector_.hold();
  send("1");
  send("2", 1);
  EXPECT_EQ(collector_.produced(0).topic, "out");
  EXPECT_EQ(collector_.produced(0).records, 2);
  EXPECT_EQ(collector_.produced(0).bytes, 0);
  EXPECT_EQ(collector_.produced(0).last, Timestamp{5});
  collector_.append_all();
  const auto held = static_cast<std::int64_t>(collector_.held_bytes());
  EXPECT_EQ(collector_.produced(0).bytes, held);
  collector_.release();
  EXPECT_EQ(collector_.produced(0).bytes, held);
  EXPECT_EQ(collector_.produced(1).records, 0);
}

TEST_F(RecordCollectorTest,
       a_record_that_is_larger_than_its_topic_takes_is_named_with_its_size_and_what_was_before_it_goes) {
  log_.configs["max.message.bytes"] = "1000";
  log_.create("small");
  const int small = collector_.topic("small");
  collector_.send(small, 0, Timestamp{5}, "k", "before", nullptr);
  try {
    collector_.send(small, 0, Timestamp{5}, "k", std::string(1000, 'x'), nullptr);
    FAIL();
  } catch (const StreamsError& e) {
    EXPECT_THAT(e.what(), AllOf(HasSubstr("small-0"), HasSubstr("= 1000 of that topic")));
  }
  EXPECT_EQ(log_.text({"small", 0}), "k=before");
}

TEST_F(RecordCollectorTest, what_the_log_refuses_is_an_error_with_its_code_that_names_the_partition) {
  log_.fails.emplace("append", Error(ErrorCode::message_too_large, "on order"));
  send("1", 1);
  try {
    collector_.append_all();
    FAIL();
  } catch (const StreamsError& e) {
    EXPECT_EQ(e.code(), ErrorCode::message_too_large);
    EXPECT_THAT(e.what(), AllOf(HasSubstr("out-1"), HasSubstr("on order")));
  }
  EXPECT_THAT(collector_.take_touched(), IsEmpty());
}

TEST(BuilderPool, gives_a_builder_out_again_empty) {
  BuilderPool pool;
  RecordBatchBuilder builder = pool.take();
  builder.append(Timestamp{1}, "k", "v");
  pool.give_back(std::move(builder));
  EXPECT_TRUE(pool.take().empty());
}

}  // namespace
}  // namespace millrace
