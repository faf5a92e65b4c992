// CommittedBatches: walks fetched batches and leaves out markers and what aborted transactions wrote.
#pragma once
#include <limits>
#include <memory>
#include <set>
#include <vector>

#include "millrace/base/record_batch.h"
#include "millrace/connectors/log_client.h"

namespace millrace {

// One partition's batches, in order. One thread.
class CommittedBatches {
 public:
  // Adds what a fetch returned. The fetches of one partition are added in order; a batch may come twice at their seams.
  void add(FetchedBatches batches);
  // Moves to the next batch that counts: its last offset is at least `from`. False when there is none left. `passed` is
  // moved past all that was left out. Errors: CORRUPT_MESSAGE (lengths, CRC) with the offset.
  Result<bool> next(Offset& passed);
  // The batch that next() found; valid until next() is called again.
  const RecordBatchView& batch() const { return batch_; }
  // Of the batch that next() came to last, what it left out included; -1: none since reset().
  LeaderEpoch leader_epoch() const { return leader_epoch_; }
  // The offset after the last whole batch added.
  Offset end() const { return end_; }
  // next() comes to no batch that begins at `until` or behind.
  void reset(Offset at, Offset until = std::numeric_limits<Offset>::max());
  // Records in whole batches that were added, and that next() has not come to yet.
  std::int64_t records_added() const { return records_added_; }
  std::int64_t records_waiting() const { return records_added_ - records_passed_; }

 private:
  bool is_left_out(const RecordBatchView& batch);
  std::vector<FetchedBatches> waiting_;
  std::shared_ptr<const Bytes> bytes_;
  std::size_t at_ = 0;
  RecordBatchView batch_;
  std::vector<FetchedBatches::Aborted> aborted_;  // by first offset
  std::set<ProducerId> aborting_;
  LeaderEpoch leader_epoch_ = -1;
  Offset end_ = 0, until_ = std::numeric_limits<Offset>::max();
  std::int64_t records_added_ = 0, records_passed_ = 0;
};

}  // namespace millrace
