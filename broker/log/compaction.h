// Compaction: of every key, the last value stays.
//
// Two passes over sealed segments below the first undecided transaction: the first notes the last offset of every key
// in the dirty part, the second copies what is still wanted into new segments (.cleaned), which then take the place of
// the old (.swap; see recovery.h for a crash at any step). Offsets never change.
//
//   - A record stays if no later record has its key. A record without a key goes.
//   - A tombstone (null value) stays for delete.retention.ms after the first pass that met it: that pass writes the
//   delete horizon
//     into its batch (as base timestamp, attribute bit 6: KIP-534), and a pass after the horizon drops it.
//   - Records of aborted transactions go. A marker stays as long as records of its transaction do, and then to its
//   delete horizon.
//   - What a record supersedes goes only once that record is on disk, with flush=os too.
//   - A producer's last batch stays, if only as an empty batch, so that its sequence is known after a restart.
// Source: Kafka's LogCleaner; KIP-98, KIP-534.
#pragma once
#include "millrace/broker/log/partition_log.h"

namespace millrace::broker {

struct CompactionResult {
  Offset first_dirty = 0;  // where the next one begins
  std::uint64_t bytes_before = 0, bytes_after = 0;
  int segments_before = 0, segments_after = 0;
};

// Whether the part from `first_dirty` on is large enough a share of what could be compacted
// (min.cleanable.dirty.ratio).
bool wants_compaction(const PartitionLog& log, Offset first_dirty);

// Compacts once. `key_bytes_max` bounds the memory for keys: with more of them the dirty part is taken in several runs.
// Errors: KAFKA_STORAGE_ERROR, CORRUPT_MESSAGE (a damaged batch, by segment and position); the log is as before.
// Threads: one at a time for a log; appends and reads go on.
Result<CompactionResult> compact(PartitionLog& log, Offset first_dirty, std::size_t key_bytes_max = 128 << 20);

}  // namespace millrace::broker
