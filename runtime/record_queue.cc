#include "millrace/runtime/record_queue.h"

#include <algorithm>

#include "millrace/runtime/task_id.h"

namespace millrace {

RecordQueue::RecordQueue(const TopologyNode& source, std::string topic, PartitionId partition, OnError on_deserialization_error,
                         TaskCounters& counters)
    : source_(source),
      partition_{std::move(topic), partition},
      on_error_(on_deserialization_error),
      counters_(counters),
      key_(source.key.table->type),
      value_(source.value.table->type) {
  head_.topic = partition_.topic;
  head_.partition = partition;
}

void RecordQueue::seek(Offset offset, Timestamp partition_time) {
  waiting_.clear();
  bytes_.reset();
  reader_.reset();
  aborted_.clear();
  aborting_.clear();
  live_ = false;
  fetch_offset_ = next_offset_ = taken_offset_ = offset;
  partition_time_ = partition_time;
}

void RecordQueue::add(const FetchedBatches& batches) {
  BytesView bytes = *batches.bytes;
  Offset end = fetch_offset_;
  std::size_t size = 0;
  while (std::size_t n = RecordBatchView::size_at(bytes.substr(size))) {
    if (size + n > bytes.size()) break;
    // Last offset: base offset and delta stand in the header; parse() checks the rest when the batch is read.
    if (bytes.size() - size < batch_header_size) break;
    end = from_big_endian<std::int64_t>(bytes.data() + size) + from_big_endian<std::int32_t>(bytes.data() + size + 23) + 1;
    size += n;
  }
  fetch_offset_ = std::max(fetch_offset_, end);
  if (size) waiting_.push_back(batches);
}

bool RecordQueue::skip_aborted(const RecordBatchView& batch) {
  while (!aborted_.empty() && aborted_.front().first_offset <= batch.last_offset()) {
    aborting_.insert(aborted_.front().producer_id);
    aborted_.erase(aborted_.begin());
  }
  if (batch.is_control()) {
    aborting_.erase(batch.producer_id());
    return true;
  }
  return batch.is_transactional() && aborting_.contains(batch.producer_id());
}

bool RecordQueue::next_batch() {
  for (;;) {
    if (!bytes_) {
      if (waiting_.empty()) return false;
      FetchedBatches next = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
      bytes_ = std::move(next.bytes);
      at_ = 0;
      for (const auto& a : next.aborted)
        if (!aborting_.contains(a.producer_id)) aborted_.push_back(a);
      std::sort(aborted_.begin(), aborted_.end(), [](const auto& a, const auto& b) { return a.first_offset < b.first_offset; });
    }
    BytesView rest = BytesView(*bytes_).substr(at_);
    const std::size_t size = RecordBatchView::size_at(rest);
    if (size == 0 || size > rest.size()) {
      bytes_.reset();
      continue;
    }
    auto batch = RecordBatchView::parse(rest);
    if (!batch) throw StreamsError(partition_.text() + ", at offset " + std::to_string(next_offset_) + ": " + batch.error().text());
    if (!batch->crc_matches())
      throw StreamsError(partition_.text() + ", batch at offset " + std::to_string(batch->base_offset()) +
                         ": its CRC does not match: the log was damaged");
    at_ += size;
    if (batch->last_offset() < next_offset_) continue;
    leader_epoch_ = batch->leader_epoch();
    if (skip_aborted(*batch)) {
      next_offset_ = batch->last_offset() + 1;
      continue;
    }
    batch_ = *batch;
    reader_ = std::make_unique<RecordReader>(batch_, decompressed_);
    return true;
  }
}

bool RecordQueue::advance() {
  RecordView record;
  for (;;) {
    if (!reader_ && !next_batch()) return false;
    while (reader_->next(record)) {
      if (record.offset < next_offset_) continue;
      next_offset_ = record.offset + 1;
      if (take(record)) return live_ = true;
    }
    if (auto status = reader_->status(); !status) throw StreamsError(partition_.text() + ": " + status.error().text());
    next_offset_ = std::max(next_offset_, batch_.last_offset() + 1);
    reader_.reset();
  }
}

void RecordQueue::refuse(const RecordView& record, const std::string& why) {
  ++counters_.dropped;
  if (on_error_ == OnError::skip) return;
  throw StreamsError("topic " + partition_.topic + ", partition " + std::to_string(partition_.partition) + ", offset " +
                     std::to_string(record.offset) + ": " + why +
                     ". Set deserialization.exception.handler to continue, to skip and count such records");
}

Result<const void*> RecordQueue::object(AnyValue& into, const AnySerde& serde, BytesView bytes, bool is_key, bool nullable) {
  if (!bytes.data()) {
    if (nullable) return nullptr;
    return Error(std::string(is_key ? "the key is null, but the topic's key type holds none: declare Topic<std::optional<K>, V>"
                                    : "the value is null, but the topic's value type holds none: declare Topic<K, std::optional<V>>"));
  }
  auto read = into.read(serde, bytes, {partition_.topic, is_key, head_.headers});
  if (!read) return Error(std::string(is_key ? "the key" : "the value") + " does not deserialise: " + read.error().message());
  return into.get();
}

bool RecordQueue::take(const RecordView& record) {
  head_.offset = record.offset;
  head_.timestamp = record.timestamp;
  head_.headers = nullptr;
  if (record.header_count) {
    auto headers = decode_headers(record);
    if (!headers) return refuse(record, headers.error().message()), false;
    headers_ = *std::move(headers);
    head_.headers = &headers_;
  }
  auto key = object(key_, source_.key, record.key, true, source_.nullable_key || source_.null_key_is_dropped);
  if (!key) return refuse(record, key.error().message()), false;
  auto value = object(value_, source_.value, record.value, false, source_.nullable_value);
  if (!value) return refuse(record, value.error().message()), false;
  head_key_ = *key;
  head_value_ = *value;
  if (source_.timestamp_extractor) {
    RecordRef ref{head_key_, head_value_, &partition_time_, head_.timestamp, head_.headers, &head_};
    Timestamp extracted = head_.timestamp;
    try {
      source_.timestamp_extractor(ref, {&extracted, [](void* to, const RecordRef& r) {
                                          *static_cast<Timestamp*>(to) = *static_cast<const Timestamp*>(r.value);
                                        }});
    } catch (const std::exception& e) {
      throw StreamsError("topic " + partition_.topic + ", partition " + std::to_string(partition_.partition) + ", offset " +
                         std::to_string(record.offset) + ": the timestamp extractor failed: " + e.what());
    }
    head_.timestamp = extracted;
  }
  if (head_.timestamp.ms < 0) {
    ++counters_.dropped;
    return false;
  }
  return true;
}

}  // namespace millrace
