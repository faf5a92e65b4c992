// What every log client must do, once for all: include this, define a type that opens and reopens a log, and
// instantiate:
//
//   struct EmbeddedLog { LogClient& client(); void reopen(); };   // default constructible, empty at first; reopen: a
//   restart INSTANTIATE_TYPED_TEST_SUITE_P(Embedded, LogClientContract, EmbeddedLog);
//
// What a producer must do with its queue and its callbacks: producer_contract.h, likewise.
#pragma once
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <vector>

#include "millrace/connectors/log_client.h"

namespace millrace {

#define MR_EXPECT_OK(expression)                               \
  do {                                                         \
    auto mr_ok = (expression);                                 \
    EXPECT_TRUE(mr_ok) << (mr_ok ? "" : mr_ok.error().text()); \
  } while (false)
#define MR_ASSERT_OK(expression)                               \
  do {                                                         \
    auto mr_ok = (expression);                                 \
    ASSERT_TRUE(mr_ok) << (mr_ok ? "" : mr_ok.error().text()); \
  } while (false)

template <class Log>
class LogClientContract : public ::testing::Test {
 protected:
  LogClient& client() { return log_.client(); }
  void make_topic(const std::string& name, int partitions = 1, std::map<std::string, std::string> configs = {}) {
    MR_ASSERT_OK(client().admin().create_topic({name, partitions, std::move(configs)}));
  }
  std::unique_ptr<Producer> producer(const std::string& transactional_id = "") {
    ProducerConfig config;
    config.transactional_id = transactional_id;
    auto made = client().make_producer(config);
    EXPECT_TRUE(made);
    if (!transactional_id.empty()) MR_EXPECT_OK((*made)->init_transactions());
    return std::move(*made);
  }
  std::unique_ptr<Consumer> consumer(Isolation isolation = Isolation::read_uncommitted, const std::string& group = "") {
    ConsumerConfig config;
    config.isolation = isolation;
    config.group_id = group;
    config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
    return std::move(*client().make_consumer(config));
  }
  static RecordBatchBuilder batch_of(std::initializer_list<std::string> values) {
    RecordBatchBuilder batch;
    for (const auto& value : values) batch.append({1700000000000}, "key", value);
    return batch;
  }
  // All values of a partition, as poll() gives them.
  std::vector<std::string> values(const TopicPartition& partition, Isolation isolation = Isolation::read_uncommitted) {
    auto reader = consumer(isolation);
    MR_EXPECT_OK(reader->assign({partition}));
    std::vector<std::string> all;
    for (;;) {
      auto records = reader->poll(0ms);
      EXPECT_TRUE(records) << (records ? "" : records.error().text());
      if (!records || records->empty()) return all;
      for (const auto& record : *records) all.push_back(*record.value);
    }
  }
  using Values = std::vector<std::string>;

  Log log_;
};
TYPED_TEST_SUITE_P(LogClientContract);

TYPED_TEST_P(LogClientContract, what_is_appended_is_read_back_in_order) {
  this->make_topic("t");
  auto producer = this->producer();
  auto first = this->batch_of({"a", "b"}), second = this->batch_of({"c"});
  EXPECT_EQ(*producer->append({"t", 0}, first), 0);
  EXPECT_EQ(*producer->append({"t", 0}, second), 2);
  EXPECT_EQ(this->values({"t", 0}), (std::vector<std::string>{"a", "b", "c"}));
}

TYPED_TEST_P(LogClientContract, batches_are_no_larger_than_a_segment) {
  this->make_topic("t", 1, {{"segment.bytes", "2048"}});
  auto described = this->client().admin().describe_topic("t");
  ASSERT_TRUE(described);
  EXPECT_EQ(described->message_bytes_max(), 2048u);
  auto producer = this->producer();
  std::vector<std::string> sent;
  for (int i = 0; i < 100; ++i) {
    sent.push_back(std::string(90, 'x') + std::to_string(i));
    ProducerRecord record;
    record.topic = "t";
    record.value = Bytes(sent.back());
    MR_EXPECT_OK(producer->send(std::move(record), {}));
  }
  MR_EXPECT_OK(producer->flush());
  EXPECT_EQ(this->values({"t", 0}), sent);
  ProducerRecord large;
  large.topic = "t";
  large.value = Bytes(std::string(3000, 'x'));
  auto refused = producer->send(std::move(large)).get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::message_too_large);
  EXPECT_NE(refused.error().message().find("segment.bytes is 2048"), std::string::npos) << refused.error().message();
}

