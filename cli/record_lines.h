// A record as one line of output: what `consume` prints.
#pragma once
#include <string>

#include "cli/field_format.h"
#include "millrace/base/record_batch.h"

namespace millrace::cli {

struct LineFormat {
  bool json = false;  // an object with topic, partition, offset, timestamp, key, value, headers
  FieldFormat key = FieldFormat::string;
  FieldFormat value = FieldFormat::string;
  bool print_key = false;  // text: the key and `separator` before the value
  std::string separator;
  std::string null;  // text: what stands for a null key or value
};

// Appends the line and its end to `out`. Errors: INVALID_RECORD (a field does not fit its format), CORRUPT_MESSAGE.
Result<> append_line(std::string& out, const LineFormat& format, const TopicPartition& partition,
                     const RecordView& record);
// `text`, which is UTF-8, as a JSON string.
void append_json_string(std::string& out, std::string_view text);

}  // namespace millrace::cli
