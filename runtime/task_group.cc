#include "millrace/runtime/task_group.h"

#include <algorithm>

#include "millrace/base/assert.h"
#include "millrace/base/log.h"
#include "millrace/base/monitor.h"
#include "millrace/base/murmur2.h"
#include "millrace/base/parallel.h"
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
  const auto memory_bytes = static_cast<std::size_t>(parts_.config.integer("state.memory.bytes"));
  memory_ = make_database_memory(memory_bytes / share_of_database_memory);
  MR_TRY(open_databases(ids()));
  MR_ASSIGN(OffsetsToCommit at, committed());
  MR_TRY(open_tasks({}, at, lanes));
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
TaskSettings TaskGroup::settings(std::size_t tasks) {
  TaskSettings settings = task_settings(parts_.config);
  if (parts_.metrics.is_debug()) settings.store_clock = &parts_.env.clock();
  const auto memory_bytes = static_cast<std::size_t>(parts_.config.integer("state.memory.bytes"));
  const std::size_t taken = memory_bytes / share_of_database_memory + settings.cache_max_bytes;
  settings.cache_max_bytes /= tasks;
  settings.message_bytes_max = parts_.topics.message_bytes_max;
  const std::int64_t value_cache = parts_.config.integer("state.value.cache.max.bytes");
  parts_.environment.value_cache_bytes =
      (value_cache >= 0 ? static_cast<std::size_t>(value_cache) : (memory_bytes > taken ? memory_bytes - taken : 0)) /
      tasks;
  return settings;
}

Result<OffsetsToCommit> TaskGroup::committed() const {
  std::vector<TopicPartition> inputs;
  for (const auto& [topic, count] : parts_.topics.partitions)
    for (PartitionId p = 0; p < count; ++p) inputs.push_back({topic, p});
  return parts_.consumer.committed(inputs);
}