TYPED_TEST_P(LogClientContract, send_acknowledges_every_record_with_its_offset) {
  this->make_topic("t", 3);
  auto producer = this->producer();
  std::vector<std::future<Result<RecordMetadata>>> futures;
  for (int i = 0; i < 100; ++i) {
    Bytes key("k" + std::to_string(i % 10)), value(std::to_string(i));
    futures.push_back(producer->send(ProducerRecord{"t", {}, key, value, {}, {}}));
  }
  MR_ASSERT_OK(producer->flush());
  std::map<PartitionId, std::set<Offset>> offsets;
  for (auto& future : futures) {
    auto metadata = future.get();
    ASSERT_TRUE(metadata) << metadata.error().text();
    EXPECT_TRUE(offsets[metadata->partition.partition].insert(metadata->offset).second);
  }
  std::size_t total = 0;
  for (PartitionId p = 0; p < 3; ++p) total += this->values({"t", p}).size();
  EXPECT_EQ(total, 100u);
}

TYPED_TEST_P(LogClientContract, records_keep_key_value_headers_and_timestamp) {
  this->make_topic("t");
  auto producer = this->producer();
  ProducerRecord record{"t", 0, Bytes("key"), std::nullopt, Timestamp{1234}, {{"h", Bytes("x")}, {"n", std::nullopt}}};
  auto sent = producer->send(record);
  MR_ASSERT_OK(producer->flush());
  auto reader = this->consumer();
  MR_ASSERT_OK(reader->assign({{"t", 0}}));
  auto got = reader->poll(0ms);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 1u);
  EXPECT_EQ((*got)[0].key, Bytes("key"));
  EXPECT_EQ((*got)[0].value, std::nullopt);
  EXPECT_EQ((*got)[0].timestamp.ms, 1234);
  EXPECT_EQ((*got)[0].headers, record.headers);
}

TYPED_TEST_P(LogClientContract, an_undecided_transaction_is_seen_only_by_read_uncommitted) {
  this->make_topic("t");
  auto producer = this->producer("tx");
  MR_ASSERT_OK(producer->begin_transaction());
  auto batch = this->batch_of({"a"});
  MR_ASSERT_OK(producer->append({"t", 0}, batch));
  EXPECT_EQ(this->values({"t", 0}), (std::vector<std::string>{"a"}));
  EXPECT_EQ(this->values({"t", 0}, Isolation::read_committed), (std::vector<std::string>{}));
  MR_ASSERT_OK(producer->commit_transaction());
  EXPECT_EQ(this->values({"t", 0}, Isolation::read_committed), (std::vector<std::string>{"a"}));
}

TYPED_TEST_P(LogClientContract, an_aborted_transaction_is_never_delivered_to_read_committed) {
  this->make_topic("t");
  auto producer = this->producer("tx");
  for (int i = 0; i < 6; ++i) {
    MR_ASSERT_OK(producer->begin_transaction());
    auto batch = this->batch_of({std::to_string(i)});
    MR_ASSERT_OK(producer->append({"t", 0}, batch));
    if (i % 2 == 0) {
      MR_ASSERT_OK(producer->commit_transaction());
    } else {
      MR_ASSERT_OK(producer->abort_transaction());
    }
  }
  EXPECT_EQ(this->values({"t", 0}, Isolation::read_committed), (std::vector<std::string>{"0", "2", "4"}));
  EXPECT_EQ(this->values({"t", 0}).size(), 6u);
}

