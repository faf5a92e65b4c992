#include "millrace/runtime/record_deserializer.h"

#include "millrace/base/log.h"
#include "millrace/base/thrown.h"
#include "millrace/runtime/task_id.h"

namespace millrace {

RecordDeserializer::RecordDeserializer(const TopologyNode& source, TopicPartition partition, OnError on_error,
                                       TaskCounters& counters)
    : source_(source),
      partition_(std::move(partition)),
      on_error_(on_error),
      counters_(counters),
      key_(source.key.table->type),
      value_(source.value.table->type) {
  head_.topic = partition_.topic;
  head_.partition = partition_.partition;
}

void RecordDeserializer::drop(const std::string& why) {
  if (counters_.drop()) log_warn("record dropped", {{"where", place_of(partition_, head_.offset)}, {"why", why}});
}

void RecordDeserializer::refuse(const std::string& why) {
  if (on_error_ == OnError::skip) return drop(why);
  ++counters_.dropped;
  throw StreamsError(place_of(partition_, head_.offset) + ": " + why +
                     ". Set deserialization.exception.handler to continue, to skip and count such records");
}

Result<const void*> RecordDeserializer::object(AnyValue& into, const AnySerde& serde, BytesView bytes, bool is_key,
                                               bool nullable) {
  if (!bytes.data()) {
    if (nullable) return nullptr;
    return Error(std::string(
        is_key ? "the key is null, but the topic's key type holds none: declare Topic<std::optional<K>, V>"
               : "the value is null, but the topic's value type holds none: declare Topic<K, std::optional<V>>"));
  }
  const auto refused = [&](const std::string& why) {
    return Error(std::string(is_key ? "the key" : "the value") + " does not deserialise: " + why);
  };
  try {
    auto read = into.read(serde, bytes, {partition_.topic, is_key, head_.headers});
    if (!read) return refused(read.error().message());
  } catch (...) {
    into.reset();
    return refused(thrown());
  }
  return into.get();
}

bool RecordDeserializer::read(const RecordView& record) {
  head_.offset = record.offset;
  head_.timestamp = record.timestamp;
  head_.headers = nullptr;
  if (record.header_count) {
    auto headers = decode_headers(record);
    if (!headers) return refuse(headers.error().message()), false;
    headers_ = *std::move(headers);
    head_.headers = &headers_;
  }
  auto key = object(key_, source_.key, record.key, true, source_.nullable_key || source_.null_key_is_dropped);
  if (!key) return refuse(key.error().message()), false;
  auto value = object(value_, source_.value, record.value, false, source_.nullable_value);
  if (!value) return refuse(value.error().message()), false;
  head_key_ = *key;
  head_value_ = *value;
  return true;
}

bool RecordDeserializer::stamp(const Timestamp& partition_time) {
  if (source_.timestamp_extractor) {
    RecordRef ref{head_key_, head_value_, &partition_time, head_.timestamp, head_.headers, &head_};
    Timestamp extracted = head_.timestamp;
    try {
      source_.timestamp_extractor(ref, {&extracted, [](void* to, const RecordRef& r) {
                                          *static_cast<Timestamp*>(to) = *static_cast<const Timestamp*>(r.value);
                                        }});
    } catch (...) {
      throw StreamsError(place_of(partition_, head_.offset) + ": the timestamp extractor failed: " + thrown());
    }
    head_.timestamp = extracted;
  }
  if (head_.timestamp.ms < 0) {
    drop("negative timestamp");
    return false;
  }
  return true;
}

}  // namespace millrace
