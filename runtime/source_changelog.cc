#include "millrace/runtime/source_changelog.h"

#include "millrace/base/assert.h"
#include "millrace/base/thrown.h"
#include "millrace/runtime/task_id.h"

namespace millrace {

SourceChangelog::SourceChangelog(const TopologyNode& source, TopicPartition partition, const StoreSpec& store,
                                 OnError on_error)
    : records_(source, std::move(partition), on_error, counters_), store_(store), keys_(store.key, store.name) {
  MR_ASSERT(!source.timestamp_extractor, "an extractor may ask for the partition time, which a position does not have");
}

// The record just read.
Result<> SourceChangelog::add() try {
  BytesView value;
  if (records_.value()) {
    MR_ASSIGN(BytesView written,
              serialized(store_.value, records_.value(), value_, {store_.source_changelog, false, nullptr}));
    value = written.data() ? written : BytesView("");
  }
  builder_.append(records_.context().timestamp, keys_.of(records_.key()), value);
  return {};
} catch (...) {
  return Error(thrown());
}

Result<Bytes> SourceChangelog::logged_for(const RecordBatchView& batch, Offset from, Offset end) {
  builder_.clear();
  RecordReader reader(batch, decompressed_);
  RecordView record;
  while (batch.base_offset() < end && reader.next(record)) {
    if (record.offset < from || record.offset >= end || !record.has_key()) continue;
    if (!records_.read(record) || !records_.stamp(Timestamp{-1})) continue;
    if (auto added = add(); !added)
      return std::move(added).error().in(place_of(records_.partition(), record.offset) +
                                         ": it does not serialise for store " + store_.name);
  }
  MR_TRY(reader.status());
  if (builder_.empty()) return Bytes();
  return Bytes(builder_.seal({.leader_epoch = batch.leader_epoch()}));
}

}  // namespace millrace
