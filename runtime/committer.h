// Committer: a commit group: its tasks commit as one, in one transaction of one producer. Embedded, the group is the
// process.
//
//   1. cut       every task, at its next record boundary, flushes its record caches, appends its batches and gives its
//   input offsets; from
//                here on it works for the next transaction, whose batches stay in memory
//   2. decide    exactly once: the offsets join the transaction, the data is synced, the coordinator's decision is one
//   synced record;
//                at least once: the outputs are synced, then the offsets are committed
//   3. release   tasks append what they held back; the changelog batches of the transaction join the tails, from which
//   checkpoints are made
//
// No task waits for another: one that sleeps in a lambda delays the decision, and the others run on until their held
// batches are full. So they do where a checkpoint does not keep up with the tails. What a task reads from a repartition
// topic is at most of the transaction it will commit in, because batches of the next one are held back.
//
// A *trial* is a transaction of one task that has failed before and may fail again. It follows the decision of a commit
// of all: the others are not released, so that what an abort takes back is the tried task's alone. It ends with that
// task's cut, after at most about 100 ms and one record; then the others are released as ever. From their cut to that
// release they read nothing undecided, as they will not be part of the trial's outcome. At least once there is nothing
// to abort, and so no trial: a commit leaves a failed task out.
#pragma once
#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/base/env.h"
#include "millrace/base/monitor.h"
#include "millrace/runtime/streams_metrics.h"
#include "millrace/runtime/task_runner.h"
#include "millrace/statestore/rocksdb/task_database.h"

namespace millrace {

// One task of the group with what a checkpoint of it needs.
struct Member {
  TaskRunner* runner = nullptr;
  TaskDatabase* database = nullptr;  // null: all its stores are in memory
  struct StoreTail {
    std::size_t store = 0;  // in Task::stores()
    std::size_t row = 0;    // in the database
    int topic = 0;          // in the collector
    TopicId topic_id;       // of the changelog; all zero: there is none, the position is of the inputs
    // The input that is a table's changelog; none: the store writes one, or has none. Then the position is what is
    // committed of it, and not where a batch ended that nobody wrote.
    std::optional<TopicPartition> source;
    Offset source_offset = -1, source_offset_written = -1;  // committed; and that in the checkpoint
    LeaderEpoch source_epoch = -1;                          // of source_offset; -1: nothing was read yet
    std::int64_t sequence_base = 0;                         // of the store's log when the collector began to count
    Timestamp observed{-1};
    Tail tail;
    bool has_changelog() const { return topic_id != TopicId{}; }
    bool source_has_moved() const { return source_epoch >= 0 && source_offset != source_offset_written; }
    void note_committed(const OffsetsToCommit& offsets);
  };
  std::vector<StoreTail> tails;
  bool has_unlogged() const {
    return std::any_of(tails.begin(), tails.end(),
                       [](const StoreTail& tail) { return !tail.has_changelog() || tail.source; });
  }
  std::map<TopicPartition, Offset> inputs, inputs_written;  // committed; and those in the checkpoint
  std::int64_t taken = 0;                                   // Task::taken() at the last cut that is committed
  bool is_ahead() const;                                    // it has taken more; while its task is idle
  // Whether a checkpoint has something to write for it. Under the committer's members_mutex.
  bool is_to_write(const StoreTail& tail) const {
    return !tail.tail.empty() || tail.source_has_moved() || (!tail.has_changelog() && inputs != inputs_written);
  }
};

struct CommitterSettings {
  std::string group_id;
  Duration interval{100};
  bool exactly_once = true;
  std::size_t tail_bytes_max = 64 << 20;
  Duration checkpoint_interval{10s};
  std::set<std::string> repartition_topics;
  StreamsMetrics* metrics = nullptr;  // null: nothing is counted
  // A task on probation has got past its failure, and that is committed; or its trial is over and it has not. Called
  // before the next commit.
  std::function<void(TaskId, bool passed)> on_tried;
};

class Committer {
 public:
  // `io`: an executor whose jobs may block, at least two at once. `members_mutex` guards `members` and their tails
  // against who reads them at any time; they change only while the committer is paused. All arguments outlive the
  // committer.
  Committer(Env& env, Executor& io, Producer& producer, Consumer& consumer, Admin& admin, CommitterSettings settings,
            std::vector<Member>& members, std::mutex& members_mutex, std::function<void(const Error&)> on_failure);