TYPED_TEST_P(LogClientContract, a_member_of_the_group_reads_its_own_undecided_records) {
  if (!this->client().is_embedded()) GTEST_SKIP() << "embedded only";
  this->make_topic("t");
  auto mine = this->producer("mine"), other = this->producer("other");
  MR_ASSERT_OK(mine->begin_transaction());
  MR_ASSERT_OK(other->begin_transaction());
  auto a = this->batch_of({"a"}), b = this->batch_of({"b"}), c = this->batch_of({"c"});
  MR_ASSERT_OK(mine->append({"t", 0}, a));
  MR_ASSERT_OK(other->append({"t", 0}, b));
  MR_ASSERT_OK(mine->append({"t", 0}, c));
  auto reader = this->consumer();
  auto fetched = reader->fetch({{"t", 0}, 0, 1 << 20, Isolation::read_committed, mine->producer_id()});
  ASSERT_TRUE(fetched);
  EXPECT_EQ(RecordBatchView::parse(*fetched->bytes)->bytes().size(), fetched->bytes->size());  // a, and not b or c
  EXPECT_EQ(reader->fetch({{"t", 0}, 0, 1 << 20, Isolation::read_committed, -1})->bytes->size(), 0u);
}

TYPED_TEST_P(LogClientContract, a_second_producer_of_the_same_name_fences_the_first) {
  this->make_topic("t");
  auto first = this->producer("tx");
  MR_ASSERT_OK(first->begin_transaction());
  auto batch = this->batch_of({"lost"});
  MR_ASSERT_OK(first->append({"t", 0}, batch));
  auto second = this->producer("tx");
  auto committed = first->commit_transaction();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code(), ErrorCode::producer_fenced);
  MR_ASSERT_OK(second->begin_transaction());
  auto mine = this->batch_of({"kept"});
  MR_ASSERT_OK(second->append({"t", 0}, mine));
  MR_ASSERT_OK(second->commit_transaction());
  EXPECT_EQ(this->values({"t", 0}, Isolation::read_committed), (std::vector<std::string>{"kept"}));
}

TYPED_TEST_P(LogClientContract, offsets_in_a_transaction_appear_with_its_commit) {
  this->make_topic("in");
  this->make_topic("out");
  auto producer = this->producer("tx");
  auto reader = this->consumer(Isolation::read_committed, "g");
  for (bool commit : {false, true}) {
    MR_ASSERT_OK(producer->begin_transaction());
    auto batch = this->batch_of({"x"});
    MR_ASSERT_OK(producer->append({"out", 0}, batch));
    MR_ASSERT_OK(producer->send_offsets_to_transaction({{{"in", 0}, {7, 3, "metadata"}}}, "g"));
    EXPECT_TRUE(reader->committed({{"in", 0}})->empty());
    if (commit) {
      MR_ASSERT_OK(producer->commit_transaction());
    } else {
      MR_ASSERT_OK(producer->abort_transaction());
    }
  }
  auto committed = *reader->committed({{"in", 0}, {"out", 0}});
  ASSERT_EQ(committed.size(), 1u);
  EXPECT_EQ((committed[{"in", 0}].offset), 7);
  EXPECT_EQ((committed[{"in", 0}].leader_epoch), 3);
  EXPECT_EQ((committed[{"in", 0}].metadata), "metadata");
}

