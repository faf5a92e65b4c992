// RocksDB over millrace::Env: its files are the Env's, with a named site at every change, so that a kill, a power cut
// or a failed sync hits the state as it hits the log. In the simulation its clock stands still between calls.
//
// Sites: rocksdb.<kind>.append, .sync, .truncate, with kind one of sst, manifest, current, options, wal, other;
// rocksdb.rename, rocksdb.link, rocksdb.remove, rocksdb.directory.sync, rocksdb.rename.directory.sync.
#pragma once
#include <rocksdb/env.h>

#include <memory>

#include "millrace/base/env.h"

namespace millrace {

// For one database: when a call of it has failed, all further changes are refused.
// Threads: any, as far as `env` is; it outlives what is returned and the database opened with it.
std::shared_ptr<rocksdb::Env> make_rocksdb_env(Env& env);

// RocksDB's errors as ours: base/log.h, with the directory. Nothing else that it has to say.
std::shared_ptr<rocksdb::Logger> make_rocksdb_logger(std::string directory);

}  // namespace millrace
