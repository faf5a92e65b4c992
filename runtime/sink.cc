#include "millrace/runtime/sink.h"

#include "millrace/base/murmur2.h"
#include "millrace/runtime/task_id.h"

namespace millrace {

Sink::Sink(const TopologyNode& node, std::string topic, TaskOutput& output)
    : node_(node),
      topic_(std::move(topic)),
      output_(output),
      topic_number_(output.topic(topic_)),
      partition_count_(output.partition_count(topic_number_)) {}

void Sink::process(const RecordRef& record) {
  auto bytes = [&](const void* object, const AnySerde& serde, Bytes& scratch, bool is_key) -> BytesView {
    if (!object) return {};
    auto written = serialized(serde, object, scratch, {topic_, is_key, record.headers});
    if (!written)
      throw StreamsError("sink " + node_.name + ", topic " + topic_ + ": the " + (is_key ? "key" : "value") +
                         " does not serialise: " + written.error().message());
    return written->data() ? *written : BytesView("");
  };
  const BytesView key = bytes(record.key, node_.key, key_, true);
  const BytesView value = bytes(record.value, node_.value, value_, false);
  PartitionId partition = -1;  // a null key: the output's choice
  if (partition_count_ == 1) {
    partition = 0;
  } else if (key.data()) {
    const std::size_t suffix = node_.key.table->suffix ? node_.key.table->suffix(node_.key.self) : 0;
    partition = partition_for_key(key.substr(0, key.size() - std::min(suffix, key.size())), partition_count_);
  }
  output_.send(topic_number_, partition, record.timestamp, key, value, record.headers);
}

}  // namespace millrace
