#include "millrace/runtime/streams_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string refusal(const ConfigValues& values) {
  try {
    streams_config(values);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "no ConfigError";
}

TEST(StreamsConfig, every_key_may_be_left_out_and_none_is_left_unexplained) {
  streams_config({});
  for (const ConfigKey& key : streams_configs().keys()) {
    EXPECT_FALSE(key.doc.empty()) << key.name;
    EXPECT_FALSE(key.required) << key.name;
  }
}

TEST(StreamsConfig, exactly_once_is_the_default_and_commits_ten_times_a_second) {
  EXPECT_TRUE(is_exactly_once(streams_config({})));
  EXPECT_EQ(commit_interval(streams_config({})), 100ms);
  const Config at_least_once = streams_config({{"processing.guarantee", "at_least_once"}});
  EXPECT_FALSE(is_exactly_once(at_least_once));
  EXPECT_EQ(commit_interval(at_least_once), 30s);
  EXPECT_EQ(commit_interval(streams_config({{"commit.interval.ms", "0"}})), 0ms);
  EXPECT_EQ(commit_interval(streams_config({{"commit.interval.ms", "7"}, {"processing.guarantee", "at_least_once"}})),
            7ms);
}

TEST(StreamsConfig, handlers_go_by_short_names_and_by_kafkas_classes) {
  const std::string errors = "org.apache.kafka.streams.errors.";
  struct Case {
    std::string key, value;
    OnError expected;
  };
  const std::string reading = "deserialization.exception.handler", processing = "processing.exception.handler";
  for (const Case& c : {Case{reading, "fail", OnError::fail}, Case{reading, "continue", OnError::skip},
                        Case{reading, errors + "LogAndFailExceptionHandler", OnError::fail},
                        Case{reading, errors + "LogAndContinueExceptionHandler", OnError::skip},
                        Case{processing, "fail", OnError::fail}, Case{processing, "continue", OnError::skip},
                        Case{processing, errors + "LogAndFailProcessingExceptionHandler", OnError::fail},
                        Case{processing, errors + "LogAndContinueProcessingExceptionHandler", OnError::skip}}) {
    const TaskSettings settings = task_settings(streams_config({{c.key, c.value}}));
    const bool is_reading = c.key == reading;
    EXPECT_EQ(is_reading ? settings.on_deserialization_error : settings.on_processing_error, c.expected) << c.value;
    EXPECT_EQ(is_reading ? settings.on_processing_error : settings.on_deserialization_error, OnError::fail)
        << c.value << " is the other handler's too";
  }
}

TEST(StreamsConfig, gives_a_task_its_application_and_the_record_caches_size) {
  const TaskSettings settings =
      task_settings(streams_config({{"application.id", "app"}, {"statestore.cache.max.bytes", "123"}}));
  EXPECT_EQ(settings.application_id, "app");
  EXPECT_EQ(settings.cache_max_bytes, 123u);
  EXPECT_EQ(task_settings(streams_config({})).cache_max_bytes, 10u << 20) << "Kafka's default";
}

TEST(StreamsConfig, decides_a_topologys_shape) {
  const TopologyConfig usual = topology_config(streams_config({}));
  EXPECT_FALSE(usual.in_memory_stores);
  EXPECT_FALSE(usual.merge_repartition_topics);
  EXPECT_FALSE(usual.require_names);
  EXPECT_TRUE(usual.record_cache);
  for (const char* engine :
       {"in_memory", "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers"})
    EXPECT_TRUE(topology_config(streams_config({{"dsl.store.suppliers.class", engine}})).in_memory_stores) << engine;
  for (const char* engine :
       {"rocksDB", "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$RocksDBDslStoreSuppliers"})
    EXPECT_FALSE(topology_config(streams_config({{"dsl.store.suppliers.class", engine}})).in_memory_stores) << engine;
  EXPECT_TRUE(topology_config(streams_config({{"topology.optimization", "merge.repartition.topics"}}))
                  .merge_repartition_topics);
  EXPECT_TRUE(topology_config(streams_config({{"ensure.explicit.internal.resource.naming", "true"}})).require_names);
  EXPECT_FALSE(topology_config(streams_config({{"statestore.cache.max.bytes", "0"}})).record_cache);
}

