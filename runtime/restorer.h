// Restorer: brings a task's stores to where the committed changelog ends: rows from the checkpoint, the rest from the
// log.
//
// The reasons for starting from the beginning are counted and logged, each by name: a crash is not among them.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/env.h"
#include "millrace/connectors/log_client.h"
#include "millrace/runtime/checkpointer.h"
#include "millrace/runtime/task.h"
#include "millrace/statestore/rocksdb/task_database.h"

namespace millrace {

// What restoring a store gave.
struct Restored {
  std::int64_t records = 0;  // read from the changelog
  std::string from_start;    // why all of it was read; empty: it went on from the checkpoint, or the store was new
  Tail tail;                 // what the checkpoint does not have yet
  Timestamp observed{-1};    // window stores: see rows_of
};

class Restorer {
 public:
  // All arguments outlive the restorer. `database` may be null.
  Restorer(Env& env, Consumer& consumer, Admin& admin, bool exactly_once)
      : env_(env), consumer_(consumer), admin_(admin), exactly_once_(exactly_once) {}
  // Restores one store of `task`; `row_index`: its number in `database`, if it has one. Errors: the log's, the disk's,
  // CORRUPT_MESSAGE.
  Result<Restored> restore(Task& task, const Task::Store& store, TaskDatabase* database, std::size_t row_index);

 private:
  Result<Offset> start_of(const TopicPartition& changelog, const TopicDescription& topic, TaskDatabase* database,
                          std::size_t row_index, Restored& result);
  Result<> apply(const Task::Store& store, const std::vector<Tail::Piece>& pieces);
  Env& env_;
  Consumer& consumer_;
  Admin& admin_;
  const bool exactly_once_;
};

}  // namespace millrace
