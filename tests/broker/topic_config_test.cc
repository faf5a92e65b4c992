#include "millrace/broker/topic_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::broker {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& key, const std::string& value) {
  auto config = TopicConfig::parse({{key, value}});
  if (config) return "it is valid";
  EXPECT_EQ(config.error().code(), ErrorCode::invalid_config);
  return config.error().message();
}

// The defaults stand twice, in the struct (for who makes a log without a topic) and in the table (for who reads of
// them): this keeps them one.
TEST(TopicConfig, the_tables_defaults_are_the_structs) {
  const TopicConfig parsed = *TopicConfig::parse({}), made;
  EXPECT_EQ(parsed.deletes, made.deletes);
  EXPECT_EQ(parsed.compacts, made.compacts);
  EXPECT_EQ(parsed.segment_bytes, made.segment_bytes);
  EXPECT_EQ(parsed.segment_ms, made.segment_ms);
  EXPECT_EQ(parsed.segment_index_bytes, made.segment_index_bytes);
  EXPECT_EQ(parsed.index_interval_bytes, made.index_interval_bytes);
  EXPECT_EQ(parsed.retention_bytes, made.retention_bytes);
  EXPECT_EQ(parsed.retention_ms, made.retention_ms);
  EXPECT_EQ(parsed.delete_retention_ms, made.delete_retention_ms);
  EXPECT_EQ(parsed.min_compaction_lag_ms, made.min_compaction_lag_ms);
  EXPECT_EQ(parsed.min_cleanable_dirty_ratio, made.min_cleanable_dirty_ratio);
  EXPECT_EQ(parsed.max_message_bytes, made.max_message_bytes);
  EXPECT_EQ(parsed.log_append_time, made.log_append_time);
  EXPECT_EQ(parsed.timestamp_before_max_ms, made.timestamp_before_max_ms);
  EXPECT_EQ(parsed.timestamp_after_max_ms, made.timestamp_after_max_ms);
}

TEST(TopicConfig, takes_either_policy_both_and_none) {
  struct Case {
    const char* text;
    bool deletes, compacts;
  };
  for (const Case& c : {Case{"delete", true, false}, Case{"compact", false, true}, Case{"compact, delete", true, true},
                        Case{"", false, false}}) {
    auto config = TopicConfig::parse({{"cleanup.policy", c.text}});
    ASSERT_TRUE(config) << config.error().text();
    EXPECT_EQ(config->deletes, c.deletes) << c.text;
    EXPECT_EQ(config->compacts, c.compacts) << c.text;
  }
  EXPECT_THAT(refusal("cleanup.policy", "archive"), HasSubstr("delete, compact"));
}

TEST(TopicConfig, sets_what_a_key_says) {
  auto config = TopicConfig::parse({{"retention.ms", "-1"},
                                    {"segment.bytes", "1024"},
                                    {"min.cleanable.dirty.ratio", "0.25"},
                                    {"message.timestamp.type", "LogAppendTime"}});
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->retention_ms, -1);
  EXPECT_EQ(config->segment_bytes, 1024);
  EXPECT_EQ(config->min_cleanable_dirty_ratio, 0.25);
  EXPECT_TRUE(config->log_append_time);
}

TEST(TopicConfig, a_value_that_cannot_be_says_what_could) {
  EXPECT_THAT(refusal("segment.bytes", "1023"), HasSubstr("between 1024 and 2147483647"));
  EXPECT_THAT(refusal("segment.bytes", "2147483648"), HasSubstr("between 1024 and 2147483647"));
  EXPECT_THAT(refusal("retention.ms", "a week"), HasSubstr("retention.ms=a week"));
  EXPECT_THAT(refusal("min.cleanable.dirty.ratio", "1.5"), HasSubstr("between 0 and 1"));
  EXPECT_THAT(refusal("compression.type", "zstd"), HasSubstr("one of producer"));
}

TEST(TopicConfig, an_unknown_key_names_the_nearest_and_one_of_replication_says_why_not) {
  EXPECT_THAT(refusal("retention.m", "1"), HasSubstr("did you mean retention.ms?"));
  EXPECT_THAT(refusal("min.insync.replicas", "2"), HasSubstr("replication"));
}

}  // namespace
}  // namespace millrace::broker
