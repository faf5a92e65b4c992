#include "millrace/runtime/record_collector.h"

#include <algorithm>

#include "millrace/runtime/task_id.h"

namespace millrace {

namespace {
constexpr std::size_t batch_bytes_max = 128 << 10;  // a batch is closed when it has grown to this
constexpr std::size_t record_overhead_max = 40;     // lengths and deltas of a record
constexpr std::size_t pool_size_max = 64;
}  // namespace

RecordBatchBuilder BuilderPool::take() {
  std::lock_guard lock(mutex_);
  if (free_.empty()) return {};
  RecordBatchBuilder builder = std::move(free_.back());
  free_.pop_back();
  return builder;
}

void BuilderPool::give_back(RecordBatchBuilder builder) {
  builder.clear();
  std::lock_guard lock(mutex_);
  if (free_.size() < pool_size_max) free_.push_back(std::move(builder));
}

int RecordCollector::topic(const std::string& topic) {
  if (int known = number_of(topic, false); known >= 0) return known;
  auto description = admin_.describe_topic(topic);
  if (!description) throw StreamsError("topic " + topic + ": " + description.error().text());
  Topic t;
  t.message_bytes_max = description->message_bytes_max();
  t.batch_bytes_max = std::min(batch_bytes_max, t.message_bytes_max);
  t.target = {topic, description->partitions};
  return add(std::move(t));
}

int RecordCollector::unlogged(const std::string& store) {
  if (int known = number_of(store, true); known >= 0) return known;
  Topic t;
  t.batch_bytes_max = batch_bytes_max;
  t.message_bytes_max = SIZE_MAX;
  t.target = {store, 1};
  t.keep = t.is_unlogged = true;
  return add(std::move(t));
}

int RecordCollector::number_of(const std::string& name, bool is_unlogged) const {
  for (std::size_t i = 0; i < topics_.size(); ++i)
    if (topics_[i].is_unlogged == is_unlogged && topics_[i].target.topic == name) return static_cast<int>(i);
  return -1;
}

int RecordCollector::add(Topic t) {
  for (PartitionId p = 0; p < t.target.partitions; ++p) t.partitions.push_back({t.target.topic, p});
  t.open.resize(t.partitions.size());
  t.touched.resize(t.partitions.size());
  topics_.push_back(std::move(t));
  return static_cast<int>(topics_.size() - 1);
}

void RecordCollector::send(int topic, PartitionId partition, Timestamp timestamp, BytesView key, BytesView value,
                           const Headers* headers) {
  Topic& t = topics_[static_cast<std::size_t>(topic)];
  std::size_t bytes = key.size() + value.size() + record_overhead_max;
  if (headers)
    for (const auto& header : *headers)
      bytes += header.name.size() + (header.value ? header.value->size() : 0) + record_overhead_max;
  RecordBatchBuilder& batch = batch_for(topic, partition, bytes);
  dirty_ = true;
  batch.append(timestamp, key, value, headers);
  ++t.records;
  t.last = timestamp;
  if (batch.size() < t.batch_bytes_max) return;
  if (batch.size() > t.message_bytes_max) {
    const std::size_t size = batch.size();
    batch.clear();
    throw StreamsError("a record for " + t.partitions[static_cast<std::size_t>(partition)].text() + " has " +
                       std::to_string(size) +
                       " bytes in its batch, over max.message.bytes (or segment.bytes, if less) = " +
                       std::to_string(t.message_bytes_max) +
                       " of that topic. Store the data elsewhere and send a reference, or raise it");
  }
  close_batch(topic, partition);
}

// A record that is too large for what is open is alone in its batch, since the log refuses batches, not records.
RecordBatchBuilder& RecordCollector::batch_for(int topic, PartitionId& partition, std::size_t bytes) {
  Topic& t = topics_[static_cast<std::size_t>(topic)];
  const bool without_key = partition < 0;
  if (without_key) partition = t.sticky;
  if (auto& open = t.open[static_cast<std::size_t>(partition)];
      open && !open->empty() && open->size() + bytes > t.batch_bytes_max) {
    close_batch(topic, partition);
    if (without_key) partition = t.sticky;
  }
  auto& open = t.open[static_cast<std::size_t>(partition)];
  if (!open) {
    open = std::make_unique<RecordBatchBuilder>(pool_.take());
    opened_.emplace_back(topic, partition);
  }
  return *open;
}

void RecordCollector::close_batch(int topic, PartitionId partition) {
  Topic& t = topics_[static_cast<std::size_t>(topic)];
  auto open = std::move(t.open[static_cast<std::size_t>(partition)]);
  if (!open || open->empty()) return;
  t.bytes += static_cast<std::int64_t>(open->size());
  if (partition == t.sticky)
    t.sticky = (t.sticky + 1) % t.target.partitions;  // null keys: another partition with every batch
  if (holding_) {
    held_bytes_ += open->size();
    held_.push_back({topic, partition, std::move(*open), t.records});
    return;
  }
  append(topic, partition, *open, t.records);
  pool_.give_back(std::move(*open));
}

void RecordCollector::append(int topic, PartitionId partition, RecordBatchBuilder& batch, std::int64_t records) {
  Topic& t = topics_[static_cast<std::size_t>(topic)];
  if (t.is_unlogged) {
    logged_.push_back({topic, {std::make_shared<Bytes>(batch.seal({})), records, 0}});
    logged_bytes_ += batch.size();
    return;
  }
  const TopicPartition& to = t.partitions[static_cast<std::size_t>(partition)];
  auto base = producer_.append(to, batch);
  if (!base) throw StreamsError(to.text() + ": " + base.error().text(), base.error().code());
  t.touched[static_cast<std::size_t>(partition)] = true;
  if (!t.keep) return;
  logged_.push_back({topic, {std::make_shared<Bytes>(batch.sealed()), records, *base + batch.count()}});
  logged_bytes_ += batch.size();
}

void RecordCollector::append_all() {
  auto opened = std::exchange(opened_, {});
  for (auto [topic, partition] : opened) close_batch(topic, partition);
  opened.clear();
  if (opened_.empty()) opened_ = std::move(opened);
}

void RecordCollector::release() {
  holding_ = false;
  held_bytes_ = 0;
  for (Held& h : std::exchange(held_, {})) {
    append(h.topic, h.partition, h.batch, h.records);
    pool_.give_back(std::move(h.batch));
  }
}

std::vector<TopicPartition> RecordCollector::take_touched() {
  std::vector<TopicPartition> result;
  for (Topic& t : topics_)
    for (std::size_t p = 0; p < t.touched.size(); ++p)
      if (t.touched[p]) {
        result.push_back(t.partitions[p]);
        t.touched[p] = false;
      }
  return result;
}

}  // namespace millrace
