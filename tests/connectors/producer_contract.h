// What every producer must do with its queue and its callbacks, for all log clients; used as log_client_contract.h.
#pragma once
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/log.h"
#include "tests/connectors/log_client_contract.h"

namespace millrace {

template <class Log>
class ProducerContract : public LogClientContract<Log> {
 protected:
  // One that sends nothing before it is told to.
  std::unique_ptr<Producer> patient_producer(ProducerConfig config = {}) {
    config.linger = 10s;
    auto made = this->client().make_producer(config);
    EXPECT_TRUE(made);
    if (!config.transactional_id.empty()) MR_EXPECT_OK((*made)->init_transactions());
    return std::move(*made);
  }
  static ProducerRecord record_of(const std::string& topic, const std::string& value) {
    return ProducerRecord{topic, 0, Bytes("k"), Bytes(value), {}, {}};
  }
  // How many records each batch of a partition has.
  std::vector<std::int32_t> batch_counts(const TopicPartition& partition) {
    auto reader = this->consumer();
    std::vector<std::int32_t> counts;
    for (Offset at = 0;;) {
      auto fetched = reader->fetch({partition, at});
      EXPECT_TRUE(fetched);
      if (!fetched || fetched->bytes->empty()) return counts;
      for (BytesView left = *fetched->bytes; !left.empty();) {
        auto batch = *RecordBatchView::parse(left);
        left.remove_prefix(batch.bytes().size());
        counts.push_back(batch.count());
        at = batch.last_offset() + 1;
      }
    }
  }
};
TYPED_TEST_SUITE_P(ProducerContract);

TYPED_TEST_P(ProducerContract, init_transactions_forgets_what_the_transaction_before_it_has_queued) {
  this->make_topic("t");
  ProducerConfig config;
  config.transactional_id = "tx";
  auto producer = this->patient_producer(config);
  MR_ASSERT_OK(producer->begin_transaction());
  auto old = producer->send(this->record_of("t", "old"));
  MR_ASSERT_OK(producer->init_transactions());
  ASSERT_EQ(old.wait_for(0s), std::future_status::ready);
  auto told = old.get();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code(), ErrorCode::invalid_txn_state);
  MR_ASSERT_OK(producer->begin_transaction());
  auto sent = producer->send(this->record_of("t", "new"));
  MR_ASSERT_OK(producer->commit_transaction());
  EXPECT_TRUE(sent.get());
  EXPECT_EQ(this->values({"t", 0}), (std::vector<std::string>{"new"}));
}

TYPED_TEST_P(ProducerContract, a_delivery_callback_that_throws_is_logged_and_the_others_are_called) {
  this->make_topic("t");
  CapturedLog log;
  auto producer = this->patient_producer();
  MR_ASSERT_OK(producer->send(this->record_of("t", "a"), [](const Result<RecordMetadata>&) {
    throw std::runtime_error("no room for the answer");
  }));
  MR_ASSERT_OK(producer->send(this->record_of("t", "b"), [](const Result<RecordMetadata>&) { throw 1; }));
  auto last = producer->send(this->record_of("t", "c"));
  MR_EXPECT_OK(producer->flush());
  EXPECT_EQ(last.get()->offset, 2);
  EXPECT_TRUE(log.contains("no room for the answer"));
}

TYPED_TEST_P(ProducerContract, a_flush_in_a_delivery_callback_is_refused) {
  this->make_topic("t");
  auto producer = this->patient_producer();
  std::optional<Result<>> inner;
  MR_ASSERT_OK(producer->send(this->record_of("t", "a"),
                              [&](const Result<RecordMetadata>&) { inner.emplace(producer->flush()); }));
  MR_EXPECT_OK(producer->flush());
  ASSERT_TRUE(inner);
  ASSERT_FALSE(*inner);
  EXPECT_EQ(inner->error().code(), ErrorCode::invalid_request);
  MR_EXPECT_OK(producer->flush());
}