TYPED_TEST_P(LogClientContract, everything_is_there_after_a_restart) {
  this->make_topic("t", 2, {{"retention.ms", "-1"}});
  {
    auto plain = this->producer();
    auto batch = this->batch_of({"a", "b"});
    MR_ASSERT_OK(plain->append({"t", 0}, batch));
    auto producer = this->producer("tx");
    MR_ASSERT_OK(producer->begin_transaction());
    auto committed = this->batch_of({"c"});
    MR_ASSERT_OK(producer->append({"t", 0}, committed));
    MR_ASSERT_OK(producer->send_offsets_to_transaction({{{"t", 1}, {5, -1, ""}}}, "g"));
    MR_ASSERT_OK(producer->commit_transaction());
    auto reader = this->consumer(Isolation::read_uncommitted, "g2");
    MR_ASSERT_OK(reader->commit({{{"t", 0}, {1, -1, "m"}}}));
  }
  auto before = *this->client().admin().describe_topic("t");
  this->log_.reopen();
  auto after = this->client().admin().describe_topic("t");
  ASSERT_TRUE(after);
  EXPECT_EQ(after->id, before.id);
  EXPECT_EQ(after->partitions, 2);
  EXPECT_EQ(after->configs, before.configs);
  EXPECT_EQ(this->values({"t", 0}, Isolation::read_committed), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ((this->consumer(Isolation::read_committed, "g")->committed({{"t", 1}}).value()[{"t", 1}].offset), 5);
  EXPECT_EQ((this->consumer(Isolation::read_committed, "g2")->committed({{"t", 0}}).value()[{"t", 0}].metadata), "m");
  auto more = this->producer("tx");
  MR_ASSERT_OK(more->begin_transaction());
  auto batch = this->batch_of({"d"});
  MR_ASSERT_OK(more->append({"t", 0}, batch));
  MR_ASSERT_OK(more->commit_transaction());
  EXPECT_EQ(this->values({"t", 0}, Isolation::read_committed), (std::vector<std::string>{"a", "b", "c", "d"}));
}

TYPED_TEST_P(LogClientContract, offsets_out_of_range_are_named) {
  this->make_topic("t");
  auto producer = this->producer();
  auto batch = this->batch_of({"a", "b", "c"});
  MR_ASSERT_OK(producer->append({"t", 0}, batch));
  auto reader = this->consumer();
  auto beyond = reader->fetch({{"t", 0}, 4});
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code(), ErrorCode::offset_out_of_range);
  EXPECT_NE(beyond.error().message().find("0 to 3"), std::string::npos) << beyond.error().message();
  EXPECT_TRUE(reader->fetch({{"t", 0}, 3})->bytes->empty());
  EXPECT_EQ(reader->fetch({{"nope", 0}, 0}).error().code(), ErrorCode::unknown_topic_or_partition);
}

TYPED_TEST_P(LogClientContract, delete_records_moves_the_start) {
  this->make_topic("t");
  auto producer = this->producer();
  for (int i = 0; i < 5; ++i) {
    auto batch = this->batch_of({std::to_string(i)});
    MR_ASSERT_OK(producer->append({"t", 0}, batch));
  }
  MR_ASSERT_OK(this->client().admin().delete_records({"t", 0}, 3));
  EXPECT_EQ(*this->consumer()->beginning_offset({"t", 0}), 3);
  EXPECT_EQ(this->values({"t", 0}), (std::vector<std::string>{"3", "4"}));
  EXPECT_EQ(this->client().admin().delete_records({"t", 0}, 9).error().code(), ErrorCode::offset_out_of_range);
  MR_ASSERT_OK(this->client().admin().delete_records({"t", 0}, -1));
  EXPECT_EQ(*this->consumer()->beginning_offset({"t", 0}), 5);
}

TYPED_TEST_P(LogClientContract, a_topic_made_again_is_another) {
  this->make_topic("t");
  auto producer = this->producer();
  auto batch = this->batch_of({"old"});
  MR_ASSERT_OK(producer->append({"t", 0}, batch));
  auto before = this->client().admin().describe_topic("t")->id;
  MR_ASSERT_OK(this->client().admin().delete_topic("t"));
  EXPECT_EQ(this->client().admin().describe_topic("t").error().code(), ErrorCode::unknown_topic_or_partition);
  this->make_topic("t");
  EXPECT_NE(this->client().admin().describe_topic("t")->id, before);
  EXPECT_TRUE(this->values({"t", 0}).empty());
  auto again = this->batch_of({"new"});
  MR_ASSERT_OK(producer->append({"t", 0}, again));
  producer.reset();
  this->log_.reopen();
  EXPECT_EQ(this->values({"t", 0}), (std::vector<std::string>{"new"}));
}

TYPED_TEST_P(LogClientContract, a_consumer_goes_on_with_a_topic_that_was_made_again) {
  this->make_topic("t");
  auto producer = this->producer();
  auto old = this->batch_of({"old", "older", "oldest"}), fresh = this->batch_of({"new"});
  MR_ASSERT_OK(producer->append({"t", 0}, old));
  MR_ASSERT_OK(this->client().admin().delete_records({"t", 0}, 2));
  auto reader = this->consumer();
  MR_ASSERT_OK(reader->assign({{"t", 0}}));
  EXPECT_EQ(reader->poll(0ms)->size(), 1u);
  MR_ASSERT_OK(this->client().admin().delete_topic("t"));
  auto gone = reader->poll(0ms);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), ErrorCode::unknown_topic_or_partition);
  this->make_topic("t");
  MR_ASSERT_OK(producer->append({"t", 0}, fresh));
  auto records = reader->poll(0ms);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 1u);
  EXPECT_EQ(records->front().value, Bytes("new"));
}