TEST(StreamsConfig, an_unknown_key_names_the_nearest_and_a_wrong_value_what_is_valid) {
  EXPECT_THAT(refusal({{"commit.intervall.ms", "5"}}), HasSubstr("did you mean commit.interval.ms?"));
  EXPECT_THAT(refusal({{"processing.guarantee", "exactly_once"}}),
              AllOf(HasSubstr("processing.guarantee=exactly_once"), HasSubstr("exactly_once_v2, at_least_once")));
  EXPECT_THAT(refusal({{"commit.interval.ms", "soon"}}), HasSubstr("commit.interval.ms=soon"));
  EXPECT_THAT(refusal({{"num.stream.threads", "-1"}}), HasSubstr("between 0 and 256"));
  EXPECT_THAT(refusal({{"state.memory.bytes", "1"}}), HasSubstr("at least 16777216"));
}

TEST(StreamsConfig, an_application_id_is_part_of_a_topics_name) {
  for (const char* id : {"", ".", "..", "a/b", "a b", "\xc3\xa4"})
    EXPECT_THAT(refusal({{"application.id", id}}), HasSubstr("application.id=" + std::string(id) + " is not valid"));
  EXPECT_EQ(streams_config({{"application.id", "word-count_2.b"}}).string("application.id"), "word-count_2.b");
}

TEST(StreamsConfig, optimisations_come_one_by_one_or_all_together) {
  const auto rules = [](const char* given) {
    const TopologyConfig shape = topology_config(streams_config({{"topology.optimization", given}}));
    return std::pair(shape.reuse_source_topics, shape.merge_repartition_topics);
  };
  EXPECT_EQ(rules("none"), std::pair(false, false));
  EXPECT_EQ(rules("all"), std::pair(true, true));
  EXPECT_EQ(rules("reuse.ktable.source.topics"), std::pair(true, false));
  EXPECT_EQ(rules("merge.repartition.topics"), std::pair(false, true));
  EXPECT_EQ(rules("merge.repartition.topics , reuse.ktable.source.topics"), std::pair(true, true));
}

TEST(StreamsConfig, an_optimisation_that_is_none_of_ours_is_refused_by_name) {
  for (const char* rules : {"single.store.self.join", "reuse.ktable.source.topics,single.store.self.join"})
    EXPECT_THAT(refusal({{"topology.optimization", rules}}),
                AllOf(HasSubstr(rules), HasSubstr("single.store.self.join is not implemented")));
  for (const char* rules : {"none,all", "all,merge.repartition.topics", ""})
    EXPECT_THAT(refusal({{"topology.optimization", rules}}), HasSubstr("expected none, all, or a list")) << rules;
  EXPECT_THAT(refusal({{"topology.optimization", "some"}}),
              HasSubstr("one of none, all, reuse.ktable.source.topics, merge.repartition.topics"));
}

TEST(StreamsConfig, a_transaction_that_ends_before_its_commit_is_refused_exactly_once) {
  const ConfigValues late{{"commit.interval.ms", "2000"}, {"transaction.timeout.ms", "500"}};
  EXPECT_THAT(refusal(late), AllOf(HasSubstr("transaction.timeout.ms=500"), HasSubstr("commit.interval.ms=2000")));
  EXPECT_THAT(refusal({{"commit.interval.ms", "9223372036854775807"}}), HasSubstr("transaction.timeout.ms=10000"));
  EXPECT_THAT(refusal({{"transaction.timeout.ms", "900001"}}), HasSubstr("between 1 and 900000"));
  ConfigValues at_least_once = late;
  at_least_once["processing.guarantee"] = "at_least_once";
  EXPECT_NO_THROW(streams_config(at_least_once));
  EXPECT_NO_THROW(streams_config({{"commit.interval.ms", "500"}, {"transaction.timeout.ms", "500"}}));
}

TEST(StreamsConfig, more_workers_than_there_can_be_are_refused) {
  EXPECT_THAT(refusal({{"num.stream.threads", "257"}}), HasSubstr("between 0 and 256"));
}

}  // namespace
}  // namespace millrace
