// TaskGroup: the tasks of this process, which commit as one: opens them with their stores, and opens them anew from
// what is committed after an abort.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "millrace/base/config.h"
#include "millrace/runtime/committer.h"
#include "millrace/runtime/restorer.h"
#include "millrace/runtime/state_directory.h"
#include "millrace/runtime/streams_metrics.h"
#include "millrace/runtime/topic_setup.h"

namespace millrace {

// What the group is made from. All of it outlives the group.
struct TaskGroupParts {
  Env& env;
  LogClient& log;
  Consumer& consumer;
  Producer& producer;
  Executor& io;
  const Config& config;
  const Topology& topology;
  const TopicSetup& topics;
  const GlobalStores& global_stores;
  StreamsMetrics& metrics;
  RunnerEnvironment& environment;
};

using InputEnds = std::map<TopicPartition, Offset>;
// Tasks that failed, and where each of them, input by input, must get to before it is past its failure.
using OnProbation = std::map<TaskId, std::vector<Offset>>;

// Threads: open(), reopen(), replace(), stop(), watch_inputs(), ignore_inputs() and close() one at a time; the rest
// any.
class TaskGroup {
 public:
  explicit TaskGroup(TaskGroupParts parts) : parts_(parts) {}
  // Opens the state directory; from here on nobody else can. Errors: the directory's.
  Result<> lock(const std::string& state_dir);
  // After lock(): opens every task, restored, `lanes` of them at once (at least 1). Errors: the databases', the log's,
  // what a user's code throws in init or in a serde.
  Result<> open(std::size_t lanes);
  // No task runs any more when it returns (a lambda that does not return is waited for, at most for `timeout`); queries
  // that wait are answered. False: some still do, or the simulated node died.
  bool stop(std::optional<Duration> timeout = std::nullopt);
  // The same for some tasks alone.
  bool stop(const std::set<TaskId>& ids);
  // After stop(): discards all that is not committed and opens every task anew, at `committed`; those on probation
  // suspended. Errors as of open().
  Result<> reopen(const OnProbation& on_probation, const OffsetsToCommit& committed);
  // After stop(ids), while the committer is paused: the same for these tasks, all of them on probation, beside the
  // others, which go on; they hear of input. After an error only stop() and reopen() help.
  Result<> replace(const std::set<TaskId>& ids, const OnProbation& on_probation, const OffsetsToCommit& committed);
  // Of all inputs, as the coordinator has them.
  Result<OffsetsToCommit> committed() const;
  void resume(TaskId id);
  bool reads_repartition_topics(TaskId id) const;
  // Calls of the log that input has arrived.
  Result<> watch_inputs();
  Result<> ignore_inputs();
  void wake_all();
  void wake(TaskId id);
  void close();

  // For the committer. Changes in reopen() and replace() only, under members_mutex().
  std::vector<Member>& members() { return members_; }
  std::mutex& members_mutex() { return members_mutex_; }
  std::size_t size() const;
  // Records, those that were done again counted again.
  std::int64_t processed() const;
  // Asks the log where the inputs end; `again`: only those that the topology itself writes to. Error: the log's.
  Result<> find_ends(InputEnds& ends, bool again) const;
  // Whether every input was processed up to there. `ends` has them all. Who is not wakes up, if it has missed
  // something.
  bool has_processed_to(const InputEnds& ends);
  // The tasks that have the store, first that to which Kafka's default partitioner gives `key`; empty: there is no such
  // store.
  std::vector<TaskId> holders(std::string_view store, BytesView key) const;
  // Runs `job` in the task, between two records, unless `is_wanted` has come to say no. False: the tasks are being
  // opened anew, or closed.
  bool post(TaskId id, const std::function<void(Task&)>& job, const std::function<bool()>& is_wanted) const;
  bool is_closed() const;

 private:
  struct Opened {
    std::unique_ptr<TaskRunner> runner;
    Member member;
  };
  Result<std::vector<Opened>> open_tasks(const std::vector<TaskId>& ids, const OnProbation& on_probation,
                                         const OffsetsToCommit& committed, std::size_t lanes, std::size_t memory_bytes);
  Result<> open_all(const OnProbation& on_probation, const OffsetsToCommit& committed, std::size_t lanes);
  Result<> open_databases(const std::vector<TaskId>& ids);
  Result<Opened> make_task(TaskId id);
  Result<> restore_all(std::vector<Opened>& tasks, const OffsetsToCommit& committed, std::size_t lanes,
                       std::size_t memory_bytes);
  Result<> restore(Opened& task, const OffsetsToCommit& committed, std::size_t memory_bytes);
  static void follow_input(Member::StoreTail& tail, TopicPartition source, const Restored& restored,
                           const TaskDatabase& database, const OffsetsToCommit& committed);
  bool stop_those(const std::function<bool(const TaskRunner&)>& which, std::optional<Duration> timeout);
  void close(TaskRunner& runner);
  std::size_t memory_bytes() const { return static_cast<std::size_t>(parts_.config.integer("state.memory.bytes")); }
  Result<> watch_inputs_of(TaskRunner& runner);
  Result<> ignore_inputs_of(TaskRunner& runner);
  Result<> seek(TaskRunner& runner, const OffsetsToCommit& committed);
  std::vector<TaskId> ids() const;
  TaskRunner* find(TaskId id) const;
  TaskSettings make_settings(std::size_t tasks);
  // Up to where a task may read.
  Result<Offset> visible_end(const TopicPartition& partition) const;

  const TaskGroupParts parts_;
  TaskSettings settings_;  // of each task
  std::unique_ptr<StateDirectory> directory_;
  std::shared_ptr<DatabaseMemory> memory_;
  BuilderPool pool_;
  std::map<TaskId, std::vector<std::string>> stored_;  // names of the stores that each task keeps on disk
  std::map<TaskId, std::unique_ptr<TaskDatabase>> databases_;
  std::set<TopicPartition> inputs_;  // of all tasks
  mutable std::shared_mutex mutex_;  // guards which runners there are
  std::vector<std::unique_ptr<TaskRunner>> runners_;
  bool is_closed_ = false;  // for good
  bool is_open_ = false;    // they are there
  std::mutex members_mutex_;
  std::vector<Member> members_;
  std::int64_t processed_before_ = 0;  // by runners that are gone
};

}  // namespace millrace
