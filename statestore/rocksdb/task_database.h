// TaskDatabase: one task's checkpoint on disk: a RocksDB with a column family per store and one for positions.
//
// RocksDB's own write-ahead log is off: the changelog is the log. Rows and the position that describes them are one
// WriteBatch, flushed atomically over all column families, or files that are added by one group of edits, so that a
// crash leaves the checkpoint before or after, never between. Format: docs/formats/checkpoint.md.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/env.h"
#include "millrace/statestore/changelog.h"
#include "millrace/statestore/checkpoint_rows.h"

namespace millrace {

struct DatabaseMemory;  // block cache and write buffers that all databases of the process share

// `bytes`: block cache and write buffers together.
std::shared_ptr<DatabaseMemory> make_database_memory(std::size_t bytes);

// Threads: rows may be read by one thread while another writes a checkpoint.
class TaskDatabase {
 public:
  // Opens or makes the database in `directory` with a column family for each of `stores`. Column families of other
  // names are an error that lists them: the topology changed under its name. Errors: KAFKA_STORAGE_ERROR with RocksDB's
  // reason and the path.
  static Result<std::unique_ptr<TaskDatabase>> open(Env& env, const std::string& directory,
                                                    const std::vector<std::string>& stores,
                                                    std::shared_ptr<DatabaseMemory> memory);
  ~TaskDatabase();

  // Rows of store number `index` (in the order given to open). Owned by the database.
  Checkpoint* rows(std::size_t index);
  // Where the store's rows stand; none if it was never written.
  std::optional<StorePosition> position(std::size_t index) const;

  // RocksDB's integer property "rocksdb.<name>" of the store's column family; 0 if it has none. Threads: any.
  std::uint64_t property(std::size_t index, std::string_view name) const;
  // How many files a look-up of the store may have to look into one by one. Threads: any.
  std::uint64_t files_at_level_0(std::size_t index) const;

  struct Update {
    std::size_t store;
    CheckpointRows rows;
  };
  // Writes all of it, or nothing, and makes it durable: few rows by insert(), many by ingest(), unless compactions are
  // so far behind that whoever writes must wait for them.
  Result<> write(const std::vector<Update>& updates);
  // As write(), through the memtable.
  Result<> insert(const std::vector<Update>& updates);
  // As write(), by way of files of sorted rows, which the database takes in as they are: less work for many rows
  // (through the memtable each is inserted into a skip list and written again by the flush), more for few.
  //
  // A crash leaves all of it or nothing. Each file is written and synced in <directory>/ingest, which is emptied on
  // open, before the database hears of it. IngestExternalFiles renames the files into the database's directory, syncs
  // that, and then adds all of them, the positions' too, by one group of edits in the manifest, which it syncs: a group
  // that was cut off is left out by recovery, and files that no edit names are deleted on open. So the edits never name
  // a file that is not whole, and never some of them without the others. tests/statestore/rocksdb_env_test.cc cuts the
  // power at each of these operations.
  Result<> ingest(const std::vector<Update>& updates);
  // Empties one store, position included: before a full restore.
  Result<> clear(std::size_t index);

 private:
  struct Content;
  void note_written(const std::vector<Update>& updates);
  explicit TaskDatabase(std::unique_ptr<Content> content);
  std::unique_ptr<Content> content_;
};

}  // namespace millrace
