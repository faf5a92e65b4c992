// What a sink makes of a record: bytes, nulls and a partition.
#include "millrace/runtime/sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/murmur2.h"
#include "millrace/dsl/streams_builder.h"
#include "tests/runtime/message_of.h"
#include "tests/runtime/recorded_output.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr Topic<std::optional<std::string>, std::optional<std::string>> in{"in"}, out{"out"};

// Writes what does not begin with '!'.
struct Choosy {
  static Result<> write(const std::string& s, Bytes& to) {
    if (s.starts_with('!')) return Error("an exclamation");
    to.append(s);
    return {};
  }
  static Result<std::string> read(BytesView from) { return std::string(from); }
};
constexpr Choosy choosy{};
constexpr Topic<std::string, std::string> choosy_out{"out", {.key_serde = choosy, .value_serde = choosy}};

// Whose empty form is a view of nothing.
struct Lazy {
  static void write(const std::string& s, Bytes& to) { to.append(s); }
  static Result<std::string> read(BytesView from) { return std::string(from); }
  static BytesView view(const std::string& s) { return s.empty() ? BytesView() : BytesView(s); }
};
constexpr Lazy lazy{};
constexpr Topic<std::string, std::string> lazy_out{"out", {.key_serde = lazy, .value_serde = lazy}};

class SinkTest : public ::testing::Test {
 protected:
  template <class F>
  Sink& make(F topology, int partitions) {
    StreamsBuilder builder;
    topology(builder);
    topology_ = builder.build();
    output_.partitions = partitions;
    for (const TopologyNode& node : topology_.nodes)
      if (node.kind == TopologyNode::Kind::sink) sink_ = std::make_unique<Sink>(node, "app-out", output_);
    return *sink_;
  }
  Sink& strings(int partitions) {
    return make([](StreamsBuilder& b) { b.stream(in).to(out); }, partitions);
  }
  const RecordedOutput::Sent& send(const void* key, const void* value, const Headers* headers = nullptr) {
    sink_->process({key, value, nullptr, Timestamp{42}, headers, nullptr});
    return output_.sent.back();
  }
  Topology topology_;
  RecordedOutput output_;
  std::unique_ptr<Sink> sink_;
};

TEST_F(SinkTest, sends_bytes_timestamp_and_headers_to_the_topic_as_it_is_called_in_the_log) {
  strings(1);
  const std::string key = "k", value = "v";
  const Headers headers{{"h", Bytes("x")}};
  const auto& sent = send(&key, &value, &headers);
  EXPECT_EQ(sent.topic, "app-out");
  EXPECT_EQ(sent.key, "k");
  EXPECT_EQ(sent.value, "v");
  EXPECT_EQ(sent.timestamp, Timestamp{42});
  EXPECT_EQ(sent.headers, headers);
}

TEST_F(SinkTest, an_empty_text_is_not_null_and_null_is) {
  strings(1);
  const std::string empty;
  const auto texts = send(&empty, &empty);
  EXPECT_TRUE(texts.has_key && texts.has_value);
  const auto nulls = send(nullptr, nullptr);
  EXPECT_FALSE(nulls.has_key || nulls.has_value);
}

TEST_F(SinkTest, what_a_serde_writes_is_not_null_even_where_it_is_a_view_of_nothing) {
  make([](StreamsBuilder& b) { b.stream(Topic<std::string, std::string>{"in"}).to(lazy_out); }, 1);
  const std::string empty;
  const auto& sent = send(&empty, &empty);
  EXPECT_TRUE(sent.has_key && sent.has_value);
}

TEST_F(SinkTest, a_key_has_the_partition_that_kafka_gives_it_and_a_null_key_the_outputs_choice) {
  strings(7);
  const std::string value = "v";
  for (const std::string key : {"a", "b", "c", ""})
    EXPECT_EQ(send(&key, &value).partition, partition_for_key(key, 7)) << key;
  EXPECT_EQ(send(nullptr, &value).partition, -1);
}

TEST_F(SinkTest, where_there_is_one_partition_a_null_key_goes_there_too) {
  strings(1);
  EXPECT_EQ(send(nullptr, nullptr).partition, 0);
}

TEST_F(SinkTest, a_windowed_key_has_the_partition_of_its_key_whatever_its_window) {
  constexpr Topic<std::string, std::string> keyed{"in"};
  constexpr Topic<Windowed<std::string>, std::int64_t> windows{"out"};
  make(
      [&](StreamsBuilder& b) {
        b.stream(keyed).group_by_key().windowed_by({.size = 1s, .grace = 0s}).count().to_stream().to(windows);
      },
      50);
  const std::int64_t count = 1;
  for (std::int64_t start : {0, 1000, 7000}) {
    const Windowed<std::string> key{"key", {Timestamp{start}, Timestamp{start + 1000}}};
    const auto& sent = send(&key, &count);
    EXPECT_EQ(sent.partition, partition_for_key("key", 50)) << start;
    EXPECT_GT(sent.key.size(), 3u) << "the window is in it";
  }
}

TEST_F(SinkTest, what_the_serde_refuses_is_an_error_that_names_sink_topic_and_which_of_both_it_is) {
  make([](StreamsBuilder& b) { b.stream(Topic<std::string, std::string>{"in"}).to(choosy_out); }, 1);
  const std::string good = "good", bad = "!bad";
  EXPECT_THAT(message_of([&] { send(&bad, &good); }), AllOf(HasSubstr("KSTREAM-SINK-0000000001"), HasSubstr("app-out"),
                                                            HasSubstr("the key"), HasSubstr("an exclamation")));
  EXPECT_THAT(message_of([&] { send(&good, &bad); }), HasSubstr("the value"));
  EXPECT_TRUE(output_.sent.empty());
  send(&good, &good);
  EXPECT_EQ(output_.take(), "app-out:good=good");
}

}  // namespace
}  // namespace millrace
