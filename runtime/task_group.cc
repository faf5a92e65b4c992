#include "millrace/runtime/task_group.h"

#include <algorithm>

#include "millrace/base/assert.h"
#include "millrace/base/log.h"
#include "millrace/base/monitor.h"
#include "millrace/base/murmur2.h"
#include "millrace/base/parallel.h"
#include "millrace/base/thrown.h"
#include "millrace/runtime/offset_metadata.h"
#include "millrace/runtime/streams_config.h"

namespace millrace {

namespace {
constexpr std::size_t share_of_database_memory = 4;  // a quarter of state.memory.bytes

bool has_store(const Topology& topology, int sub_topology, std::string_view store) {
  return std::any_of(topology.nodes.begin(), topology.nodes.end(), [&](const TopologyNode& node) {
    return node.sub_topology == sub_topology &&
           std::find(node.stores.begin(), node.stores.end(), store) != node.stores.end();
  });
}
}  // namespace

Result<> TaskGroup::lock(const std::string& state_dir) {
  MR_ASSIGN(directory_,
            StateDirectory::open(parts_.env, state_dir, parts_.config.string("application.id"), parts_.topology));
  return {};
}

Result<> TaskGroup::open(std::size_t lanes) {
  memory_ = make_database_memory(memory_bytes() / share_of_database_memory);
  const std::vector<TaskId> all = ids();
  settings_ = make_settings(std::max<std::size_t>(all.size(), 1));
  MR_ASSIGN(OffsetsToCommit at, committed());
  std::map<std::string, TopicId> repartition_topics;
  for (const std::string& name : parts_.topics.repartition_topics) {
    MR_ASSIGN(TopicDescription topic, parts_.log.admin().describe_topic(name));
    repartition_topics[name] = topic.id;
  }
  MR_TRY(directory_->check_repartition_topics(repartition_topics, !at.empty()));
  MR_TRY(open_databases(all));
  MR_TRY(open_all({}, at, lanes));
  for (auto& r : runners_)
    for (const auto& queue : r->task().inputs()) inputs_.insert(queue->partition());
  return {};
}

std::vector<TaskId> TaskGroup::ids() const {
  std::vector<TaskId> ids;
  for (int s = 0; s < parts_.topology.sub_topology_count; ++s)
    for (PartitionId p = 0; p < parts_.topics.task_counts[static_cast<std::size_t>(s)]; ++p) ids.push_back({s, p});
  return ids;
}

// Divides memory among the tasks.
TaskSettings TaskGroup::make_settings(std::size_t tasks) {
  TaskSettings settings = task_settings(parts_.config);
  if (parts_.metrics.is_debug()) settings.store_clock = &parts_.env.clock();
  const std::size_t taken = memory_bytes() / share_of_database_memory + settings.cache_max_bytes;
  settings.cache_max_bytes /= tasks;
  settings.message_bytes_max = parts_.topics.message_bytes_max;
  settings.partitions = parts_.topics.partitions;
  const std::int64_t value_cache = parts_.config.integer("state.value.cache.max.bytes");
  parts_.environment.value_cache_bytes = (value_cache >= 0 ? static_cast<std::size_t>(value_cache)
                                                           : (memory_bytes() > taken ? memory_bytes() - taken : 0)) /
                                         tasks;
  return settings;
}

Result<OffsetsToCommit> TaskGroup::committed() const {
  std::vector<TopicPartition> inputs;
  for (const auto& [topic, count] : parts_.topics.partitions)
    for (PartitionId p = 0; p < count; ++p) inputs.push_back({topic, p});
  return parts_.consumer.committed(inputs);
}

Result<std::vector<TaskGroup::Opened>> TaskGroup::open_tasks(const std::vector<TaskId>& ids,
                                                             const OnProbation& on_probation,
                                                             const OffsetsToCommit& committed, std::size_t lanes,
                                                             std::size_t memory_bytes) {
  std::vector<Opened> opened;
  for (TaskId id : ids) {
    MR_ASSIGN(Opened task, make_task(id));
    opened.push_back(std::move(task));
  }
  MR_TRY(restore_all(opened, committed, lanes, memory_bytes));
  for (Opened& task : opened) {
    MR_TRY(seek(*task.runner, committed));
    task.runner->metrics()->publish_positions();
    parts_.metrics.tasks_created(1);
    auto failed = on_probation.find(task.runner->task().id());
    if (failed != on_probation.end()) task.runner->suspend(failed->second);
  }
  return opened;
}

// Nothing else uses the memory for state yet.
Result<> TaskGroup::open_all(const OnProbation& on_probation, const OffsetsToCommit& committed, std::size_t lanes) {
  MR_ASSIGN(std::vector<Opened> opened, open_tasks(ids(), on_probation, committed, lanes, memory_bytes()));
  std::unique_lock lock(mutex_);
  std::lock_guard members_lock(members_mutex_);
  is_open_ = true;
  for (Opened& task : opened) {
    runners_.push_back(std::move(task.runner));
    members_.push_back(std::move(task.member));
  }
  return {};
}

// All at once: opening one is mostly waiting for the disk.
Result<> TaskGroup::open_databases(const std::vector<TaskId>& ids) {
  std::vector<std::function<Result<>()>> jobs;
  for (TaskId id : ids) {
    std::vector<std::string>& names = stored_[id];
    for (const StoreSpec& spec : parts_.topology.stores) {
      if (spec.is_global || spec.in_memory) continue;
      if (has_store(parts_.topology, id.sub_topology, spec.name)) names.push_back(spec.name);
    }
    if (names.empty()) continue;
    auto& database = databases_[id];
    jobs.push_back([this, id, &names, &database]() -> Result<> {
      MR_ASSIGN(database, TaskDatabase::open(parts_.env, directory_->task_path(id.text()), names, memory_));
      return {};
    });
  }
  return run_all(parts_.env, parts_.io, jobs);
}

Result<TaskGroup::Opened> TaskGroup::make_task(TaskId id) {
  const std::vector<std::string>& names = stored_[id];
  TaskDatabase* database = names.empty() ? nullptr : databases_[id].get();
  auto runner =
      std::make_unique<TaskRunner>(std::make_unique<RecordCollector>(parts_.producer, parts_.log.admin(), pool_),
                                   id.sub_topology, parts_.environment);
  try {
    runner->set_task(std::make_unique<Task>(id, parts_.topology, std::vector<int>{id.sub_topology}, settings_,
                                            runner->output(), parts_.global_stores,
                                            [&](const StoreSpec& spec) -> Checkpoint* {
                                              for (std::size_t i = 0; i < names.size(); ++i)
                                                if (names[i] == spec.name) return database->rows(i);
                                              return nullptr;
                                            }));
  } catch (...) {
    return Error(ErrorCode::unknown_server_error, "task " + id.text() + ": " + thrown());
  }
  runner->set_metrics(std::make_unique<TaskMetrics>(parts_.metrics, runner->task(), runner->output(), parts_.topology,
                                                    database, names, [this](const TopicPartition& p) {
                                                      auto end = visible_end(p);
                                                      return end ? *end : -1;
                                                    }));
  Member member{runner.get(), database, {}};
  return Opened{std::move(runner), std::move(member)};
}

// A restore is work rather than waiting: as many at once as there are threads for the tasks. They share `memory_bytes`.
Result<> TaskGroup::restore_all(std::vector<Opened>& tasks, const OffsetsToCommit& committed, std::size_t lanes,
                                std::size_t memory_bytes) {
  MR_ASSERT(lanes > 0, "no task would be restored");
  lanes = std::min(lanes, tasks.size());
  std::vector<std::function<Result<>()>> jobs;
  for (std::size_t lane = 0; lane < lanes; ++lane)
    jobs.push_back([this, &tasks, &committed, lane, lanes, memory_bytes]() -> Result<> {
      for (std::size_t i = lane; i < tasks.size(); i += lanes) try {
          MR_TRY(restore(tasks[i], committed, memory_bytes / lanes));
        } catch (...) {
          return Error(ErrorCode::unknown_server_error,
                       "task " + tasks[i].runner->task().id().text() + ": " + thrown());
        }
      return {};
    });
  return run_all(parts_.env, parts_.io, jobs);
}

Result<> TaskGroup::restore(Opened& opened, const OffsetsToCommit& committed, std::size_t memory_bytes) {
  TaskRunner& runner = *opened.runner;
  Member& member = opened.member;
  TaskDatabase* database = member.database;
  const std::vector<std::string>& names = stored_.at(runner.task().id());
  Restorer restorer(parts_.env, parts_.consumer, parts_.log.admin(), parts_.environment.exactly_once, memory_bytes);
  restorer.on_progress([&](std::int64_t n, std::int64_t remaining) { runner.metrics()->restoring(n, remaining); });
  for (const auto& queue : runner.task().inputs())
    if (auto found = committed.find(queue->partition()); found != committed.end())
      member.inputs[queue->partition()] = found->second.offset;
  for (std::size_t i = 0; i < runner.task().stores().size(); ++i) {
    const Task::Store& store = runner.task().stores()[i];
    auto row = std::find(names.begin(), names.end(), store.spec->name);
    const bool on_disk = row != names.end();
    Member::StoreTail tail;
    tail.store = i;
    tail.row = static_cast<std::size_t>(row - names.begin());
    const std::int64_t started_ns = parts_.env.clock().monotonic_ns();
    auto restored = restorer.restore(runner.task(), store, on_disk ? database : nullptr, tail.row, committed);
    if (!restored)
      return std::move(restored).error().in("task " + runner.task().id().text() + ", store " + store.spec->name);
    parts_.metrics.restored(static_cast<std::size_t>(restored->reason));
    runner.metrics()->restored(i, parts_.env.clock().monotonic_ns() - started_ns);
    if (!on_disk || !store.changelog) continue;
    if (store.changelog_topic.empty()) {
      tail.topic = runner.output().unlogged(store.spec->name);
      // NOLINTNEXTLINE(bugprone-unchecked-optional-access): what came from a checkpoint has a position there
      if (restored->reason == RestoreReason::checkpoint) member.inputs_written = database->position(tail.row)->inputs;
    } else {
      const bool is_input = !store.spec->has_own_changelog();
      tail.topic = is_input ? runner.output().unlogged(store.spec->name) : runner.output().topic(store.changelog_topic);
      if (!is_input) runner.output().keep(tail.topic);
      tail.topic_id = restored->topic;
      if (is_input)
        follow_input(tail, {store.changelog_topic, runner.task().id().partition}, *restored, *database, committed);
    }
    tail.sequence_base = store.core->logged_sequence();
    tail.observed = restored->observed;
    tail.tail = std::move(restored->tail);
    member.tails.push_back(std::move(tail));
  }
  return {};
}

// After its restore, a table whose changelog is its source topic stands where that input is committed.
void TaskGroup::follow_input(Member::StoreTail& tail, TopicPartition source, const Restored& restored,
                             const TaskDatabase& database, const OffsetsToCommit& committed) {
  if (auto at = committed.find(source); at != committed.end()) tail.source_offset = at->second.offset;
  tail.source_epoch = restored.leader_epoch;
  if (auto position = database.position(tail.row)) {
    tail.source_offset_written = position->next_offset;
    tail.source_epoch = std::max(tail.source_epoch, position->leader_epoch);
  }
  tail.source = std::move(source);
}

Result<> TaskGroup::seek(TaskRunner& runner, const OffsetsToCommit& committed) {
  Timestamp stream_time{-1};
  for (const auto& queue : runner.task().inputs()) {
    const TopicPartition& partition = queue->partition();
    MR_ASSIGN(PartitionOffsets log_offsets, parts_.log.admin().describe_partition(partition));
    auto found = committed.find(partition);
    if (found == committed.end()) {
      queue->seek(log_offsets.log_start_offset, Timestamp{-1});
      continue;
    }
    const Offset at = found->second.offset;
    if (at < log_offsets.log_start_offset && !parts_.topics.repartition_topics.contains(partition.topic))
      return Error(ErrorCode::offset_out_of_range,
                   partition.text() + ": offset " + std::to_string(at) + " was committed, but the log now starts at " +
                       std::to_string(log_offsets.log_start_offset) + ": the records in between (" +
                       std::to_string(at) + " to " + std::to_string(log_offsets.log_start_offset - 1) +
                       ") are gone and were never processed");
    if (at > log_offsets.log_end_offset)
      return Error(ErrorCode::offset_out_of_range,
                   partition.text() + ": offset " + std::to_string(at) + " was committed, but the log ends at " +
                       std::to_string(log_offsets.log_end_offset) +
                       ": it has lost records, or is another one. Use another application id to start anew");
    auto metadata = decode_offset_metadata(found->second.metadata);
    if (!metadata) return std::move(metadata).error().in("the offset committed for " + partition.text());
    queue->seek(std::max(at, log_offsets.log_start_offset), metadata->partition_time);
    stream_time = std::max(stream_time, metadata->partition_time);
  }
  runner.task().set_stream_time(stream_time);
  return {};
}

Result<Offset> TaskGroup::visible_end(const TopicPartition& partition) const {
  return parts_.consumer.end_offset(partition, parts_.environment.visible(partition.topic));
}

Result<> TaskGroup::watch_inputs() {
  std::shared_lock lock(mutex_);
  for (auto& r : runners_) MR_TRY(watch_inputs_of(*r));
  return {};
}

Result<> TaskGroup::watch_inputs_of(TaskRunner& runner) {
  const auto& inputs = runner.task().inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i)
    MR_TRY(parts_.consumer.notify(inputs[i]->partition(), [&runner, i] { runner.input_arrived(i); }));
  return {};
}

