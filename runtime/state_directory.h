// StateDirectory: where an application's stores keep their rows, and whose they are.
//
//   <state.dir>/<application.id>/millrace-state.json   format, application id, stores with kind and sub-topology
//   <state.dir>/<application.id>/<task>/               one RocksDB (statestore/rocksdb/task_database.h)
#pragma once
#include <memory>
#include <string>

#include "millrace/base/env.h"
#include "millrace/dsl/topology.h"

namespace millrace {

class StateDirectory {
 public:
  // Opens or makes it, and locks it. Errors: KAFKA_STORAGE_ERROR (held by another process: which one),
  // UNSUPPORTED_VERSION (written by a newer Millrace), INVALID_CONFIG (of another application id, or of a topology with
  // other stores: prints the difference).
  static Result<std::unique_ptr<StateDirectory>> open(Env& env, const std::string& state_dir,
                                                      const std::string& application_id, const Topology& topology);
  std::string task_path(const std::string& task) const { return path_ + "/" + task; }

 private:
  StateDirectory(std::string path, std::unique_ptr<FileLock> lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  std::unique_ptr<FileLock> lock_;
};

}  // namespace millrace