TYPED_TEST_P(LogClientContract, refuses_what_kafka_refuses) {
  auto& admin = this->client().admin();
  this->make_topic("a.b");
  EXPECT_EQ(admin.create_topic({"a.b", 1, {}}).error().code(), ErrorCode::topic_already_exists);
  EXPECT_EQ(admin.create_topic({"a_b", 1, {}}).error().code(), ErrorCode::invalid_topic_exception);
  EXPECT_EQ(admin.create_topic({"", 1, {}}).error().code(), ErrorCode::invalid_topic_exception);
  EXPECT_EQ(admin.create_topic({"a/b", 1, {}}).error().code(), ErrorCode::invalid_topic_exception);
  EXPECT_EQ(admin.create_topic({"c", 0, {}}).error().code(), ErrorCode::invalid_partitions);
  auto typo = admin.create_topic({"c", 1, {{"retention.mss", "1"}}});
  EXPECT_EQ(typo.error().code(), ErrorCode::invalid_config);
  EXPECT_NE(typo.error().message().find("retention.ms"), std::string::npos);
  EXPECT_EQ(admin.delete_topic("c").error().code(), ErrorCode::unknown_topic_or_partition);
  ProducerRecord before_1970;
  before_1970.topic = "a.b";
  before_1970.timestamp = Timestamp{-1};
  auto sent = this->producer()->send(std::move(before_1970)).get();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code(), ErrorCode::invalid_timestamp);
  EXPECT_NE(sent.error().message().find("a.b: the timestamp -1"), std::string::npos) << sent.error().message();
}

TYPED_TEST_P(LogClientContract, a_record_too_far_from_the_present_is_refused_as_its_topic_says) {
  MR_ASSERT_OK(this->client().admin().create_topic(
      {"t", 1, {{"message.timestamp.before.max.ms", "1000000"}, {"message.timestamp.after.max.ms", "9000000"}}}));
  MR_ASSERT_OK(this->client().admin().create_topic({"stamped", 1, {{"message.timestamp.type", "LogAppendTime"}}}));
  auto producer = this->producer();
  std::int64_t sent_at = 0;
  auto send = [&](const std::string& topic, std::optional<std::int64_t> at) -> std::string {
    ProducerRecord record;
    record.topic = topic;
    record.value = "v";
    if (at) record.timestamp = Timestamp{*at};
    auto sent = producer->send(std::move(record));
    (void)producer->flush();
    auto outcome = sent.get();
    if (!outcome) return outcome.error().text();
    sent_at = outcome->timestamp.ms;
    return "";
  };
  ASSERT_EQ(send("stamped", std::nullopt), "");
  const std::int64_t now = sent_at;
  EXPECT_EQ(send("t", now - 900'000), "");
  EXPECT_EQ(send("t", now + 8'000'000), "");
  EXPECT_NE(send("t", now - 2'000'000).find("message.timestamp.before.max.ms is 1000000"), std::string::npos);
  EXPECT_NE(send("t", now + 9'900'000).find("message.timestamp.after.max.ms is 9000000"), std::string::npos);
  EXPECT_NE(send("t", INT64_MAX).find("t-0: the timestamp 9223372036854775807"), std::string::npos);
  EXPECT_EQ(send("stamped", INT64_MAX), "");
}

TYPED_TEST_P(LogClientContract, an_append_and_a_decision_notify) {
  this->make_topic("t");
  auto reader = this->consumer();
  std::atomic<int> calls = 0;
  MR_ASSERT_OK(reader->notify({"t", 0}, [&] { ++calls; }));
  auto producer = this->producer("tx");
  MR_ASSERT_OK(producer->begin_transaction());
  auto batch = this->batch_of({"a"});
  MR_ASSERT_OK(producer->append({"t", 0}, batch));
  EXPECT_EQ(calls, 1);
  MR_ASSERT_OK(producer->commit_transaction());
  EXPECT_EQ(calls, 2);
  MR_ASSERT_OK(reader->notify({"t", 0}, nullptr));
  auto plain = this->producer();
  auto more = this->batch_of({"b"});
  MR_ASSERT_OK(plain->append({"t", 0}, more));
  EXPECT_EQ(calls, 2);
}

TYPED_TEST_P(LogClientContract, finds_offsets_by_time) {
  this->make_topic("t");
  auto producer = this->producer();
  for (int i = 0; i < 10; ++i) {
    RecordBatchBuilder batch;
    batch.append({1000 + 10 * i}, "k", "v");
    batch.append({1005 + 10 * i}, "k", "v");
    MR_ASSERT_OK(producer->append({"t", 0}, batch));
  }
  auto reader = this->consumer();
  EXPECT_EQ(*reader->offset_for_time({"t", 0}, {0}), 0);
  EXPECT_EQ(*reader->offset_for_time({"t", 0}, {1025}), 5);
  EXPECT_EQ(*reader->offset_for_time({"t", 0}, {1026}), 6);
  EXPECT_EQ(*reader->offset_for_time({"t", 0}, {2000}), std::nullopt);
}

TYPED_TEST_P(LogClientContract, poll_resumes_from_what_the_group_committed) {
  this->make_topic("t");
  auto producer = this->producer();
  auto batch = this->batch_of({"a", "b", "c"});
  MR_ASSERT_OK(producer->append({"t", 0}, batch));
  ConsumerConfig config;
  config.group_id = "g";
  config.max_poll_records = 2;
  config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
  auto first = *this->client().make_consumer(config);
  MR_ASSERT_OK(first->assign({{"t", 0}}));
  EXPECT_EQ(first->poll(0ms)->size(), 2u);
  MR_ASSERT_OK(first->commit());
  auto second = *this->client().make_consumer(config);
  MR_ASSERT_OK(second->assign({{"t", 0}}));
  auto rest = *second->poll(0ms);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].value, Bytes("c"));
  second->pause({"t", 0});
  MR_ASSERT_OK(second->seek({"t", 0}, 0));
  EXPECT_TRUE(second->poll(0ms)->empty());
  second->resume({"t", 0});
  EXPECT_EQ(second->poll(0ms)->size(), 2u);
}

