#include "millrace/runtime/record_queue.h"

#include "millrace/runtime/task_id.h"
#include "tests/runtime/queue_fixture.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using RecordQueueTest = QueueFixture;

std::string message(RecordQueue& queue) {
  try {
    queue.has_head();
  } catch (const StreamsError& e) {
    return e.what();
  }
  return "no StreamsError";
}

TEST_F(RecordQueueTest, gives_the_records_of_its_batches_in_order_nulls_and_all) {
  RecordQueue& q = strings();
  EXPECT_FALSE(q.has_head());
  q.add(fetched(
      {batch_of(0, {{"a", "1", 10}, {std::nullopt, "2", 5}}), batch_of(2, {{"c", std::nullopt, 7}, {"", "", 8}})}));
  EXPECT_EQ(drain(q), "a=1@10#0 null=2@5#1 c=null@7#2 =@8#3");
  q.add(fetched({batch_of(4, {{"e", "5", 9}})}));
  EXPECT_EQ(drain(q), "e=5@9#4");
}

TEST_F(RecordQueueTest, a_head_has_its_topic_partition_and_headers_and_the_next_has_not_those) {
  RecordQueue& q = strings();
  const Headers headers{{"h", Bytes("x")}, {"n", std::nullopt}};
  q.add(fetched({batch_of(0, {{"a", "1", 1, headers}, {"b", "2", 2}})}));
  ASSERT_TRUE(q.has_head());
  EXPECT_EQ(q.context().topic, "in");
  EXPECT_EQ(q.context().partition, 3);
  ASSERT_TRUE(q.context().headers);
  EXPECT_EQ(*q.context().headers, headers);
  q.pop();
  ASSERT_TRUE(q.has_head());
  EXPECT_EQ(q.context().headers, nullptr);
}

TEST_F(RecordQueueTest, looking_at_the_head_takes_nothing_away) {
  RecordQueue& q = strings();
  q.add(fetched({batch_of(0, {{"a", "1", 10}, {"b", "2", 20}})}));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(q.has_head());
  EXPECT_EQ(q.next_offset(), 0) << "the head is not processed yet";
  EXPECT_EQ(q.fetch_offset(), 2);
  EXPECT_EQ(q.partition_time(), Timestamp{-1});
  q.pop();
  ASSERT_TRUE(q.has_head());
  EXPECT_EQ(q.next_offset(), 1);
  EXPECT_EQ(q.partition_time(), Timestamp{10});
}

TEST_F(RecordQueueTest, partition_time_is_the_largest_taken_and_never_goes_back) {
  RecordQueue& q = strings();
  q.add(fetched({batch_of(0, {{"a", "1", 10}, {"b", "2", 4}})}));
  drain(q);
  EXPECT_EQ(q.partition_time(), Timestamp{10});
}

TEST_F(RecordQueueTest, starts_at_the_offset_it_is_sent_to_within_a_batch_too) {
  RecordQueue& q = strings();
  q.seek(2, {50});
  EXPECT_EQ(q.fetch_offset(), 2);
  q.add(fetched({batch_of(0, {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}})}));
  EXPECT_EQ(drain(q), "c=3@0#2 d=4@0#3");
  EXPECT_EQ(q.partition_time(), Timestamp{50}) << "what an earlier run knew";
  EXPECT_EQ(q.next_offset(), 4);
}

TEST_F(RecordQueueTest, a_batch_that_comes_twice_is_read_once) {
  RecordQueue& q = strings();
  const Bytes first = batch_of(0, {{"a", "1"}, {"b", "2"}}), second = batch_of(2, {{"c", "3"}});
  q.add(fetched({first}));
  q.add(fetched({first, second}));
  EXPECT_EQ(drain(q), "a=1@0#0 b=2@0#1 c=3@0#2");
}

TEST_F(RecordQueueTest, leaves_out_markers_and_aborted_transactions_and_passes_their_offsets) {
  RecordQueue& q = strings();
  RecordBatchBuilder::Stamp one, two;
  one.producer_id = 1, two.producer_id = 2;
  one.transactional = two.transactional = true;
  auto marker = [](Offset at, ControlType type, ProducerId id) {
    Bytes bytes = encode_end_transaction_marker(type, id, 0, 0, {9});
    assign_offsets(bytes.data(), at, 0);
    return bytes;
  };
  q.add(fetched({batch_of(0, {{"a", "1"}}, one), batch_of(1, {{"b", "2"}}, two), marker(2, ControlType::commit, 2),
                 marker(3, ControlType::abort, 1), batch_of(4, {{"c", "3"}}, one)},
                {{1, 0}}));
  EXPECT_EQ(drain(q), "b=2@0#1 c=3@0#4");
  q.add(fetched({marker(5, ControlType::commit, 1)}));
  EXPECT_EQ(drain(q), "");
  EXPECT_EQ(q.next_offset(), 6) << "else a restart would begin before the marker for ever";
}

