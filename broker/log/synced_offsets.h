// Evidence of what was synced, for recovery: up to which offset each partition is known to be on disk.
//
// After a power cut a log may hold a bad batch with a valid one after it for two reasons: the kernel had written
// un-synced pages in some order of its own (nothing acknowledged is lost: truncate), or the medium damaged what was
// acknowledged (refuse to open). To tell them apart, every sync is noted here after it is done, and the note is not
// synced itself: it costs one small write, and reaches the disk with the kernel's next round. A note that is lost makes
// recovery more lenient, never wrong. What lies above the note may be in the kernel's cache alone, though it can be
// read: recovery writes it once more (recovery.h). topics.log has a note too, as partition 0 of topic id 0. (Kafka has
// no such note; the alternative, refusing always, would make a power cut an outage.)
//
// synced-offsets: slots of 32 bytes: topic id 16, partition i32, offset i64, CRC-32C u32 of the 28 bytes before.
// (docs/formats/directory.md)
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "millrace/base/env.h"
#include "millrace/base/types.h"

namespace millrace::broker {

// Threads: any.
class SyncedOffsets {
 public:
  static Result<std::unique_ptr<SyncedOffsets>> open(FileSystem& files, const std::string& path);

  // 0 if nothing is known.
  Offset find(const TopicId& topic, PartitionId partition) const;
  // Best effort: a write that fails is one note less.
  void note(const TopicId& topic, PartitionId partition, Offset end);

 private:
  struct Slot {
    std::size_t number;
    Offset offset;
  };
  mutable std::mutex mutex_;
  std::unique_ptr<File> file_;
  std::map<std::pair<TopicId, PartitionId>, Slot> slots_;
};

}  // namespace millrace::broker