TYPED_TEST_P(LogClientContract, transactions_out_of_turn_are_refused) {
  this->make_topic("t");
  auto producer = this->producer("tx");
  EXPECT_EQ(producer->commit_transaction().error().code(), ErrorCode::invalid_txn_state);
  auto batch = this->batch_of({"a"});
  EXPECT_EQ(producer->append({"t", 0}, batch).error().code(), ErrorCode::invalid_txn_state);
  MR_ASSERT_OK(producer->begin_transaction());
  EXPECT_EQ(producer->begin_transaction().error().code(), ErrorCode::invalid_txn_state);
  MR_EXPECT_OK(producer->commit_transaction());  // an empty one
}

TYPED_TEST_P(LogClientContract, a_poll_that_fails_at_one_partition_loses_nothing_of_another) {
  this->make_topic("t", 3);
  auto producer = this->producer();
  for (PartitionId p = 0; p < 3; ++p) {
    auto batch = this->batch_of({"of " + std::to_string(p)});
    MR_ASSERT_OK(producer->append({"t", p}, batch));
  }
  ConsumerConfig config;
  config.auto_offset_reset = ConsumerConfig::OffsetReset::none;
  auto reader = *this->client().make_consumer(config);
  MR_ASSERT_OK(reader->assign({{"t", 0}, {"t", 1}, {"t", 2}}));
  for (PartitionId p = 0; p < 3; ++p) MR_ASSERT_OK(reader->seek({"t", p}, p == 1 ? 100 : 0));
  typename TestFixture::Values told;
  for (int i = 0; i < 4; ++i) {
    auto records = reader->poll(0ms);
    if (!records) {
      EXPECT_EQ(records.error().code(), ErrorCode::offset_out_of_range);
      told.push_back("error");
      continue;
    }
    for (const auto& record : *records) told.push_back(*record.value);
  }
  EXPECT_EQ(told, (std::vector<std::string>{"of 0", "error", "of 2", "error"}))
      << "whatever is asked, it is told again";
  MR_ASSERT_OK(reader->seek({"t", 1}, 0));
  auto mended = reader->poll(0ms);
  ASSERT_TRUE(mended);
  ASSERT_EQ(mended->size(), 1u);
  EXPECT_EQ(mended->front().value, Bytes("of 1"));
}