Result<> TaskGroup::ignore_inputs() {
  Result<> all;
  std::shared_lock lock(mutex_);
  for (auto& r : runners_)
    if (auto quiet = ignore_inputs_of(*r); !quiet && all) all = std::move(quiet);
  return all;
}

Result<> TaskGroup::ignore_inputs_of(TaskRunner& runner) {
  Result<> all;
  for (const auto& queue : runner.task().inputs())
    if (auto quiet = parts_.consumer.notify(queue->partition(), {}); !quiet && all) all = std::move(quiet);
  return all;
}

void TaskGroup::wake_all() {
  std::shared_lock lock(mutex_);
  for (auto& r : runners_) r->wake();
}

void TaskGroup::wake(TaskId id) {
  std::shared_lock lock(mutex_);
  if (TaskRunner* r = find(id)) r->wake();
}

// Under mutex_. Null: it is being opened anew.
TaskRunner* TaskGroup::find(TaskId id) const {
  auto found = std::find_if(runners_.begin(), runners_.end(), [&](auto& r) { return r->task().id() == id; });
  return found == runners_.end() ? nullptr : found->get();
}

// ---------------------------------------------------------------- abort

bool TaskGroup::stop(std::optional<Duration> timeout) {
  return stop_those([](const TaskRunner&) { return true; }, timeout);
}

