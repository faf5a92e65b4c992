#include "millrace/runtime/task_runner.h"

#include <algorithm>

#include "millrace/base/thrown.h"

namespace millrace {

namespace {
constexpr std::int64_t slice_ns = 1'000'000;
constexpr int records_between_looks = 64;  // at the clock
constexpr std::size_t fetch_bytes_max = 512 << 10;
constexpr std::size_t held_bytes_max = 32 << 20;  // then the task waits for the decision
constexpr std::int64_t trim_interval_ns = 200'000'000, trim_interval_over_ns = 20'000'000;
constexpr std::size_t relief_bytes_min = 4 << 20;  // a checkpoint for less costs more than it gives
constexpr std::int64_t trial_ns = 100'000'000;     // the others hold back what they write meanwhile
}  // namespace

void TaskRunner::set_task(std::unique_ptr<Task> task) {
  task_ = std::move(task);
  arrived_ = std::make_unique<std::atomic<bool>[]>(task_->inputs().size());
  fetched_to_ = std::make_unique<std::atomic<Offset>[]>(task_->inputs().size());
  processed_to_ = std::make_unique<std::atomic<Offset>[]>(task_->inputs().size());
  for (std::size_t i = 0; i < task_->inputs().size(); ++i) {
    arrived_[i] = true;
    fetched_to_[i] = processed_to_[i] = -1;
  }
  idle_until_ns_.assign(task_->inputs().size(), -1);
}

void TaskRunner::input_arrived(std::size_t index) {
  if (!arrived_[index].exchange(true)) environment_.scheduler->wake(*this);
}

void TaskRunner::request_cut(bool before_trial) {
  cut_asked_.store(before_trial ? CutAsked::before_trial : CutAsked::now);
  environment_.scheduler->wake(*this);
}

void TaskRunner::release() {
  release_requested_.store(true);
  environment_.scheduler->wake(*this);
}

void TaskRunner::post(std::function<void()> job, std::function<bool()> is_wanted) {
  {
    std::lock_guard lock(jobs_mutex_);
    if (jobs_.size() >= sweep_at_) {
      std::erase_if(jobs_, [](const Posted& p) { return p.is_wanted && !p.is_wanted(); });
      sweep_at_ = std::max(jobs_before_sweep, 2 * jobs_.size());
    }
    jobs_.push_back({std::move(job), std::move(is_wanted)});
  }
  has_jobs_.store(true);
  wake();
}

std::size_t TaskRunner::jobs_waiting() {
  std::lock_guard lock(jobs_mutex_);
  return jobs_.size();
}

void TaskRunner::wake() {
  if (!stopped_.load()) environment_.scheduler->wake(*this);
}

void TaskRunner::note_checkpoint(std::size_t index, std::int64_t sequence) {
  post([this, index, sequence] {
    task_->stores()[index].core->checkpointed(sequence);
    is_stuck_ = false;
  });
}

void TaskRunner::run_jobs() {
  if (!has_jobs_.exchange(false)) return;
  std::vector<Posted> jobs;
  {
    std::lock_guard lock(jobs_mutex_);
    jobs.swap(jobs_);
  }
  for (Posted& p : jobs) p.job();
}

bool TaskRunner::has_processed_to(std::size_t index, Offset end) {
  if (stopped_.load() || failed_.load()) return false;
  if (fetched_to_[index].load() < end) {
    arrived_[index].store(true);
    wake();
    return false;
  }
  return processed_to_[index].load() >= end;
}

void TaskRunner::publish_positions() {
  for (std::size_t i = 0; i < task_->inputs().size(); ++i) {
    RecordQueue& queue = *task_->inputs()[i];
    // Where nothing is left, markers and what compaction took away are behind us too.
    processed_to_[i].store(queue.has_head() ? queue.next_offset()
                                            : std::max(queue.next_offset(), fetched_to_[i].load()));
  }
}

bool TaskRunner::run_slice() {
  if (failed_.load() || stopped_.load()) {  // takes part in nothing any more, but must not keep a commit waiting
    skip_cut();
    return false;
  }
  try {
    return slice();
  } catch (const StreamsError& e) {
    fail({Error(e.code().value_or(ErrorCode::unknown_server_error), e.what()), e.code().has_value()});
  } catch (...) {
    fail({Error(ErrorCode::unknown_server_error, thrown()), false});
  }
  return false;
}

void TaskRunner::fail(TaskFailure failure) {
  failed_.store(true);
  if (!failure.is_of_log) {
    failure.is_of_record = task_->has_failed_record();
    failure.to_pass = task_->offsets_to_pass();
  }
  environment_.on_failure(*this, failure);
  skip_cut();
}

// Nothing of this task is in the commit under way.
void TaskRunner::skip_cut() {
  if (cut_asked_.exchange(CutAsked::none) == CutAsked::none) return;
  cut_ = {};
  environment_.on_cut(*this);
}

void TaskRunner::answer_jobs() {
  has_jobs_.store(true);
  run_jobs();
}

void TaskRunner::suspend(std::vector<Offset> to_pass) {
  to_pass_ = std::move(to_pass);
  suspended_.store(true);
}

void TaskRunner::resume() {
  suspended_.store(false);
  wake();
}

void TaskRunner::try_alone() {
  cut_asked_.store(CutAsked::of_trial);
  environment_.scheduler->wake(*this);
}

void TaskRunner::begin_trial() {
  append_held();  // which is nothing
  is_trying_ = true;
  trial_until_ns_ = environment_.clock->monotonic_ns() + trial_ns;
  for (std::size_t i = 0; i < to_pass_.size(); ++i) {
    arrived_[i].store(true);
    // The record at which it failed may have been written in the transaction that was aborted, and again since, at
    // another offset.
    const TopicPartition& partition = task_->inputs()[i]->partition();
    if (has_tried_ || to_pass_[i] == 0 || !environment_.reads_undecided(partition.topic)) continue;
    auto end = environment_.consumer->end_offset(partition, Isolation::read_uncommitted);
    if (!end) throw StreamsError(partition.text() + ": " + end.error().text(), end.error().code());
    to_pass_[i] = std::max(to_pass_[i], *end);
  }
  has_tried_ = true;
  suspended_.store(false);
}

bool TaskRunner::has_passed() const {
  for (std::size_t i = 0; i < to_pass_.size(); ++i)
    if (processed_to_[i].load() < to_pass_[i]) return false;
  return !to_pass_.empty();
}

bool TaskRunner::is_trial_over(bool more, std::int64_t now) const {
  return is_trying_ && (!more || now >= trial_until_ns_ || has_passed());
}

bool TaskRunner::fetch(std::size_t index) {
  RecordQueue& queue = *task_->inputs()[index];
  FetchRequest request{queue.partition(), queue.fetch_offset(), fetch_bytes_max};
  request.isolation = environment_.exactly_once ? Isolation::read_committed : Isolation::read_uncommitted;
  const bool reads_undecided = environment_.reads_undecided(queue.partition().topic) && !waits_for_trial_;
  if (reads_undecided) request.own_producer_id = environment_.producer->producer_id();
  const std::int64_t started_ns = metrics_ ? environment_.clock->monotonic_ns() : 0;
  auto fetched = environment_.consumer->fetch(request);
  if (!fetched) throw StreamsError(queue.partition().text() + ": " + fetched.error().text(), fetched.error().code());
  const bool any = !fetched->bytes->empty();
  const std::int64_t added_before = queue.batches().records_added();
  const bool committed = environment_.exactly_once && !reads_undecided;
  const Offset end = committed ? fetched->last_stable_offset : fetched->high_watermark;
  if (any) queue.add(*std::move(fetched));
  fetched_to_[index].store(any ? queue.fetch_offset() : end);
  if (metrics_)
    metrics_->fetched(queue.batches().records_added() - added_before, started_ns, environment_.clock->monotonic_ns());
  if (!any) return false;
  arrived_[index].store(true);  // there may be more behind
  task_->offer(&queue);
  return true;
}

bool TaskRunner::fetch_input() {
  bool any = false;
  for (std::size_t i = 0; i < task_->inputs().size(); ++i) {
    if (task_->inputs()[i]->has_head()) {
      any = true;
    } else if (arrived_[i].load(std::memory_order_relaxed)) {
      arrived_[i].exchange(false);
      any |= fetch(i);
    }
  }
  return any;
}

bool TaskRunner::has_dry_input() {
  if (task_->inputs().size() == 1) return false;
  for (std::size_t i = 0; i < task_->inputs().size(); ++i)
    if (!task_->inputs()[i]->has_head() && arrived_[i].load(std::memory_order_relaxed)) return true;
  return false;
}

// KIP-695: an input that is empty, with nothing behind it in the log, may yet get older records than the others have;
// it holds them up for max.task.idle.ms from when it became empty.
bool TaskRunner::waits_for_input() {
  if (environment_.max_idle_ns <= 0 || task_->inputs().size() == 1) return false;
  const std::int64_t now = environment_.clock->monotonic_ns();
  std::int64_t until = -1;
  bool any = false;
  for (std::size_t i = 0; i < task_->inputs().size(); ++i) {
    if (task_->inputs()[i]->has_head()) {
      idle_until_ns_[i] = -1;
      any = true;
      continue;
    }
    if (idle_until_ns_[i] < 0) idle_until_ns_[i] = later(now, environment_.max_idle_ns);
    until = std::max(until, idle_until_ns_[i]);
  }
  const bool waits = any && until > now;
  if (waits && !is_waiting_) environment_.wake_at(task_->id(), until);
  return is_waiting_ = waits;
}

void TaskRunner::make_cut() {
  const std::int64_t started_ns = metrics_ ? environment_.clock->monotonic_ns() : 0;
  task_->flush_caches();
  output_->append_all();
  if (metrics_) metrics_->cut(started_ns, environment_.clock->monotonic_ns());
  cut_.offsets = task_->offsets();
  cut_.logged = output_->take_logged();
  cut_.touched = output_->take_touched();
  output_->forget_logged_bytes();
  // What was skipped moves the offsets, too, else a start would meet it again; and so do markers and aborted records
  // (as in Kafka's StreamTask.commitNeeded), else a start would miss them when retention has taken them.
  cut_.dirty = output_->take_dirty();
  for (const auto& queue : task_->inputs()) cut_.dirty |= queue->take_moved();
  cut_.taken = task_->taken();
  cut_.passed = !suspended_.load() && has_passed();
  if (cut_.passed) to_pass_.clear();
  if (std::exchange(is_trying_, false)) suspended_.store(!cut_.passed);
  if (environment_.exactly_once) output_->hold();
  waits_for_trial_ = cut_asked_.exchange(CutAsked::none) == CutAsked::before_trial;
  environment_.on_cut(*this);
}

void TaskRunner::append_held() {
  output_->release();
  if (!std::exchange(waits_for_trial_, false)) return;
  for (std::size_t i = 0; i < task_->inputs().size(); ++i) arrived_[i].store(true);  // there may be more to read now
}

// Evicts what is over the task's share of memory; asks for a checkpoint when most of it could not go without one. True
// if it is so far over that it must not go on before there is one.
bool TaskRunner::mind_memory(std::int64_t now) {
  const std::size_t bytes_max = task_->memory_bytes_max(environment_.value_cache_bytes);
  const bool is_over = task_->memory_bytes() > bytes_max;
  if (now - trimmed_at_ >= (is_over && !is_stuck_ ? trim_interval_over_ns : trim_interval_ns)) {
    trimmed_at_ = now;
    // A sweep looks at everything, and finds nothing new before the checkpoint that was asked for.
    if (!is_stuck_) is_stuck_ = task_->trim(bytes_max) > std::max(bytes_max / 2, relief_bytes_min);
    if (is_stuck_) environment_.on_full_memory(*this);
  }
  return is_stuck_ && task_->memory_bytes() > 2 * std::max(bytes_max, relief_bytes_min);
}

// Between two looks at the clock.
bool TaskRunner::must_yield(std::int64_t until) const {
  const bool cuts = cut_asked_.load(std::memory_order_relaxed) != CutAsked::none && !is_trying_;
  if (environment_.has_failed.load(std::memory_order_relaxed) || environment_.keeps_out_global_task()) return true;
  return cuts || environment_.clock->monotonic_ns() >= until;
}

bool TaskRunner::may_process() const {
  return !suspended_.load() && !environment_.has_failed.load() && (is_trying_ || !environment_.is_closing.load());
}

bool TaskRunner::slice() {
  const GlobalSlice globals(environment_.globals, task_->id());
  if (!globals) return false;  // it wakes us
  run_jobs();
  if (release_requested_.exchange(false)) {
    append_held();
    if (metrics_ && cut_.dirty) metrics_->committed();
  }
  if (const CutAsked asked = cut_asked_.load(); asked == CutAsked::of_trial) {
    if (!is_trying_) begin_trial();
  } else if (asked != CutAsked::none) {
    if (output_->is_holding()) return false;  // the last transaction is not decided yet: release() wakes us
    make_cut();
  }
  if (!may_process() || output_->held_bytes() > held_bytes_max) return false;
  const std::int64_t started_ns = environment_.clock->monotonic_ns(), until = started_ns + slice_ns;
  if (is_stuck_ && mind_memory(started_ns)) {  // note_checkpoint() wakes us
    if (is_trying_) make_cut();
    return false;
  }
  bool more = true;
  while (more) {
    if (!fetch_input() || waits_for_input()) {
      more = false;
      break;
    }
    int left = records_between_looks;
    while (left-- > 0 && task_->process_one()) {
      if (has_dry_input()) break;  // it must be asked for more before the others go on: their records may be younger
      if (environment_.max_idle_ns > 0 && waits_for_input()) break;
      if (environment_.keeps_out_global_task()) break;
    }
    if (must_yield(until)) break;
  }
  output_->append_all();
  processed_.store(task_->counters().processed);
  publish_positions();
  if (output_->logged_bytes() > environment_.tail_bytes_max / 4) environment_.on_full_tail();
  const std::int64_t now = environment_.clock->monotonic_ns();
  if (metrics_) metrics_->slice_ended(started_ns, now, output_->held_bytes());
  mind_memory(now);
  if (is_trial_over(more, now)) make_cut();
  return more || cut_asked_.load() != CutAsked::none;
}

}  // namespace millrace