  // Commits every interval from now on.
  void start();
  // Commits once and waits for it. Returns whether anything was committed. Error: the log's; the group has then
  // stopped.
  // REQUEST_TIMED_OUT after `timeout`, if there is one: the commit then goes on by itself. It is over when its tasks
  // are released, which may wait for a checkpoint.
  Result<bool> commit_and_wait(std::optional<Duration> timeout = std::nullopt);
  // Asks for a commit now instead of at the end of the interval. Threads: any.
  void commit_soon();
  // Asks for a checkpoint of this member now, after a commit if there is nothing committed to write. Calls while one is
  // asked for or under way add nothing, but that it is followed by another. Threads: any.
  void relieve(const TaskRunner& runner);
  // Asks for a trial of this task after a commit of all, which is asked for, too; of those that are suspended then. One
  // after the other. Exactly once only. Threads: any.
  void try_alone(TaskId id);
  // Forgets what try_alone() has asked for.
  void forget_trials();
  // No trial begins any more; one under way goes on to its end. Before the last commit.
  void end_trials();
  // While paused: whose trial was under way and has failed; the others hold back what they write until resume().
  std::optional<TaskId> tried();
  // Writes checkpoints of all that is committed, and waits. After the last commit.
  Result<> checkpoint_and_wait();
  // A commit that failed has paused the group and called `on_failure`: the caller either aborts, opens the tasks anew
  // and resumes, or fails the group for good. pause() waits for the commit and the checkpoint under way, so that the
  // members may change; false: the simulated node died.
  bool pause();
  void resume();
  // While paused, before the tasks are opened anew; `committed`: where the coordinator says that the inputs are. What
  // is committed and in no changelog goes into the checkpoints, that of a commit of unknown outcome, too, if it was
  // done. Whether anything was processed that is not committed. Errors: the disk's.
  Result<bool> settle(const OffsetsToCommit& committed);
  // The same for one task that alone is opened anew, where no commit's outcome is unknown.
  Result<bool> settle(TaskId id);
  void fail(const Error& error);
  // No further commits; waits for the one under way, at most for `timeout`. False: it still is.
  bool stop(std::optional<Duration> timeout = std::nullopt);
  // From TaskRunner's on_cut.
  void on_cut();
  std::int64_t commits() const { return commits_.load(); }
  // When the last commit succeeded, or the committer was made.
  std::int64_t committed_at_ns() const { return committed_at_ns_.load(); }
  // Committed changelog that no checkpoint has yet. Threads: any.
  std::size_t tail_bytes();

 private:
  void begin();
  Member* find(TaskId id);
  TaskRunner* next_trial();
  bool begin_trial(bool committed);
  bool takes_part(const Member& member) const { return !tried_ || member.runner->task().id() == *tried_; }
  void decide();
  Result<bool> commit_cuts();
  bool was_decided(const OffsetsToCommit& committed) const;
  void keep_tails();
  Result<> write_checkpoints();
  void finish(const Result<bool>& result);
  bool holds_release(bool committed);
  void go_on(bool committed);
  void give_up(const Error& why);
  void end_held();
  void schedule();
  void purge(const OffsetsToCommit& offsets);
  bool has_rows_to_write();
  void checkpoint_if_due();
  Result<> write_checkpoint(Member& member);
  Result<> take_and_write(Member& member);
  void end_checkpoint();

  Env& env_;
  Executor& io_;
  Producer& producer_;
  Consumer& consumer_;
  Admin& admin_;
  const CommitterSettings settings_;
  std::vector<Member>& members_;
  const std::function<void(const Error&)> on_failure_;

  Monitor monitor_;       // guards what follows, down to trials_
  bool running_ = false;  // a commit is under way
  bool wanted_ = false;   // another one was asked for meanwhile
  bool stopped_ = false;
  std::size_t waiting_for_ = 0;
  bool paused_ = false;
  std::int64_t begun_ = 0, succeeded_ = 0;  // numbers of commits
  std::int64_t timer_ = 0;
  std::atomic<std::int64_t> begun_ns_{0};  // the commit under way
  std::optional<Error> failure_;
  bool last_committed_ = false;
  std::deque<TaskId> trials_;  // asked for
  bool has_ended_trials_ = false;
  std::atomic<std::int64_t> commits_{0}, committed_at_ns_;
  // Of the one who commits; of others while it is paused. Whose trial follows the commit under way; whose it is.
  TaskRunner* next_ = nullptr;
  std::optional<TaskId> tried_;
  // The last commit was asked for, and no answer came. Of the one who commits; of others while it is paused.
  bool is_undecided_ = false;
  std::mutex& checkpoint_mutex_;  // tails, and one checkpoint at a time
  bool checkpointing_ = false;    // under monitor_
  // Under monitor_: a commit that is done, and released when the checkpoint under way has ended. Whether it committed
  // anything.
  std::optional<bool> held_release_;
  bool relief_wanted_ = false;  // under monitor_: a checkpoint is due, whatever its size
  std::atomic<bool> checkpoint_failed_{false};
  std::int64_t checkpointed_at_ = 0;
};

}  // namespace millrace