bool TaskGroup::stop(const std::set<TaskId>& ids) {
  return stop_those([&](const TaskRunner& r) { return ids.contains(r.task().id()); }, std::nullopt);
}

bool TaskGroup::stop_those(const std::function<bool(const TaskRunner&)>& which, std::optional<Duration> timeout) {
  const std::int64_t until_ns = timeout ? later(parts_.env.clock().monotonic_ns(), *timeout) : INT64_MAX;
  std::vector<TaskRunner*> stopped;
  {
    // From here on nobody wakes a task: who posts, resumes or wakes has either done so or finds it stopped.
    std::unique_lock lock(mutex_);
    for (auto& r : runners_)
      if (which(*r)) stopped.push_back(r.get());
    for (TaskRunner* r : stopped)
      if (auto quiet = ignore_inputs_of(*r); !quiet)
        log_warn("inputs could not be let go", {{"why", quiet.error().text()}});
    for (TaskRunner* r : stopped) r->stop();
  }
  const auto all_idle = [&] {
    return std::all_of(stopped.begin(), stopped.end(), [](TaskRunner* r) { return Scheduler::is_idle(*r); });
  };
  Monitor monitor;
  MonitorLock lock(monitor);
  while (!parts_.env.wait(lock, all_idle, 1ms))  // nobody tells when a slice ends
    if (!parts_.env.is_alive() || parts_.env.clock().monotonic_ns() >= until_ns) return false;
  return true;
}

