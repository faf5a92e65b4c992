// Kafka's bytes of window store keys, and where a window's rows stand in a checkpoint.
//
//   store key and changelog key: key | window start i64 | sequence i32 (always 0: the DSL's stores retain no
//   duplicates) row key in a checkpoint:     segment id i64 | store key     (all numbers big-endian) table key, in
//   memory:        key | window start i64
#pragma once
#include <algorithm>
#include <cstdint>

#include "millrace/base/bytes.h"
#include "millrace/base/types.h"

namespace millrace {

// Kafka's segment length: half the retention, at least a minute.
inline std::int64_t segment_interval_ms(Duration retention) {
  return std::max<std::int64_t>(retention.count() / 2, 60'000);
}

inline void append_table_key(Bytes& out, BytesView key, Timestamp start) {
  out.append(key);
  append_big_endian<std::int64_t>(out, start.ms);
}
inline BytesView key_in_table_key(BytesView table_key) { return table_key.substr(0, table_key.size() - 8); }
inline Timestamp start_in_table_key(BytesView table_key) {
  return {from_big_endian<std::int64_t>(table_key.data() + table_key.size() - 8)};
}
// From a table key.
inline void append_store_key(Bytes& out, BytesView table_key) {
  out.append(table_key);
  out.append(4, '\0');
}
inline std::int64_t segment_of(Timestamp start, std::int64_t segment_interval) { return start.ms / segment_interval; }
inline void append_row_key(Bytes& out, BytesView table_key, std::int64_t segment_interval) {
  append_big_endian<std::int64_t>(out, segment_of(start_in_table_key(table_key), segment_interval));
  append_store_key(out, table_key);
}
// The other way: the table key is a part of the row key, or of the store key.
inline BytesView table_key_in_row_key(BytesView row_key) { return row_key.substr(8, row_key.size() - 12); }
inline BytesView table_key_in_store_key(BytesView store_key) { return store_key.substr(0, store_key.size() - 4); }

}  // namespace millrace
