// StateDirectory: where an application's stores keep their rows, and whose they are.
//
//   <state.dir>/<application.id>/millrace-state.json   format, application id, stores with kind and sub-topology,
//                                                      repartition topics with their ids
//   <state.dir>/<application.id>/<task>/               one RocksDB (statestore/rocksdb/task_database.h)
#pragma once
#include <map>
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
  // `topics`: the repartition topics that there are now, by name in the log. What such a topic held and was not
  // processed is nowhere else. So one that is another than at the last start is an error, INVALID_CONFIG, which says
  // what can be done, if something of the application's input `is_committed`: else nothing is missing. Writes down
  // those of this start, if they are others. Errors, too: the disk's.
  Result<> check_repartition_topics(const std::map<std::string, TopicId>& topics, bool is_committed);
  std::string task_path(const std::string& task) const { return path_ + "/" + task; }

 private:
  StateDirectory(Env& env, std::string path, std::unique_ptr<FileLock> lock)
      : env_(env), path_(std::move(path)), lock_(std::move(lock)) {}
  Env& env_;
  std::string path_;
  std::unique_ptr<FileLock> lock_;
};

}  // namespace millrace
