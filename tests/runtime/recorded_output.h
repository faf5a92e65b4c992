// RecordedOutput: a task's output as a list of what was sent, for tests without a log.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "millrace/runtime/task_id.h"
#include "millrace/runtime/task_output.h"

namespace millrace {

class RecordedOutput final : public TaskOutput {
 public:
  struct Sent {
    std::string topic;
    PartitionId partition;
    Timestamp timestamp;
    bool has_key, has_value;
    std::string key, value;
    Headers headers;
  };
  int topic(const std::string& topic) override {
    for (std::size_t i = 0; i < topics_.size(); ++i)
      if (topics_[i] == topic) return static_cast<int>(i);
    topics_.push_back(topic);
    return static_cast<int>(topics_.size() - 1);
  }
  int unlogged(const std::string& store) override { return topic("unlogged " + store); }
  int partition_count(int) override { return partitions; }
  void send(int topic, PartitionId partition, Timestamp timestamp, BytesView key, BytesView value,
            const Headers* headers) override {
    if (fails) throw StreamsError("the log fails", ErrorCode::kafka_storage_error);
    sent.push_back({topics_[static_cast<std::size_t>(topic)], partition, timestamp, key.data() != nullptr,
                    value.data() != nullptr, std::string(key), std::string(value), headers ? *headers : Headers{}});
  }
  // "topic:key=value topic:key=value", taken away.
  std::string take() {
    std::string out;
    for (const Sent& s : sent)
      out += (out.empty() ? "" : " ") + s.topic + ":" + (s.has_key ? s.key : "null") + "=" +
             (s.has_value ? s.value : "null");
    sent.clear();
    return out;
  }
  std::vector<Sent> sent;
  int partitions = 1;
  bool fails = false;

 private:
  std::vector<std::string> topics_;
};

}  // namespace millrace
