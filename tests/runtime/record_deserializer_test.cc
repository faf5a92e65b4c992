// From bytes to what a source node gives: what does not deserialise, nulls, headers, timestamps.
#include "millrace/runtime/record_deserializer.h"

#include <gmock/gmock.h>

#include <deque>

#include "millrace/dsl/streams_builder.h"
#include "millrace/runtime/task_id.h"
#include "tests/runtime/queue_fixture.h"

namespace millrace {
namespace {
// A value whose serde signals what it cannot read by an exception.
struct Amount {
  std::int64_t n = 0;
};
}  // namespace

template <>
struct Serde<Amount> {
  static void write(const Amount& a, Bytes& out) { out += std::to_string(a.n); }
  static Result<Amount> read(BytesView in) {
    if (in == "odd") throw 42;
    if (in == "one") throw std::runtime_error("no digits");
    return Amount{std::stoll(std::string(in))};
  }
};

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr Topic<std::string, std::int64_t> ages{"in"};

class RecordDeserializerTest : public ::testing::Test {
 protected:
  // Of the topology's only source.
  template <class F>
  RecordDeserializer& of(F topology, OnError on_error = OnError::fail) {
    StreamsBuilder builder;
    topology(builder);
    topologies_.push_back(builder.build());
    return all_.emplace_back(only_source(topologies_.back()), TopicPartition{"in", 2}, on_error, counters_);
  }
  RecordDeserializer& of_ages(OnError on_error = OnError::fail) {
    return of([](StreamsBuilder& b) { b.stream(ages).for_each([](std::int64_t) {}); }, on_error);
  }
  static RecordView record(BytesView key, BytesView value, std::int64_t timestamp = 5) {
    RecordView r;
    r.offset = 7;
    r.timestamp = {timestamp};
    r.key = key;
    r.value = value;
    return r;
  }
  const Bytes forty_two = Bytes(std::string(7, '\0') + "*");
  TaskCounters counters_;
  std::deque<Topology> topologies_;
  std::deque<RecordDeserializer> all_;
};

TEST_F(RecordDeserializerTest, gives_key_value_and_where_the_record_stands) {
  RecordDeserializer& records = of_ages();
  ASSERT_TRUE(records.read(record("u", forty_two)));
  EXPECT_EQ(*static_cast<const std::string*>(records.key()), "u");
  EXPECT_EQ(*static_cast<const std::int64_t*>(records.value()), 42);
  EXPECT_EQ(records.context().topic, "in");
  EXPECT_EQ(records.context().partition, 2);
  EXPECT_EQ(records.context().offset, 7);
  EXPECT_EQ(records.context().timestamp.ms, 5);
  EXPECT_EQ(records.context().headers, nullptr);
  EXPECT_EQ(counters_.dropped, 0);
}

TEST_F(RecordDeserializerTest, what_does_not_deserialise_goes_to_the_handler) {
  RecordDeserializer& strict = of_ages();
  EXPECT_THAT([&] { strict.read(record("u", "old")); },
              ThrowsMessage<StreamsError>(AllOf(HasSubstr("topic in, partition 2, offset 7: the value"),
                                                HasSubstr("deserialization.exception.handler"))));
  RecordDeserializer& lenient = of_ages(OnError::skip);
  counters_ = {};
  EXPECT_FALSE(lenient.read(record("u", "old")));
  EXPECT_EQ(counters_.dropped, 1);
  ASSERT_TRUE(lenient.read(record("u", forty_two))) << "the next one is as good as ever";
  EXPECT_EQ(*static_cast<const std::int64_t*>(lenient.value()), 42);
}

TEST_F(RecordDeserializerTest, a_null_is_one_where_the_type_holds_it_and_else_does_not_deserialise) {
  RecordDeserializer& plain = of_ages();
  EXPECT_THAT([&] { plain.read(record({}, forty_two)); }, ThrowsMessage<StreamsError>(HasSubstr("the key is null")));
  EXPECT_THAT([&] { plain.read(record("u", {})); }, ThrowsMessage<StreamsError>(HasSubstr("the value is null")));
  RecordDeserializer& nullable = of([](StreamsBuilder& b) {
    b.stream(Topic<std::optional<std::string>, std::optional<std::int64_t>>{"in"}).for_each([](const std::int64_t*) {});
  });
  ASSERT_TRUE(nullable.read(record({}, {})));
  EXPECT_EQ(nullable.key(), nullptr);
  EXPECT_EQ(nullable.value(), nullptr);
}

TEST_F(RecordDeserializerTest, a_negative_timestamp_is_dropped_and_counted_once_it_is_asked_for) {
  RecordDeserializer& records = of_ages();
  ASSERT_TRUE(records.read(record("u", forty_two, -1)));
  EXPECT_FALSE(records.stamp({9}));
  EXPECT_EQ(counters_.dropped, 1);
  ASSERT_TRUE(records.read(record("u", forty_two, 0)));
  EXPECT_TRUE(records.stamp({9}));
  EXPECT_EQ(records.context().timestamp.ms, 0);
}

TEST_F(RecordDeserializerTest, the_sources_extractor_has_the_last_word_on_the_timestamp) {
  RecordDeserializer& records = of([](StreamsBuilder& b) {
    b.stream(ages, {.timestamp =
                        [](const ConsumerRecord<std::string, std::int64_t>& r, Timestamp partition_time) {
                          if (*r.value == 0) throw std::runtime_error("no age");
                          return partition_time + Duration(*r.value);
                        }})
        .for_each([](std::int64_t) {});
  });
  ASSERT_TRUE(records.read(record("u", forty_two)));
  ASSERT_TRUE(records.stamp({100}));
  EXPECT_EQ(records.context().timestamp.ms, 142);
  const Bytes zero(8, '\0');
  ASSERT_TRUE(records.read(record("u", zero)));
  EXPECT_THAT([&] { records.stamp({100}); },
              ThrowsMessage<StreamsError>(AllOf(HasSubstr("offset 7: the timestamp extractor"), HasSubstr("no age"))));
}

TEST_F(RecordDeserializerTest, a_serde_that_throws_goes_to_the_handler_with_its_place) {
  const auto topology = [](StreamsBuilder& b) {
    b.stream(Topic<std::string, Amount>{"in"}).for_each([](const Amount&) {});
  };
  EXPECT_THAT([&] { of(topology).read(record("u", "one")); },
              ThrowsMessage<StreamsError>(
                  AllOf(HasSubstr("topic in, partition 2, offset 7: the value"), HasSubstr("no digits"))));
  RecordDeserializer& lenient = of(topology, OnError::skip);
  counters_ = {};
  ASSERT_TRUE(lenient.read(record("u", "1")));
  EXPECT_FALSE(lenient.read(record("u", "one")));
  EXPECT_FALSE(lenient.read(record("u", "odd"))) << "no std::exception";
  EXPECT_EQ(counters_.dropped, 2);
  ASSERT_TRUE(lenient.read(record("u", "2"))) << "the next one is as good as ever";
  EXPECT_EQ(static_cast<const Amount*>(lenient.value())->n, 2);
}

}  // namespace
}  // namespace millrace