TYPED_TEST_P(LogClientContract, polls_begin_at_one_partition_after_another) {
  this->make_topic("t", 3);
  auto producer = this->producer();
  for (PartitionId p = 0; p < 3; ++p) {
    auto batch = this->batch_of({"a", "b", "c", "d"});
    MR_ASSERT_OK(producer->append({"t", p}, batch));
  }
  ConsumerConfig config;
  config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
  config.max_poll_records = 2;
  auto reader = *this->client().make_consumer(config);
  MR_ASSERT_OK(reader->assign({{"t", 0}, {"t", 1}, {"t", 2}}));
  std::vector<PartitionId> order;
  for (int i = 0; i < 6; ++i) order.push_back(reader->poll(0ms)->front().partition.partition);
  EXPECT_EQ(order, (std::vector<PartitionId>{0, 1, 2, 0, 1, 2}));
}

TYPED_TEST_P(LogClientContract, an_assignment_that_fails_changes_nothing) {
  this->make_topic("t", 2);
  auto producer = this->producer();
  auto reader = this->consumer();
  MR_ASSERT_OK(reader->assign({{"t", 0}}));
  auto failed = reader->assign({{"t", 0}, {"t", 1}, {"missing", 0}});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::unknown_topic_or_partition);
  for (PartitionId p = 0; p < 2; ++p) {
    auto batch = this->batch_of({"of " + std::to_string(p)});
    MR_ASSERT_OK(producer->append({"t", p}, batch));
  }
  auto records = reader->poll(0ms);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 1u);
  EXPECT_EQ(records->front().partition.partition, 0);
  auto unused = this->consumer();
  EXPECT_FALSE(unused->assign({{"t", 0}, {"missing", 0}}));
  unused.reset();
  reader.reset();
  auto more = this->batch_of({"nobody listens"});
  MR_EXPECT_OK(producer->append({"t", 0}, more));
}

TYPED_TEST_P(LogClientContract, a_partition_that_is_assigned_twice_is_assigned) {
  this->make_topic("t");
  auto producer = this->producer();
  auto batch = this->batch_of({"a"}), second = this->batch_of({"b"});
  MR_ASSERT_OK(producer->append({"t", 0}, batch));
  auto reader = this->consumer();
  MR_ASSERT_OK(reader->assign({{"t", 0}, {"t", 0}}));
  EXPECT_EQ(reader->poll(0ms)->size(), 1u);
  MR_ASSERT_OK(reader->assign({{"t", 0}, {"t", 0}}));
  MR_ASSERT_OK(producer->append({"t", 0}, second));
  auto records = reader->poll(0ms);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 1u) << "it goes on from where it stood";
  EXPECT_EQ(records->front().value, Bytes("b"));
}

REGISTER_TYPED_TEST_SUITE_P(
    LogClientContract, what_is_appended_is_read_back_in_order, batches_are_no_larger_than_a_segment,
    send_acknowledges_every_record_with_its_offset, records_keep_key_value_headers_and_timestamp,
    an_undecided_transaction_is_seen_only_by_read_uncommitted,
    an_aborted_transaction_is_never_delivered_to_read_committed, a_member_of_the_group_reads_its_own_undecided_records,
    a_second_producer_of_the_same_name_fences_the_first, offsets_in_a_transaction_appear_with_its_commit,
    everything_is_there_after_a_restart, offsets_out_of_range_are_named, delete_records_moves_the_start,
    a_topic_made_again_is_another, a_consumer_goes_on_with_a_topic_that_was_made_again, refuses_what_kafka_refuses,
    a_record_too_far_from_the_present_is_refused_as_its_topic_says, an_append_and_a_decision_notify,
    finds_offsets_by_time, poll_resumes_from_what_the_group_committed, transactions_out_of_turn_are_refused,
    a_poll_that_fails_at_one_partition_loses_nothing_of_another, polls_begin_at_one_partition_after_another,
    an_assignment_that_fails_changes_nothing, a_partition_that_is_assigned_twice_is_assigned);

}  // namespace millrace
