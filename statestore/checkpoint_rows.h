// CheckpointRows: what a checkpoint writes for one store, made from the changelog batches since the last one.
//
// Restore, checkpoint and abort are this one function applied to the same input: changelog records in, the last value
// of each key out, sorted by row key. (ARCHITECTURE.md, "The changelog is the write-ahead log".)
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/bytes.h"
#include "millrace/base/record_batch.h"
#include "millrace/base/result.h"
#include "millrace/statestore/state_store.h"

namespace millrace {

// Where a store's checkpoint stands in its changelog. Written only together with the rows it describes.
struct StorePosition {
  TopicId topic;
  LeaderEpoch leader_epoch = 0;
  Offset next_offset = 0;
  Timestamp written;  // wall clock: a position older than delete.retention.ms cannot be trusted
  // Instead of a place in a changelog, for a store that has none: the committed input offsets of its task.
  std::map<TopicPartition, Offset> inputs;
};

// Cheap to copy: copies share the bytes.
struct CheckpointRows {
  struct Row {
    BytesView key;    // row key: see window_key.h
    BytesView value;  // timestamp and value; only if !deleted
    bool deleted = false;
  };
  std::vector<Row> rows;  // sorted by key, one per key
  // Window stores: rows with keys below this have expired and are deleted. Empty: none.
  Bytes expired_below;
  StorePosition position;
  // What the rows look into.
  std::vector<std::shared_ptr<const Bytes>> bytes;

  // Adds a row with bytes of its own, for those who have a few. Its key is above the last one's.
  void add(BytesView key, BytesView value, bool deleted = false);
};

// Changelog batches of one store, whole and in order (as appended, or as fetched; control batches are skipped), to
// rows. `observed` is the largest window start seen in this store's changelog, carried from call to call. Error:
// CORRUPT_MESSAGE.
Result<CheckpointRows> rows_of(const StoreSpec& spec, const std::vector<BytesView>& batches, Timestamp& observed);

}  // namespace millrace
