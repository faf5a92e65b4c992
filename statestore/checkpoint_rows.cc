#include "millrace/statestore/checkpoint_rows.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <unordered_map>

#include "millrace/statestore/window_key.h"

namespace millrace {

namespace {

struct KeyHash {
  std::size_t operator()(BytesView key) const { return XXH3_64bits(key.data(), key.size()); }
};
struct Last {
  BytesView value;  // null data: deleted
  Timestamp timestamp;
};
using LastValues = std::unordered_map<BytesView, Last, KeyHash>;

// Uncompressed batches are read in place, so views into them live as long as the batches do.
Result<> collect(BytesView bytes, LastValues& last, std::vector<std::unique_ptr<Bytes>>& decompressed) {
  while (!bytes.empty()) {
    MR_ASSIGN(RecordBatchView batch, RecordBatchView::parse(bytes));
    bytes.remove_prefix(batch.bytes().size());
    if (batch.is_control()) continue;
    decompressed.push_back(std::make_unique<Bytes>());
    RecordReader reader(batch, *decompressed.back());
    RecordView record;
    while (reader.next(record)) last[record.key] = {record.has_value() ? record.value : BytesView(), record.timestamp};
    MR_TRY(reader.status());
  }
  return {};
}

}  // namespace

Result<CheckpointRows> rows_of(const StoreSpec& spec, const std::vector<BytesView>& batches, Timestamp& observed) {
  LastValues last;
  std::vector<std::unique_ptr<Bytes>> decompressed;
  for (BytesView bytes : batches) MR_TRY(collect(bytes, last, decompressed));
  const bool windowed = spec.kind == StoreSpec::Kind::window;
  const std::int64_t interval = windowed ? segment_interval_ms(spec.retention) : 0;
  CheckpointRows result;
  result.rows.reserve(last.size());
  for (const auto& [key, update] : last) {
    CheckpointRows::Row row;
    if (windowed) {
      if (key.size() < 12)
        return Error(ErrorCode::corrupt_message, "a window key of " + std::to_string(key.size()) + " bytes");
      BytesView table_key = table_key_in_store_key(key);
      observed = std::max(observed, start_in_table_key(table_key));
      append_row_key(row.key, table_key, interval);
    } else {
      row.key = Bytes(key);
    }
    row.deleted = update.value.data() == nullptr;
    if (!row.deleted) {
      append_big_endian<std::int64_t>(row.value, update.timestamp.ms);
      row.value.append(update.value);
    }
    result.rows.push_back(std::move(row));
  }
  std::sort(result.rows.begin(), result.rows.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  if (windowed && observed.ms >= spec.retention.count()) {
    const std::int64_t first_live = (observed.ms - spec.retention.count()) / interval;
    append_big_endian<std::int64_t>(result.expired_below, first_live);
  }
  return result;
}

}  // namespace millrace