// What it holds can still be asked for.
void TaskGroup::close(TaskRunner& runner) {
  const std::string id = runner.task().id().text();
  try {
    runner.task().close();
  } catch (...) {
    log_error("a task could not be closed", {{"task", id}, {"why", thrown()}});
  }
  runner.set_metrics({});
  parts_.metrics.forget_task(id);
  parts_.metrics.tasks_closed(1);
}

Result<> TaskGroup::reopen(const OnProbation& on_probation, const OffsetsToCommit& committed) {
  std::vector<std::unique_ptr<TaskRunner>> gone;
  {
    std::unique_lock lock(mutex_);
    std::lock_guard members_lock(members_mutex_);
    for (auto& r : runners_) processed_before_ += r->processed();
    gone.swap(runners_);
    members_.clear();
    is_open_ = false;
  }
  for (auto& r : gone) {
    r->answer_jobs();
    close(*r);
  }
  gone.clear();
  return open_all(on_probation, committed, 1);  // called from a job of the executor that lanes would wait for
}

Result<> TaskGroup::replace(const std::set<TaskId>& ids, const OnProbation& on_probation,
                            const OffsetsToCommit& committed) {
  std::vector<TaskId> replaced;
  for (auto& r : runners_)
    if (ids.contains(r->task().id())) {
      r->answer_jobs();
      close(*r);
      replaced.push_back(r->task().id());
    }
  // They have no more than their share: the others are at work.
  const std::size_t memory = memory_bytes() / std::max<std::size_t>(runners_.size(), 1);
  MR_ASSIGN(std::vector<Opened> opened, open_tasks(replaced, on_probation, committed, 1, memory));
  {
    std::unique_lock lock(mutex_);
    std::lock_guard members_lock(members_mutex_);
    for (Opened& task : opened)
      for (std::size_t i = 0; i < runners_.size(); ++i) {
        if (runners_[i]->task().id() != task.runner->task().id()) continue;
        processed_before_ += runners_[i]->processed();
        runners_[i].swap(task.runner);
        members_[i] = std::move(task.member);
        break;
      }
  }
  for (Opened& gone : opened) gone.runner->answer_jobs();
  std::shared_lock lock(mutex_);
  for (auto& r : runners_)
    if (ids.contains(r->task().id())) MR_TRY(watch_inputs_of(*r));
  return {};
}

