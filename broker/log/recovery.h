// Opening a log: what is on disk becomes segments, producer state and leader epochs that fit together.
//
// Up to the recovery point everything was synced, indexes included, and is taken as it is. From there on every batch is
// read and its CRC checked, and its base offset, which no CRC covers, held against what is around it. Where bytes are
// no batch:
//   - nothing valid follows, and it was not synced: a torn tail (a write that a crash cut short, or zeroes that the
//     filesystem left): truncated
//   - it was synced (synced_offsets.h): under flush=group acknowledged data was damaged, so the partition refuses to
//     open and names file and position
//   - a valid batch follows, and nothing says that the bad one was synced, or flush=os: the kernel may write pages in
//     any order, so the log is truncated there and the report says which offsets were lost
//   - below the recovery point: refused in either mode
// What may not be on disk, though it can be read, is written once more at its place: the next sync takes it along.
// Producer state comes from the latest snapshot at or below the recovery point, and the batches after it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "millrace/broker/log/leader_epochs.h"
#include "millrace/broker/log/producer_state.h"
#include "millrace/broker/log/segment.h"

namespace millrace::broker {

struct RecoveredLog {
  std::vector<std::shared_ptr<Segment>> segments;  // at least one; the last is active
  Offset log_end = 0;
  ProducerState producers;
  LeaderEpochs epochs;
};

// Errors: KAFKA_STORAGE_ERROR; CORRUPT_MESSAGE (see above).
Result<RecoveredLog> recover_log(LogDirectory& logs, const std::string& partition, const std::string& directory,
                                 const TopicConfig& config, Offset recovery_point, Offset synced, Offset log_start);

// Writes <offset>.snapshot and removes all but the latest two.
Result<> write_producer_snapshot(FileSystem& files, const std::string& directory, Offset offset, BytesView snapshot);

}  // namespace millrace::broker
