// Restorer: brings a task's stores to where the committed changelog ends: rows from the checkpoint, the rest from the
// log.
//
// The reasons for starting from the beginning are counted and logged, each by name: a crash is not among them.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/env.h"
#include "millrace/connectors/log_client.h"
#include "millrace/runtime/checkpointer.h"
#include "millrace/runtime/task.h"
#include "millrace/statestore/rocksdb/task_database.h"

namespace millrace {

// Why a store was restored, and from where: the tag `reason` of restores-total (runtime/metric_names.h).
enum class RestoreReason : std::uint8_t {
  checkpoint,  // it went on from there; all after it, but the three next, mean that the checkpoint was of no use
  fresh,
  in_memory,
  no_changelog,
  topic_id,
  beyond_end,
  below_start,
  leader_epoch,
  expired,
  beyond_committed,
};

// What restoring a store gave.
struct Restored {
  RestoreReason reason = RestoreReason::fresh;
  std::int64_t records = 0;  // read from the changelog
  std::string from_start;    // why all of it was read; empty: it went on from the checkpoint, or the store was new
  Tail tail;                 // what the checkpoint does not have yet
  Timestamp observed{-1};    // window stores: see rows_of
  TopicId topic;             // the changelog's; all zero: there is none
  // Of the last batch before the end of the restore; -1: none was read.
  LeaderEpoch leader_epoch = -1;
};

class Restorer {
 public:
  // All arguments outlive the restorer. `memory_bytes`: about what it may take at a time for what it has read and
  // sorts.
  Restorer(Env& env, Consumer& consumer, Admin& admin, bool exactly_once, std::size_t memory_bytes)
      : env_(env), consumer_(consumer), admin_(admin), exactly_once_(exactly_once), memory_bytes_(memory_bytes) {}
  // Told after every fetch how many records came, and how many offsets are left. Set before restore().
  void on_progress(std::function<void(std::int64_t records, std::int64_t remaining)> progress) {
    progress_ = std::move(progress);
  }
  // Restores one store of `task`; `row_index`: its number in `database`, if it has one; `committed`: at least the
  // offsets of the task's inputs. A table whose changelog is its source topic comes back up to the committed offset, as
  // all behind it will be processed. Errors: the log's, the disk's, CORRUPT_MESSAGE; UNSTABLE_OFFSET_COMMIT, that
  // offset is of records whose transaction is not decided yet; INVALID_CONFIG, the changelog was never written, because
  // the topology had been optimised. Throws as SourceChangelog::logged_for().
  Result<Restored> restore(Task& task, const Task::Store& store, TaskDatabase* database, std::size_t row_index,
                           const OffsetsToCommit& committed);

 private:
  Result<Restored> vouch_for(Task& task, const Task::Store& store, TaskDatabase* database, std::size_t row_index,
                             const OffsetsToCommit& committed);
  struct Reading;
  Result<Offset> start_of(const TopicDescription& topic, Reading& reading);
  Result<Offset> end_of_committed(const TopicPartition& changelog, const OffsetsToCommit& committed);
  Isolation isolation() const { return exactly_once_ ? Isolation::read_committed : Isolation::read_uncommitted; }
  Result<> check_was_logged(const Task& task, const Reading& reading);
  Result<> read(Reading& reading);
  Result<> take(Reading& reading, const RecordBatchView& batch);
  Result<> keep(Reading& reading, Bytes batch);
  bool is_full(const Reading& reading) const;
  bool is_long(const Reading& reading) const;
  Result<> write(Reading& reading);
  Result<> apply(const Task::Store& store, const std::vector<Tail::Piece>& pieces);
  Env& env_;
  Consumer& consumer_;
  Admin& admin_;
  const bool exactly_once_;
  const std::size_t memory_bytes_;
  std::function<void(std::int64_t, std::int64_t)> progress_ = [](std::int64_t, std::int64_t) {};
};

}  // namespace millrace
