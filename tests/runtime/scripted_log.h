// ScriptedLog: a log in memory that does as it is told: it notes the calls that decide something, in order, and fails
// those that a test names. No transactions: a test says what is undecided and what was aborted. One thread.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "millrace/connectors/log_client.h"
#include "tests/runtime/queue_fixture.h"

namespace millrace {

class ScriptedLog final : public Producer, public Consumer, public Admin {
 public:
  struct Partition {
    std::vector<Bytes> batches;
    Offset start = 0, end = 0;
    std::optional<Offset> undecided;  // the first undecided record; none: all is decided
    std::vector<FetchedBatches::Aborted> aborted;
    std::function<void()> callback;
  };
  static constexpr ProducerId id = 7;

  // ---- for the test
  void create(const std::string& topic, int partitions = 1) {
    topics_[topic] = partitions;
    for (PartitionId p = 0; p < partitions; ++p) partitions_[{topic, p}];
  }
  Partition& at(const TopicPartition& partition) { return partitions_.at(partition); }
  // One batch from outside, whose readers are told.
  void put(const TopicPartition& partition, const std::vector<QueuedRecord>& records,
           RecordBatchBuilder::Stamp stamp = {}) {
    Partition& p = at(partition);
    p.batches.push_back(batch_of(p.end, records, stamp));
    p.end += static_cast<Offset>(records.size());
    if (p.callback) p.callback();
  }
  // A marker, or a hole that compaction left: one offset without a record.
  void put_marker(const TopicPartition& partition, ControlType type, ProducerId producer) {
    Partition& p = at(partition);
    Bytes marker = encode_end_transaction_marker(type, producer, 0, 0, Timestamp{0});
    assign_offsets(marker.data(), p.end++, 0);
    p.batches.push_back(std::move(marker));
    if (p.callback) p.callback();
  }
  // "key=value key=value" of all records in the partition.
  std::string text(const TopicPartition& partition) {
    std::string out;
    Bytes scratch;
    for (const Bytes& bytes : at(partition).batches) {
      auto batch = RecordBatchView::parse(bytes);
      if (!batch || batch->is_control()) continue;
      RecordReader reader(*batch, scratch);
      auto part = [](BytesView view) { return view.data() ? std::string(view) : "null"; };
      for (RecordView r; reader.next(r);) out += (out.empty() ? "" : " ") + part(r.key) + "=" + part(r.value);
    }
    return out;
  }
  // Calls since the last time, and what the test noted between them.
  std::vector<std::string> take_calls() { return std::exchange(calls, {}); }
  std::vector<std::string> calls;
  // The next call of this name (as in `calls`, its first word) fails so, once.
  std::map<std::string, Error> fails;
  int batches_per_fetch = 1000;
  std::map<std::string, std::string> configs;  // of every topic
  std::optional<Offset> epoch_end;             // of every leader epoch
  std::vector<FetchRequest> fetches;

  // ---- Producer
  Result<> send(ProducerRecord, DeliveryCallback) override { return Error("not in this log"); }
  Result<> flush() override { return Error("not in this log"); }
  Result<Offset> append(const TopicPartition& to, RecordBatchBuilder& batch) override {
    MR_TRY(call("append", to.text()));
    Partition& p = at(to);
    const Offset base = p.end;
    p.batches.emplace_back(
        batch.seal({.base_offset = base, .leader_epoch = 0, .producer_id = id, .producer_epoch = 0}));
    p.end += batch.count();
    if (p.callback) p.callback();
    return base;
  }
  Result<> sync(const std::vector<TopicPartition>& partitions) override {
    std::string all;
    for (const auto& p : partitions) all += (all.empty() ? "" : " ") + p.text();
    return call("sync", all);
  }
  Result<> init_transactions() override { return call("init"); }
  Result<> begin_transaction() override { return call("begin"); }
  Result<> send_offsets_to_transaction(const OffsetsToCommit& offsets, const std::string& group_id) override {
    return call("offsets", group_id + " " + text(offsets));
  }
  Result<> commit_transaction() override { return call("commit"); }
  Result<> abort_transaction() override { return call("abort"); }
  ProducerId producer_id() const override { return id; }

