// NewTopic: a topic that is to be made.
#pragma once
#include <map>
#include <string>

namespace millrace {

struct NewTopic {
  std::string name;
  int partitions = 1;
  std::map<std::string, std::string>
      configs;  // Kafka's keys: cleanup.policy, retention.ms, segment.bytes, max.message.bytes, …
};

}  // namespace millrace