Result<> TaskGroup::open_tasks(const std::set<TaskId>& suspended, const OffsetsToCommit& committed, std::size_t lanes) {
  const std::vector<TaskId> all = ids();
  const TaskSettings each = settings(std::max<std::size_t>(all.size(), 1));
  std::vector<Opened> opened;
  for (TaskId id : all) {
    MR_ASSIGN(Opened task, make_task(id, each));
    opened.push_back(std::move(task));
  }
  MR_TRY(restore_all(opened, committed, lanes));
  std::vector<std::unique_ptr<TaskRunner>> runners;
  std::vector<Member> members;
  for (Opened& task : opened) {
    MR_TRY(seek(*task.runner, committed));
    task.runner->metrics()->publish_positions();
    parts_.metrics.tasks_created(1);
    if (suspended.contains(task.runner->task().id())) task.runner->suspend();
    runners.push_back(std::move(task.runner));
    members.push_back(std::move(task.member));
  }
  std::unique_lock lock(mutex_);
  std::lock_guard members_lock(members_mutex_);
  is_open_ = true;
  runners_ = std::move(runners);
  members_ = std::move(members);
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

Result<TaskGroup::Opened> TaskGroup::make_task(TaskId id, const TaskSettings& settings) {
  const std::vector<std::string>& names = stored_[id];
  TaskDatabase* database = names.empty() ? nullptr : databases_[id].get();
  auto runner =
      std::make_unique<TaskRunner>(std::make_unique<RecordCollector>(parts_.producer, parts_.log.admin(), pool_),
                                   id.sub_topology, parts_.environment);
  try {
    runner->set_task(std::make_unique<Task>(id, parts_.topology, std::vector<int>{id.sub_topology}, settings,
                                            runner->output(), parts_.global_stores,
                                            [&](const StoreSpec& spec) -> Checkpoint* {
                                              for (std::size_t i = 0; i < names.size(); ++i)
                                                if (names[i] == spec.name) return database->rows(i);
                                              return nullptr;
                                            }));
  } catch (const std::exception& e) {
    return Error(ErrorCode::unknown_server_error, "task " + id.text() + ": " + e.what());
  }
  runner->set_metrics(std::make_unique<TaskMetrics>(parts_.metrics, runner->task(), runner->output(), parts_.topology,
                                                    database, names, [this](const TopicPartition& p) {
                                                      auto end = visible_end(p);
                                                      return end ? *end : -1;
                                                    }));
  Member member{runner.get(), database, {}};
  return Opened{std::move(runner), std::move(member)};
}

// A restore is work rather than waiting: as many at once as there are threads for the tasks. They share the memory for
// state, of which nothing else is in use yet.
Result<> TaskGroup::restore_all(std::vector<Opened>& tasks, const OffsetsToCommit& committed, std::size_t lanes) {
  MR_ASSERT(lanes > 0, "no task would be restored");
  lanes = std::min(lanes, tasks.size());
  std::vector<std::function<Result<>()>> jobs;
  for (std::size_t lane = 0; lane < lanes; ++lane)
    jobs.push_back([this, &tasks, &committed, lane, lanes]() -> Result<> {
      const auto memory_bytes = static_cast<std::size_t>(parts_.config.integer("state.memory.bytes")) / lanes;
      for (std::size_t i = lane; i < tasks.size(); i += lanes) try {
          MR_TRY(restore(tasks[i], committed, memory_bytes));
        } catch (const std::exception& e) {
          return Error(ErrorCode::unknown_server_error,
                       "task " + tasks[i].runner->task().id().text() + ": " + e.what());
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
      if (restored->reason == RestoreReason::checkpoint) member.inputs_written = database->position(tail.row)->inputs;
    } else {
      tail.topic = runner.output().topic(store.changelog_topic);
      runner.output().keep(tail.topic);
      MR_ASSIGN(TopicDescription topic, parts_.log.admin().describe_topic(store.changelog_topic));
      tail.topic_id = topic.id;
    }
    tail.sequence_base = store.core->logged_sequence();
    tail.observed = restored->observed;
    tail.tail = std::move(restored->tail);
    member.tails.push_back(std::move(tail));
  }
  return {};
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
  for (auto& r : runners_) {
    TaskRunner* runner = r.get();
    for (std::size_t i = 0; i < runner->task().inputs().size(); ++i)
      MR_TRY(
          parts_.consumer.notify(runner->task().inputs()[i]->partition(), [runner, i] { runner->input_arrived(i); }));
  }
  return {};
}

Result<> TaskGroup::ignore_inputs() {
  std::shared_lock lock(mutex_);
  return ignore_inputs_locked();
}

Result<> TaskGroup::ignore_inputs_locked() {
  Result<> all;
  for (auto& r : runners_)
    for (const auto& queue : r->task().inputs())
      if (auto quiet = parts_.consumer.notify(queue->partition(), {}); !quiet && all) all = std::move(quiet);
  return all;
}

void TaskGroup::wake_all() {
  std::shared_lock lock(mutex_);
  for (auto& r : runners_) r->wake();
}

void TaskGroup::wake(TaskId id) {
  std::shared_lock lock(mutex_);
  for (auto& r : runners_)
    if (r->task().id() == id) r->wake();
}

// ---------------------------------------------------------------- abort

bool TaskGroup::stop() {
  {
    // From here on nobody wakes a task: who posts, resumes or wakes has either done so or finds it stopped.
    std::unique_lock lock(mutex_);
    if (auto quiet = ignore_inputs_locked(); !quiet)
      log_warn("inputs could not be let go", {{"why", quiet.error().text()}});
    is_open_ = false;
    for (auto& r : runners_) r->stop();
  }
  const auto all_idle = [&] {
    return std::all_of(runners_.begin(), runners_.end(), [](auto& r) { return Scheduler::is_idle(*r); });
  };
  Monitor monitor;
  MonitorLock lock(monitor);
  while (!parts_.env.wait(lock, all_idle, 1ms))  // nobody tells when a slice ends
    if (!parts_.env.is_alive()) return false;
  return true;
}

Result<> TaskGroup::reopen(const std::set<TaskId>& suspended, const OffsetsToCommit& committed) {
  std::vector<std::unique_ptr<TaskRunner>> gone;
  {
    std::unique_lock lock(mutex_);
    std::lock_guard members_lock(members_mutex_);
    for (auto& r : runners_) processed_before_ += r->processed();
    gone.swap(runners_);
    members_.clear();
  }
  for (auto& r : gone) try {
      r->answer_jobs();
      r->task().close();
    } catch (const std::exception& e) {
      log_error("a task could not be closed", {{"task", r->task().id().text()}, {"why", e.what()}});
    }
  parts_.metrics.forget_tasks();
  parts_.metrics.tasks_closed(static_cast<std::int64_t>(gone.size()));
  gone.clear();
  return open_tasks(suspended, committed, 1);  // called from a job of the executor that lanes would wait for
}

void TaskGroup::resume(TaskId id) {
  std::shared_lock lock(mutex_);
  for (auto& r : runners_)
    if (r->task().id() == id) r->resume();
}

void TaskGroup::close() {
  for (auto& r : runners_) r->task().close();
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

bool TaskGroup::post(TaskId id, const std::function<void(Task&)>& job) const {
  std::shared_lock lock(mutex_);
  for (auto& r : runners_) {
    if (r->task().id() != id) continue;
    r->post([runner = r.get(), job] { job(runner->task()); });
    return true;
  }
  return false;
}

}  // namespace millrace
