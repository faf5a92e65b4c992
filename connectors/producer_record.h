// ProducerRecord: a record on its way to a log: what programs, sources and tools give a Producer.
#pragma once
#include <optional>
#include <string>

#include "millrace/base/types.h"

namespace millrace {

struct ProducerRecord {
  std::string topic;
  std::optional<PartitionId> partition;  // none: murmur2 of the key as Java's, sticky for null keys (KIP-480)
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  std::optional<Timestamp> timestamp;  // none: now
  Headers headers;
};

}  // namespace millrace