  // ---- Consumer
  Result<> assign(std::vector<TopicPartition>) override { return Error("not in this log"); }
  Result<> seek(const TopicPartition&, Offset) override { return Error("not in this log"); }
  Result<Offset> position(const TopicPartition&) override { return Error("not in this log"); }
  void pause(const TopicPartition&) override {}
  void resume(const TopicPartition&) override {}
  Result<std::vector<ConsumedRecord>> poll(Duration) override { return Error("not in this log"); }
  Result<> commit(const OffsetsToCommit& offsets) override { return call("commit_offsets", text(offsets)); }
  Result<> commit() override { return Error("not in this log"); }
  Result<OffsetsToCommit> committed(const std::vector<TopicPartition>&) override { return OffsetsToCommit{}; }
  Result<FetchedBatches> fetch(const FetchRequest& request) override {
    fetches.push_back(request);
    if (auto failure = fails.extract("fetch")) return std::move(failure.mapped());
    Partition& p = at(request.partition);
    const bool committed = request.isolation == Isolation::read_committed && request.own_producer_id < 0;
    const Offset stable = p.undecided.value_or(p.end);
    std::vector<Bytes> batches;
    for (const Bytes& bytes : p.batches) {
      auto batch = RecordBatchView::parse(bytes);
      if (batch->last_offset() < std::max(request.offset, p.start)) continue;
      if (committed && batch->last_offset() >= stable) break;
      if (static_cast<int>(batches.size()) == batches_per_fetch) break;
      batches.push_back(bytes);
    }
    FetchedBatches result = fetched(batches, committed ? p.aborted : std::vector<FetchedBatches::Aborted>{});
    result.log_start_offset = p.start;
    result.high_watermark = p.end;
    result.last_stable_offset = stable;
    return result;
  }
  Result<Offset> end_offset(const TopicPartition& partition, Isolation isolation) override {
    Partition& p = at(partition);
    return isolation == Isolation::read_committed ? p.undecided.value_or(p.end) : p.end;
  }
  Result<Offset> beginning_offset(const TopicPartition& partition) override { return at(partition).start; }
  Result<std::optional<Offset>> offset_for_time(const TopicPartition&, Timestamp) override {
    return Error("not in this log");
  }
  Result<> notify(const TopicPartition& partition, std::function<void()> callback) override {
    at(partition).callback = std::move(callback);
    return {};
  }
  void wake() override {}

  // ---- Admin
  Result<> create_topic(const NewTopic&) override { return Error("not in this log"); }
  Result<> delete_topic(const std::string&) override { return Error("not in this log"); }
  Result<std::vector<TopicDescription>> list_topics() override { return Error("not in this log"); }
  Result<TopicDescription> describe_topic(const std::string& name) override {
    auto topic = topics_.find(name);
    if (topic == topics_.end()) return Error(ErrorCode::unknown_topic_or_partition, name);
    return TopicDescription{.name = name, .id = {1, 2}, .partitions = topic->second, .configs = configs};
  }
  Result<PartitionOffsets> describe_partition(const TopicPartition& partition) override {
    Partition& p = at(partition);
    return PartitionOffsets{p.start, p.undecided.value_or(p.end), p.end, p.end, 0};
  }
  Result<std::optional<Offset>> end_of_leader_epoch(const TopicPartition&, LeaderEpoch) override { return epoch_end; }
  Result<> delete_records(const TopicPartition& partition, Offset before) override {
    return call("delete_records", partition.text() + ":" + std::to_string(before));
  }
  Result<std::vector<GroupDescription>> describe_groups() override { return Error("not in this log"); }

 private:
  Result<> call(const std::string& name, const std::string& what = "") {
    calls.push_back(name + (what.empty() ? "" : " " + what));
    if (auto failure = fails.extract(name)) return std::move(failure.mapped());
    return {};
  }
  static std::string text(const OffsetsToCommit& offsets) {
    std::string all;
    for (const auto& [partition, offset] : offsets)
      all += (all.empty() ? "" : " ") + partition.text() + ":" + std::to_string(offset.offset);
    return all;
  }
  std::map<std::string, int> topics_;
  std::map<TopicPartition, Partition> partitions_;
};

}  // namespace millrace
