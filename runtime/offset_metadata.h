// What Kafka Streams keeps beside a committed offset: the partition time, so that stream time survives a restart and a
// move to or from Java.
//
//   base64 of: version i8 = 2 | partition time i64 | (count i32 | count × (length i32 | name | value i64), only if
//   there are any)
#pragma once
#include <map>
#include <string>

#include "millrace/base/result.h"
#include "millrace/base/types.h"

namespace millrace {

struct OffsetMetadata {
  Timestamp partition_time{-1};
  std::map<std::string, std::int64_t> processors;  // a processor's own long, by store name
};

std::string encode(const OffsetMetadata& metadata);
// An empty text, or version 1 (which has no processors), is read as well. Error: CORRUPT_MESSAGE; UNSUPPORTED_VERSION.
Result<OffsetMetadata> decode_offset_metadata(std::string_view text);

}  // namespace millrace