void TaskGroup::resume(TaskId id) {
  std::shared_lock lock(mutex_);
  if (TaskRunner* r = find(id)) r->resume();
}

bool TaskGroup::reads_repartition_topics(TaskId id) const {
  std::shared_lock lock(mutex_);
  TaskRunner* r = find(id);
  return r && std::any_of(r->task().inputs().begin(), r->task().inputs().end(), [&](auto& queue) {
           return parts_.topics.repartition_topics.contains(queue->partition().topic);
         });
}

void TaskGroup::close() {
  {
    std::unique_lock lock(mutex_);
    is_closed_ = true;
  }
  for (auto& r : runners_) {
    r->answer_jobs();
    r->task().close();
  }
  parts_.metrics.tasks_closed(static_cast<std::int64_t>(runners_.size()));
}

// ---------------------------------------------------------------- asking

std::size_t TaskGroup::size() const {
  std::shared_lock lock(mutex_);
  return runners_.size();
}

std::int64_t TaskGroup::processed() const {
  std::shared_lock lock(mutex_);
  std::int64_t n = processed_before_;
  for (auto& r : runners_) n += r->processed();
  return n;
}

Result<> TaskGroup::find_ends(InputEnds& ends, bool again) const {
  for (const TopicPartition& partition : inputs_)
    if (!again || parts_.topics.own_topics.contains(partition.topic)) {
      MR_ASSIGN(ends[partition], visible_end(partition));
    }
  return {};
}

bool TaskGroup::has_processed_to(const InputEnds& ends) {
  std::shared_lock lock(mutex_);
  bool all = is_open_;
  for (auto& r : runners_)
    for (std::size_t i = 0; i < r->task().inputs().size(); ++i)
      all &= r->has_processed_to(i, ends.at(r->task().inputs()[i]->partition()));
  return all;
}

std::vector<TaskId> TaskGroup::holders(std::string_view store, BytesView key) const {
  std::vector<TaskId> holders;
  for (TaskId id : ids())
    if (has_store(parts_.topology, id.sub_topology, store)) holders.push_back(id);
  if (holders.empty()) return holders;
  const int likely = partition_for_key(key, static_cast<int>(holders.size()));
  std::rotate(holders.begin(), holders.begin() + likely, holders.end());
  return holders;
}

bool TaskGroup::is_closed() const {
  std::shared_lock lock(mutex_);
  return is_closed_;
}

bool TaskGroup::post(TaskId id, const std::function<void(Task&)>& job, const std::function<bool()>& is_wanted) const {
  std::shared_lock lock(mutex_);
  TaskRunner* runner = find(id);
  if (is_closed_ || !runner) return false;
  runner->post([runner, job] { job(runner->task()); }, is_wanted);
  return true;
}

}  // namespace millrace