TEST_F(RecordQueueTest, reads_compressed_batches) {
  RecordQueue& q = strings();
  RecordBatchBuilder builder;
  for (int i = 0; i < 3; ++i) builder.append({i}, "key", std::string(50, 'x'));
  q.add(fetched({Bytes(builder.seal({}, Compression::lz4))}));
  EXPECT_EQ(drain(q), "key=" + std::string(50, 'x') + "@0#0 key=" + std::string(50, 'x') +
                          "@1#1 key=" + std::string(50, 'x') + "@2#2");
}

void numbers(StreamsBuilder& builder) {
  builder.stream(Topic<std::string, std::int64_t>{"in"}).for_each([](std::int64_t) {});
}

TEST_F(RecordQueueTest, a_value_that_does_not_deserialise_says_where_and_what_to_do) {
  RecordQueue& q = queue(numbers);
  q.add(fetched({batch_of(7, {{"a", "no eight bytes"}})}));
  EXPECT_THAT(message(q), AllOf(HasSubstr("topic in, partition 3, offset 7: the value does not deserialise"),
                                HasSubstr("deserialization.exception.handler")));
  EXPECT_EQ(counters_.dropped, 1);
}

TEST_F(RecordQueueTest, a_null_where_the_type_holds_none_says_which_to_declare) {
  RecordQueue& keys = queue(numbers);
  keys.add(fetched({batch_of(0, {{std::nullopt, "12345678"}})}));
  EXPECT_THAT(message(keys), HasSubstr("Topic<std::optional<K>, V>"));
  RecordQueue& values = queue(numbers);
  values.add(fetched({batch_of(0, {{"a", std::nullopt}})}));
  EXPECT_THAT(message(values), HasSubstr("Topic<K, std::optional<V>>"));
}

TEST_F(RecordQueueTest, skips_and_counts_what_it_cannot_read_where_the_handler_says_so) {
  RecordQueue& q = queue(numbers, OnError::skip);
  q.add(fetched({batch_of(0, {{"a", "bad"}, {"b", "12345678"}, {std::nullopt, "12345678"}, {"d", "12345678"}})}));
  std::vector<Offset> seen;
  for (; q.has_head(); q.pop()) seen.push_back(q.context().offset);
  EXPECT_EQ(seen, (std::vector<Offset>{1, 3}));
  EXPECT_EQ(counters_.dropped, 2);
  EXPECT_EQ(q.next_offset(), 4);
}

TEST_F(RecordQueueTest, a_table_takes_null_values_and_hands_on_null_keys_to_be_counted) {
  RecordQueue& q =
      queue([](StreamsBuilder& builder) { builder.table(Topic<std::string, std::string>{"in"}, {.as = "rows"}); });
  q.add(fetched({batch_of(0, {{"a", std::nullopt}, {std::nullopt, "x"}})}));
  EXPECT_EQ(drain(q), "a=null@0#0 null=x@0#1");
}

TEST_F(RecordQueueTest, an_extractor_sees_the_partition_time_and_its_result_is_the_time) {
  RecordQueue& q = queue([](StreamsBuilder& builder) {
    using R = ConsumerRecord<std::string, std::string>;
    builder
        .stream(
            Topic<std::string, std::string>{"in"},
            {.timestamp = [](const R& r, Timestamp time) { return *r.value == "now" ? r.context.timestamp : time; }})
        .for_each([](const std::string&) {});
  });
  q.add(fetched({batch_of(0, {{"a", "now", 40}, {"b", "then", 99}})}));
  EXPECT_EQ(drain(q), "a=now@40#0 b=then@40#1");
}

TEST_F(RecordQueueTest, a_negative_time_drops_the_record_and_counts_it) {
  RecordQueue& q = strings();
  q.add(fetched({batch_of(0, {{"a", "1", -1}, {"b", "2", 0}})}));
  EXPECT_EQ(drain(q), "b=2@0#1");
  EXPECT_EQ(counters_.dropped, 1);
}

TEST_F(RecordQueueTest, a_batch_that_is_damaged_is_an_error_with_its_offset) {
  RecordQueue& q = strings();
  Bytes bytes = batch_of(5, {{"a", "1"}});
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  q.add(fetched({bytes}));
  EXPECT_THAT(message(q), AllOf(HasSubstr("in-3"), HasSubstr("offset 5"), HasSubstr("CRC")));
}

}  // namespace
}  // namespace millrace
