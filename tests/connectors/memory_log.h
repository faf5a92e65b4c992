// A log in memory, for tests of what writes to one: transactions, read_committed, fencing, and failures on order. One
// thread.
#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "millrace/connectors/log_client.h"

namespace millrace::test {

struct MemoryLogState {
  std::map<std::string, std::vector<ConsumedRecord>> topics;  // committed records, all in partition 0
  std::map<std::string, std::string> cleanup;
  std::map<std::string, int> epochs;  // by transactional id
  int fail_commit_in = 0;             // the n-th commit from now fails …
  bool commit_takes_effect = false;   // … though it happened
  int fail_send_in = 0;               // the n-th send from now fails
};

class MemoryProducer : public Producer {
 public:
  MemoryProducer(MemoryLogState& state, std::string id) : state_(state), id_(std::move(id)) {}
  Result<> send(ProducerRecord record, DeliveryCallback callback) override {
    if (!open_) return Error(ErrorCode::invalid_txn_state, "no transaction");
    if (state_.fail_send_in > 0 && --state_.fail_send_in == 0) return Error(ErrorCode::message_too_large, "ordered");
    if (!state_.topics.contains(record.topic)) return Error(ErrorCode::unknown_topic_or_partition, record.topic);
    ConsumedRecord stored;
    stored.partition = {record.topic, 0};
    stored.key = std::move(record.key);
    stored.value = std::move(record.value);
    pending_.push_back(std::move(stored));
    if (callback) callback(RecordMetadata{});
    return {};
  }
  Result<> flush() override { return {}; }
  Result<Offset> append(const TopicPartition&, RecordBatchBuilder&) override { return Error("not in this log"); }
  Result<> sync(const std::vector<TopicPartition>&) override { return Error("not in this log"); }
  Result<> init_transactions() override {
    epoch_ = ++state_.epochs[id_];
    pending_.clear();
    open_ = false;
    return {};
  }
  Result<> begin_transaction() override {
    open_ = true;
    return {};
  }
  Result<> send_offsets_to_transaction(const OffsetsToCommit&, const std::string&) override {
    return Error("not in this log");
  }
  Result<> commit_transaction() override {
    if (epoch_ != state_.epochs[id_]) return Error(ErrorCode::producer_fenced, id_);
    open_ = false;
    bool fails = state_.fail_commit_in > 0 && --state_.fail_commit_in == 0;
    if (!fails || state_.commit_takes_effect) {
      for (ConsumedRecord& record : pending_) {
        auto& log = state_.topics[record.partition.topic];
        record.offset = static_cast<Offset>(log.size());
        log.push_back(std::move(record));
      }
    }
    pending_.clear();
    if (fails) return Error(ErrorCode::request_timed_out, "ordered");
    return {};
  }
  Result<> abort_transaction() override {
    pending_.clear();
    open_ = false;
    return {};
  }
  ProducerId producer_id() const override { return 1; }

 private:
  MemoryLogState& state_;
  std::string id_;
  int epoch_ = 0;
  bool open_ = false;
  std::vector<ConsumedRecord> pending_;
};

class MemoryConsumer : public Consumer {
 public:
  explicit MemoryConsumer(MemoryLogState& state) : state_(state) {}
  Result<> assign(std::vector<TopicPartition> partitions) override {
    topic_ = partitions.at(0).topic;
    return {};
  }
  Result<> seek(const TopicPartition&, Offset offset) override {
    at_ = offset;
    return {};
  }
  Result<Offset> position(const TopicPartition&) override { return at_; }
  void pause(const TopicPartition&) override {}
  void resume(const TopicPartition&) override {}
  Result<std::vector<ConsumedRecord>> poll(Duration) override {
    auto& log = state_.topics[topic_];
    std::size_t end = std::min<std::size_t>(log.size(), static_cast<std::size_t>(at_) + 2);
    std::vector<ConsumedRecord> records(log.begin() + at_, log.begin() + static_cast<std::ptrdiff_t>(end));
    at_ = static_cast<Offset>(end);
    return records;
  }
  Result<> commit(const OffsetsToCommit&) override { return Error("not in this log"); }
  Result<> commit() override { return Error("not in this log"); }
  Result<OffsetsToCommit> committed(const std::vector<TopicPartition>&) override { return OffsetsToCommit{}; }
  Result<FetchedBatches> fetch(const FetchRequest&) override { return Error("not in this log"); }
  Result<Offset> end_offset(const TopicPartition& partition, Isolation) override {
    return static_cast<Offset>(state_.topics[partition.topic].size());
  }
  Result<Offset> beginning_offset(const TopicPartition&) override { return Offset{0}; }
  Result<std::optional<Offset>> offset_for_time(const TopicPartition&, Timestamp) override {
    return std::optional<Offset>{};
  }
  Result<> notify(const TopicPartition&, std::function<void()>) override { return {}; }
  void wake() override {}

 private:
  MemoryLogState& state_;
  std::string topic_;
  Offset at_ = 0;
};

class MemoryLog : public LogClient, public Admin {
 public:
  Result<std::unique_ptr<Producer>> make_producer(const ProducerConfig& config) override {
    return std::unique_ptr<Producer>(std::make_unique<MemoryProducer>(state, config.transactional_id));
  }
  Result<std::unique_ptr<Consumer>> make_consumer(const ConsumerConfig&) override {
    return std::unique_ptr<Consumer>(std::make_unique<MemoryConsumer>(state));
  }
  Admin& admin() override { return *this; }
  bool is_embedded() const override { return true; }
  Result<> create_topic(const NewTopic& topic) override {
    if (state.topics.contains(topic.name)) return Error(ErrorCode::topic_already_exists, topic.name);
    state.topics[topic.name];
    auto cleanup = topic.configs.find("cleanup.policy");
    state.cleanup[topic.name] = cleanup == topic.configs.end() ? "delete" : cleanup->second;
    return {};
  }
  Result<> delete_topic(const std::string& name) override {
    state.topics.erase(name);
    return {};
  }
  Result<std::vector<TopicDescription>> list_topics() override { return std::vector<TopicDescription>{}; }
  Result<TopicDescription> describe_topic(const std::string& name) override {
    return TopicDescription{.name = name, .partitions = 1};
  }
  Result<PartitionOffsets> describe_partition(const TopicPartition&) override { return PartitionOffsets{}; }
  Result<std::optional<Offset>> end_of_leader_epoch(const TopicPartition&, LeaderEpoch) override {
    return std::optional<Offset>();
  }
  Result<> delete_records(const TopicPartition&, Offset) override { return {}; }
  Result<std::vector<GroupDescription>> describe_groups() override { return std::vector<GroupDescription>{}; }
  // Values of a topic's committed records.
  std::vector<std::string> values(const std::string& topic) const {
    std::vector<std::string> all;
    for (const ConsumedRecord& record : state.topics.at(topic)) all.push_back(record.value.value_or(Bytes("(null)")));
    return all;
  }
  MemoryLogState state;
};

}  // namespace millrace::test
