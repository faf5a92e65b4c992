#include "millrace/runtime/committer.h"

#include <algorithm>

#include "millrace/base/log.h"
#include "millrace/base/parallel.h"

namespace millrace {

Committer::Committer(Env& env, Executor& io, Producer& producer, Consumer& consumer, Admin& admin,
                     CommitterSettings settings, std::vector<Member>& members, std::mutex& members_mutex,
                     std::function<void(const Error&)> on_failure)
    : env_(env),
      io_(io),
      producer_(producer),
      consumer_(consumer),
      admin_(admin),
      settings_(std::move(settings)),
      members_(members),
      on_failure_(std::move(on_failure)),
      committed_at_ns_(env.clock().monotonic_ns()),
      checkpoint_mutex_(members_mutex),
      checkpointed_at_(env.clock().monotonic_ns()) {}

void Committer::start() {
  MonitorLock lock(monitor_);
  schedule();
}

void Committer::schedule() {
  if (stopped_) return;
  const std::int64_t timer = ++timer_;
  const std::int64_t at = later(env_.clock().monotonic_ns(), settings_.interval);
  io_.post_at(at, [this, timer] {
    {
      MonitorLock lock(monitor_);
      if (timer != timer_ || stopped_) return;
    }
    commit_soon();
  });
}

void Committer::commit_soon() {
  {
    MonitorLock lock(monitor_);
    if (stopped_) return;
    if (running_ || paused_) {
      wanted_ = true;
      return;
    }
    running_ = true;
    ++begun_;
    waiting_for_ = members_.size() + 1;  // begin() is one of those who are waited for
  }
  begin();
}

void Committer::begin() {
  begun_ns_.store(env_.clock().monotonic_ns());
  next_ = next_trial();
  for (Member& m : members_) m.runner->request_cut(next_ != nullptr);
  on_cut();
}

void Committer::try_alone(TaskId id) {
  {
    MonitorLock lock(monitor_);
    if (has_ended_trials_) return;
    if (std::find(trials_.begin(), trials_.end(), id) == trials_.end()) trials_.push_back(id);
  }
  commit_soon();
}

void Committer::forget_trials() {
  MonitorLock lock(monitor_);
  trials_.clear();
}

void Committer::end_trials() {
  MonitorLock lock(monitor_);
  has_ended_trials_ = true;
  trials_.clear();
}

TaskRunner* Committer::next_trial() {
  MonitorLock lock(monitor_);
  while (!trials_.empty()) {
    const TaskId id = trials_.front();
    trials_.pop_front();
    const Member* m = find(id);
    if (m && m->runner->is_suspended()) return m->runner;
  }
  return nullptr;
}

Member* Committer::find(TaskId id) {
  auto found = std::find_if(members_.begin(), members_.end(), [&](Member& m) { return m.runner->task().id() == id; });
  return found == members_.end() ? nullptr : &*found;
}

// After a commit of all that was to be followed by a trial. False if there is none, and the others may go on.
bool Committer::begin_trial(bool committed) {
  TaskRunner* runner = std::exchange(next_, nullptr);
  if (!runner) return false;
  {
    MonitorLock lock(monitor_);
    succeeded_ = begun_;
    last_committed_ = committed;
    if (stopped_ || paused_ || has_ended_trials_) return false;  // who pauses will ask again
    tried_ = runner->task().id();
    waiting_for_ = 1;
  }
  monitor_.notify_all();
  begun_ns_.store(env_.clock().monotonic_ns());
  env_.fault_point("commit.trial.begin");
  runner->try_alone();
  return true;
}

std::optional<TaskId> Committer::tried() {
  MonitorLock lock(monitor_);
  return tried_;
}

void Committer::on_cut() {
  {
    MonitorLock lock(monitor_);
    if (--waiting_for_ > 0) return;
  }
  io_.post([this] { decide(); });
}

void Committer::decide() {
  // At least once, who has failed has no part in the commit, and the others' work is theirs.
  const bool failed = settings_.exactly_once && std::any_of(members_.begin(), members_.end(),
                                                            [](const Member& m) { return m.runner->has_failed(); });
  if (!failed) return finish(commit_cuts());
  end_held();  // who hears of the task's failure decides what follows
}

Result<bool> Committer::commit_cuts() {
  OffsetsToCommit offsets;
  std::vector<TopicPartition> touched;
  bool dirty = false;
  for (Member& m : members_) {
    TaskRunner::Cut& cut = m.runner->cut();
    if (!takes_part(m) || !cut.dirty) continue;
    dirty = true;
    for (const auto& [partition, offset] : cut.offsets) offsets[partition] = offset;
    touched.insert(touched.end(), cut.touched.begin(), cut.touched.end());
  }
  if (!dirty) return false;
  env_.fault_point("commit.cut.done");
  if (settings_.exactly_once) {
    MR_TRY(producer_.send_offsets_to_transaction(offsets, settings_.group_id));
    env_.fault_point("commit.offsets.sent");
    is_undecided_ = true;
    MR_TRY(producer_.commit_transaction());
    env_.fault_point("commit.decided");
    MR_TRY(producer_.begin_transaction());
  } else {
    MR_TRY(producer_.sync(touched));
    env_.fault_point("commit.outputs.synced");
    is_undecided_ = true;
    MR_TRY(consumer_.commit(offsets));
  }
  is_undecided_ = false;
  keep_tails();
  purge(offsets);
  return true;
}

void Member::StoreTail::note_committed(const OffsetsToCommit& offsets) {
  if (!source) return;
  const CommittedOffset& at = offsets.at(*source);
  source_offset = at.offset;
  source_epoch = std::max(source_epoch, at.leader_epoch);  // -1 as long as the task has read nothing of it
}

void Committer::keep_tails() {
  std::lock_guard lock(checkpoint_mutex_);
  for (Member& m : members_) {
    if (!takes_part(m)) continue;
    TaskRunner::Cut& cut = m.runner->cut();
    if (cut.dirty) {
      m.taken = cut.taken;
      for (const auto& [partition, offset] : cut.offsets) m.inputs[partition] = offset.offset;
      for (auto& tail : m.tails) tail.note_committed(cut.offsets);
    }
    for (auto& logged : std::exchange(cut.logged, {}))
      for (auto& tail : m.tails)
        if (tail.topic == logged.topic) {
          logged.piece.last_sequence += tail.sequence_base;
          tail.tail.add(std::move(logged.piece));
        }
  }
}

void Committer::purge(const OffsetsToCommit& offsets) {
  for (const auto& [partition, offset] : offsets) {
    if (!settings_.repartition_topics.contains(partition.topic) || offset.offset == 0) continue;
    auto purged = admin_.delete_records(partition, offset.offset);
    if (!purged)
      log_warn("a repartition topic could not be purged",
               {{"partition", partition.text()}, {"why", purged.error().text()}});
  }
}

void Committer::finish(const Result<bool>& result) {
  if (!result) return give_up(result.error());
  const std::int64_t now = env_.clock().monotonic_ns();
  committed_at_ns_.store(now);
  commits_ += *result;
  if (*result && settings_.metrics) settings_.metrics->committed(now - begun_ns_.load());
  if (holds_release(*result)) return;
  checkpoint_if_due();
  go_on(*result);
}

// Whether release waits for a checkpoint that is under way and slower than what is committed meanwhile: the tasks then
// run on until what they hold back is full, so that the tails have a bound. end_checkpoint() goes on.
bool Committer::holds_release(bool committed) {
  if (tail_bytes() < 2 * settings_.tail_bytes_max) return false;
  {
    MonitorLock lock(monitor_);
    if (!checkpointing_) return false;
    held_release_ = committed;
  }
  env_.fault_point("commit.release.held");
  return true;
}

// After a commit that succeeded; `committed`: there was something.
void Committer::go_on(bool committed) {
  if (begin_trial(committed)) return;
  if (settings_.on_tried)
    for (Member& m : members_)
      if (takes_part(m) && (tried_ || m.runner->cut().passed))
        settings_.on_tried(m.runner->task().id(), m.runner->cut().passed);
  for (Member& m : members_) m.runner->release();
  bool again = false;
  {
    MonitorLock lock(monitor_);
    running_ = false;
    succeeded_ = begun_;
    if (!std::exchange(tried_, std::nullopt)) last_committed_ = committed;
    again = std::exchange(wanted_, false) || !trials_.empty();
    if (!again) schedule();
  }
  monitor_.notify_all();
  if (again) commit_soon();
}

void Committer::give_up(const Error& why) {
  {
    MonitorLock lock(monitor_);
    tried_.reset();
  }
  end_held();
  on_failure_(why);
}

// The commit is over, and none follows until somebody knows what to do.
void Committer::end_held() {
  {
    MonitorLock lock(monitor_);
    next_ = nullptr;
    running_ = false;
    paused_ = true;
    wanted_ = true;
  }
  monitor_.notify_all();
}

Result<bool> Committer::commit_and_wait(std::optional<Duration> timeout) {
  std::int64_t before = 0;
  {
    // The commit under way may have begun before what the caller wants committed: one that begins from now on must
    // succeed.
    MonitorLock lock(monitor_);
    before = begun_;
  }
  commit_soon();
  MonitorLock lock(monitor_);
  const auto done = [&] { return succeeded_ > before || failure_ || (stopped_ && !running_); };
  if (!env_.wait(lock, done, timeout))
    return Error(ErrorCode::request_timed_out,
                 "the commit is not done" + (timeout ? " after " + std::to_string(timeout->count()) + " ms" : "") +
                     ": a task is still in a record, or the disk is slow");
  if (failure_) return *failure_;
  return succeeded_ > before && last_committed_;  // else it was stopped before
}

bool Committer::pause() {
  MonitorLock lock(monitor_);
  paused_ = true;
  return env_.wait(lock, [&] { return !running_ && !checkpointing_; });
}

void Committer::resume() {
  bool was_trial = false;
  {
    MonitorLock lock(monitor_);
    was_trial = std::exchange(tried_, std::nullopt).has_value();
  }
  if (was_trial)
    for (Member& m : members_) m.runner->release();
  {
    MonitorLock lock(monitor_);
    paused_ = false;
    if (!std::exchange(wanted_, false)) return schedule();
  }
  commit_soon();
}

Result<bool> Committer::settle(TaskId id) {
  Member* m = find(id);
  if (!m) return false;
  if (m->has_unlogged()) MR_TRY(write_checkpoint(*m));
  return m->is_ahead();
}

Result<bool> Committer::settle(const OffsetsToCommit& committed) {
  if (std::exchange(is_undecided_, false) && was_decided(committed)) keep_tails();
  if (std::any_of(members_.begin(), members_.end(), [](const Member& m) { return m.has_unlogged(); }))
    MR_TRY(write_checkpoints());
  return std::any_of(members_.begin(), members_.end(), [](const Member& m) { return m.is_ahead(); });
}

bool Member::is_ahead() const { return runner->task().taken() != taken; }

// One offset that moved tells of all, since they are committed together.
bool Committer::was_decided(const OffsetsToCommit& committed) const {
  for (const Member& m : members_) {
    const TaskRunner::Cut& cut = m.runner->cut();
    if (!cut.dirty) continue;
    for (const auto& [partition, at] : cut.offsets) {
      auto before = m.inputs.find(partition);
      if (before != m.inputs.end() && before->second == at.offset) continue;
      auto now = committed.find(partition);
      return now != committed.end() && now->second.offset == at.offset;
    }
  }
  return false;
}

void Committer::fail(const Error& error) {
  {
    MonitorLock lock(monitor_);
    if (!failure_) failure_ = error;
    stopped_ = true;
  }
  monitor_.notify_all();
}

bool Committer::stop(std::optional<Duration> timeout) {
  {
    MonitorLock lock(monitor_);
    stopped_ = true;
  }
  monitor_.notify_all();
  MonitorLock lock(monitor_);
  return env_.wait(lock, [&] { return !running_; }, timeout);
}

// ---------------------------------------------------------------- checkpoints

std::size_t Committer::tail_bytes() {
  std::size_t bytes = 0;
  std::lock_guard lock(checkpoint_mutex_);
  for (Member& m : members_)
    for (auto& tail : m.tails) bytes += tail.tail.bytes();
  return bytes;
}

// Rows without a changelog are of no use unless the checkpoint knows of all input that is committed.
bool Committer::has_rows_to_write() {
  std::lock_guard lock(checkpoint_mutex_);
  return std::any_of(members_.begin(), members_.end(), [](const Member& m) {
    return std::any_of(m.tails.begin(), m.tails.end(), [&](const auto& tail) { return m.is_to_write(tail); });
  });
}

void Committer::checkpoint_if_due() {
  const std::size_t bytes = tail_bytes();
  const bool any = has_rows_to_write();
  const std::int64_t now = env_.clock().monotonic_ns();
  {
    MonitorLock lock(monitor_);
    const bool due = relief_wanted_ || bytes >= settings_.tail_bytes_max ||
                     now - checkpointed_at_ > nanoseconds(settings_.checkpoint_interval);
    if (!any || !due || checkpointing_ || paused_) return;
    if (checkpoint_failed_.load()) return;  // another one would only hide why
    checkpointing_ = true;
    relief_wanted_ = false;
    checkpointed_at_ = now;
  }
  io_.post([this] {
    auto written = write_checkpoints();
    end_checkpoint();
    if (!written) on_failure_(std::move(written).error().in("checkpoint"));
  });
}

void Committer::relieve(const TaskRunner& runner) {
  bool has_tail = false;
  {
    std::lock_guard lock(checkpoint_mutex_);
    for (Member& m : members_)
      if (m.runner == &runner)
        for (auto& tail : m.tails) has_tail |= !tail.tail.empty();
  }
  {
    MonitorLock lock(monitor_);
    relief_wanted_ = true;
  }
  has_tail ? checkpoint_if_due() : commit_soon();
}

// After a failure there is no further one: the next would claim what the failed one has taken and not written.
Result<> Committer::write_checkpoint(Member& m) {
  if (checkpoint_failed_.load())
    return Error(ErrorCode::kafka_storage_error, "an earlier checkpoint has failed; the next start makes it up");
  auto written = take_and_write(m);
  if (!written) checkpoint_failed_.store(true);
  return written;
}

Result<> Committer::take_and_write(Member& m) {
  const std::int64_t started_ns = env_.clock().monotonic_ns();
  std::int64_t rows_written = 0;
  std::vector<TaskDatabase::Update> updates;
  std::vector<std::pair<std::size_t, std::int64_t>> reached;
  struct Taken {
    Member::StoreTail* tail;
    std::vector<Tail::Piece> pieces;
    Offset source_offset;
    LeaderEpoch source_epoch;
  };
  std::vector<Taken> taken;
  std::map<TopicPartition, Offset> inputs;
  {
    std::lock_guard lock(checkpoint_mutex_);
    inputs = m.inputs;
    for (auto& tail : m.tails)
      if (m.is_to_write(tail)) taken.push_back({&tail, tail.tail.take(), tail.source_offset, tail.source_epoch});
  }
  for (auto& [tail, pieces, source_offset, source_epoch] : taken) {
    const StoreSpec& spec = *m.runner->task().stores()[tail->store].spec;
    MR_ASSIGN(CheckpointRows rows, rows_of(spec, pieces, tail->observed));
    rows.position.topic = tail->topic_id;
    rows.position.written = env_.clock().now();
    if (!tail->has_changelog()) rows.position.inputs = inputs;
    if (tail->source) {
      rows.position.next_offset = source_offset;
      rows.position.leader_epoch = source_epoch;
    }
    rows_written += static_cast<std::int64_t>(rows.rows.size());
    updates.push_back({tail->row, std::move(rows)});
    if (!pieces.empty()) reached.emplace_back(tail->store, pieces.back().last_sequence);
  }
  if (updates.empty()) return {};
  MR_TRY(m.database->write(updates));
  {
    std::lock_guard lock(checkpoint_mutex_);
    m.inputs_written = std::move(inputs);
    for (auto& t : taken) t.tail->source_offset_written = t.source_offset;
  }
  if (settings_.metrics) settings_.metrics->checkpoint_written(rows_written, env_.clock().monotonic_ns() - started_ns);
  for (auto [store, sequence] : reached) m.runner->note_checkpoint(store, sequence);
  return {};
}

Result<> Committer::write_checkpoints() {
  for (Member& m : members_)
    if (m.database) MR_TRY(write_checkpoint(m));
  return {};
}

Result<> Committer::checkpoint_and_wait() {
  {
    MonitorLock lock(monitor_);
    if (!env_.wait(lock, [&] { return !checkpointing_; }))
      return Error(ErrorCode::kafka_storage_error, "the node died during a checkpoint");
    checkpointing_ = true;
  }
  // The last ones, with nothing else to do: all at once.
  std::vector<std::function<Result<>()>> jobs;
  for (Member& m : members_)
    if (m.database) jobs.push_back([this, &m] { return write_checkpoint(m); });
  auto written = run_all(env_, io_, jobs);
  end_checkpoint();
  return written;
}

void Committer::end_checkpoint() {
  bool again = false;
  std::optional<bool> held;
  {
    MonitorLock lock(monitor_);
    checkpointing_ = false;
    again = relief_wanted_ && !stopped_ && !paused_;
    held = std::exchange(held_release_, std::nullopt);
  }
  monitor_.notify_all();
  if (again || held) checkpoint_if_due();
  if (held) go_on(*held);
}

}  // namespace millrace
