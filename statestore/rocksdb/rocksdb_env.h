// RocksDB over millrace::Env: its files are the Env's, with a named site at every change, so that a kill, a power cut
// or a failed sync hits the state as it hits the log. In the simulation its clock stands still between calls.
//
// Sites: rocksdb.<kind>.append, .sync, .truncate, with kind one of sst, manifest, current, options, wal, other;
// rocksdb.rename, rocksdb.link, rocksdb.remove, rocksdb.directory.sync, rocksdb.rename.directory.sync.
#pragma once
#include <rocksdb/env.h>

#include <cstdint>
#include <memory>
#include <string>

#include "millrace/base/env.h"

namespace millrace {

// For one database: when a call of it has failed, all further changes are refused, with what the first failure said.
// Only a failed read of a table that the database has is no more than an error: it does not count. `taken_in_from`: the
// folder in which files are made that the database takes in; a failed read of these counts.
// Threads: any, as far as `env` is; it outlives what is returned and the database opened with it.
std::shared_ptr<rocksdb::Env> make_rocksdb_env(Env& env, std::string taken_in_from);

// Reads of the databases' tables that have failed on the thread that asks. RocksDB 7.8 forgets one where a range
// deletion makes its iterator seek anew (mended in 8.7): who makes or moves an iterator looks here before and after.
struct FailedReads {
  std::uint64_t count = 0;
  std::string last;  // what it said
};
const FailedReads& failed_reads_of_this_thread();

// RocksDB's errors as ours: base/log.h, with the directory. Nothing else that it has to say.
std::shared_ptr<rocksdb::Logger> make_rocksdb_logger(std::string directory);

}  // namespace millrace
