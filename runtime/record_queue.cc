#include "millrace/runtime/record_queue.h"

#include <algorithm>

#include "millrace/base/log.h"
#include "millrace/runtime/task_id.h"

namespace millrace {

RecordQueue::RecordQueue(const TopologyNode& source, std::string topic, PartitionId partition,
                         OnError on_deserialization_error, TaskCounters& counters)
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
  batches_.reset(offset);
  reader_.reset();
  live_ = false;
  next_offset_ = offset;
  partition_time_ = partition_time;
}

bool RecordQueue::advance() {
  try {
    return find_head();
  } catch (...) {
    has_failed_ = true;
    throw;
  }
}

bool RecordQueue::find_head() {
  RecordView record;
  for (;;) {
    if (!reader_) {
      auto more = batches_.next(next_offset_);
      if (!more) throw StreamsError(partition_.text() + ": " + more.error().text());
      if (!*more) return false;
      leader_epoch_ = batches_.batch().leader_epoch();
      reader_.emplace(batches_.batch(), decompressed_);
      input_counters_.records += batches_.batch().count();
      input_counters_.bytes += static_cast<std::int64_t>(batches_.batch().bytes().size());
    }
    while (reader_->next(record)) {
      if (record.offset < next_offset_) {
        --input_counters_.records;
        continue;
      }
      next_offset_ = record.offset;
      const bool taken = take(record);
      next_offset_ = record.offset + 1;
      if (taken) return live_ = true;
    }
    if (auto status = reader_->status(); !status) throw StreamsError(partition_.text() + ": " + status.error().text());
    next_offset_ = std::max(next_offset_, batches_.batch().last_offset() + 1);
    reader_.reset();
  }
}

void RecordQueue::drop(const RecordView& record, const std::string& why) {
  if (counters_.drop()) log_warn("record dropped", {{"where", place_of(partition_, record.offset)}, {"why", why}});
}

void RecordQueue::refuse(const RecordView& record, const std::string& why) {
  if (on_error_ == OnError::skip) return drop(record, why);
  ++counters_.dropped;
  throw StreamsError(place_of(partition_, record.offset) + ": " + why +
                     ". Set deserialization.exception.handler to continue, to skip and count such records");
}

Result<const void*> RecordQueue::object(AnyValue& into, const AnySerde& serde, BytesView bytes, bool is_key,
                                        bool nullable) {
  if (!bytes.data()) {
    if (nullable) return nullptr;
    return Error(std::string(
        is_key ? "the key is null, but the topic's key type holds none: declare Topic<std::optional<K>, V>"
               : "the value is null, but the topic's value type holds none: declare Topic<K, std::optional<V>>"));
  }
  auto read = into.read(serde, bytes, {partition_.topic, is_key, head_.headers});
  if (!read)
    return Error(std::string(is_key ? "the key" : "the value") + " does not deserialise: " + read.error().message());
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
      throw StreamsError(place_of(partition_, record.offset) + ": the timestamp extractor failed: " + e.what());
    }
    head_.timestamp = extracted;
  }
  if (head_.timestamp.ms < 0) {
    drop(record, "negative timestamp");
    return false;
  }
  return true;
}

}  // namespace millrace