TYPED_TEST_P(ProducerContract, a_delivery_callback_may_hold_the_last_reference_to_its_producer) {
  this->make_topic("t");
  std::shared_ptr<Producer> producer = this->patient_producer();
  bool called = false;
  MR_ASSERT_OK(
      producer->send(this->record_of("t", "a"), [producer, &called](const Result<RecordMetadata>&) { called = true; }));
  std::future<Result<RecordMetadata>> second = producer->send(this->record_of("t", "b"));
  Producer* last = std::exchange(producer, nullptr).get();
  MR_EXPECT_OK(last->flush());
  EXPECT_TRUE(called);
  EXPECT_EQ(second.get()->offset, 1);
}

TYPED_TEST_P(ProducerContract, what_was_acknowledged_takes_no_buffer_memory) {
  this->make_topic("t");
  ProducerConfig config;
  config.buffer_memory = 16 << 10;
  auto producer = this->patient_producer(config);
  const std::vector<std::int32_t> rounds(20, 200);  // what each leaves behind must not add up to the whole buffer
  for (std::int32_t count : rounds) {
    for (std::int32_t i = 0; i < count; ++i) MR_ASSERT_OK(producer->send(this->record_of("t", "v"), {}));
    MR_ASSERT_OK(producer->flush());
  }
  EXPECT_EQ(this->batch_counts({"t", 0}), rounds);
}

TYPED_TEST_P(ProducerContract, the_brokers_own_topics_are_not_written_to) {
  auto producer = this->patient_producer();
  for (const char* topic : {"__consumer_offsets", "__transaction_state"}) {
    auto sent = producer->send(this->record_of(topic, "v")).get();
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code(), ErrorCode::invalid_topic_exception);
    RecordBatchBuilder batch;
    batch.append(Timestamp{0}, "k", "v");
    auto appended = producer->append({topic, 0}, batch);
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().code(), ErrorCode::invalid_topic_exception);
  }
}

TYPED_TEST_P(ProducerContract, an_abort_out_of_turn_takes_nothing_away) {
  this->make_topic("t");
  auto producer = this->patient_producer();
  auto sent = producer->send(this->record_of("t", "a"));
  EXPECT_EQ(producer->abort_transaction().error().code(), ErrorCode::invalid_txn_state);
  MR_EXPECT_OK(producer->flush());
  EXPECT_TRUE(sent.get());
}

TYPED_TEST_P(ProducerContract, a_transaction_that_has_lost_a_record_is_not_committed_whoever_has_heard_of_it) {
  this->make_topic("t");
  this->make_topic("fewer", 50);
  ProducerConfig config;
  config.transactional_id = "tx";
  auto producer = this->patient_producer(config);
  MR_ASSERT_OK(producer->begin_transaction());
  auto kept = producer->send(this->record_of("t", "a"));
  auto lost = producer->send(ProducerRecord{"fewer", 49, Bytes("k"), Bytes("b"), {}, {}});
  MR_ASSERT_OK(this->client().admin().delete_topic("fewer"));
  this->make_topic("fewer");
  EXPECT_EQ(producer->flush().error().code(), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(producer->commit_transaction().error().code(), ErrorCode::unknown_topic_or_partition);
  MR_ASSERT_OK(producer->abort_transaction());
  EXPECT_FALSE(lost.get());
  MR_ASSERT_OK(producer->begin_transaction());
  auto next = producer->send(this->record_of("t", "c"));
  MR_EXPECT_OK(producer->commit_transaction());
  EXPECT_EQ(this->values({"t", 0}, Isolation::read_committed), (std::vector<std::string>{"c"}));
}

REGISTER_TYPED_TEST_SUITE_P(ProducerContract, init_transactions_forgets_what_the_transaction_before_it_has_queued,
                            the_brokers_own_topics_are_not_written_to,
                            a_delivery_callback_that_throws_is_logged_and_the_others_are_called,
                            a_flush_in_a_delivery_callback_is_refused,
                            a_delivery_callback_may_hold_the_last_reference_to_its_producer,
                            what_was_acknowledged_takes_no_buffer_memory, an_abort_out_of_turn_takes_nothing_away,
                            a_transaction_that_has_lost_a_record_is_not_committed_whoever_has_heard_of_it);

}  // namespace millrace
