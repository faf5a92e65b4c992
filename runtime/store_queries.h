// StoreQueries: point queries of stores from outside their tasks: each is a job of the task, run between two records.
#pragma once
#include "millrace/base/env.h"
#include "millrace/runtime/global_task.h"
#include "millrace/runtime/streams.h"
#include "millrace/runtime/task_group.h"

namespace millrace {

// Threads: any but one that is in a slice. While the application runs.
class StoreQueries {
 public:
  using Visitor = Streams::QueryVisitor;
  StoreQueries(Env& env, const Topology& topology, const TaskGroup& tasks, const GlobalTask& global)
      : env_(env), topology_(topology), tasks_(tasks), global_(global) {}
  // See Streams::query.
  Result<> ask(std::string_view store, BytesView key, const Visitor& visitor, Duration timeout) const;
  Result<> ask(std::string_view store, BytesView key, Timestamp window_start, const Visitor& visitor,
               Duration timeout) const;

 private:
  Result<> check_kind(std::string_view store, StoreSpec::Kind kind) const;
  Result<> ask_tasks(std::string_view store, BytesView key, const Bytes& table_key, const Visitor& visitor,
                     Duration timeout) const;
  Result<> ask_task(TaskId id, const std::function<void(Task&)>& look, std::int64_t until_ns) const;

  Env& env_;
  const Topology& topology_;
  const TaskGroup& tasks_;
  const GlobalTask& global_;
};

}  // namespace millrace
