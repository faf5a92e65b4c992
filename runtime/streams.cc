#include "millrace/runtime/streams.h"

#include <algorithm>
#include <map>
#include <set>
#include <shared_mutex>

#include "millrace/base/log.h"
#include "millrace/base/monitor.h"
#include "millrace/base/murmur2.h"
#include "millrace/base/parallel.h"
#include "millrace/runtime/committer.h"
#include "millrace/runtime/global_task.h"
#include "millrace/runtime/offset_metadata.h"
#include "millrace/runtime/restorer.h"
#include "millrace/runtime/state_directory.h"
#include "millrace/runtime/streams_config.h"
#include "millrace/runtime/streams_metrics.h"
#include "millrace/runtime/topic_setup.h"

namespace millrace {

std::string_view name_of(StreamsState state) {
  switch (state) {
    case StreamsState::created:
      return "CREATED";
    case StreamsState::running:
      return "RUNNING";
    case StreamsState::pending_shutdown:
      return "PENDING_SHUTDOWN";
    case StreamsState::not_running:
      return "NOT_RUNNING";
    case StreamsState::error:
      return "ERROR";
  }
  return "UNKNOWN";
}

namespace {
// Kafka's KafkaStreams.State, of which REBALANCING and PENDING_ERROR are not ours.
int kafka_number(StreamsState state) {
  static constexpr int numbers[] = {0, 2, 3, 4, 6};
  return numbers[static_cast<std::size_t>(state)];
}

constexpr std::size_t share_of_database_memory = 4;  // a quarter of state.memory.bytes
constexpr int io_threads = 8;                        // they wait for the disk

ConfigValues with_name(ConfigValues values, const std::string& name) {
  values.try_emplace("application.id", name);
  return values;
}
}  // namespace

struct Streams::Content {
  Content(std::string name, Topology t, const StreamsOptions& o, Env& e, LogClient& l)
      : options(o),
        topology(std::move(t)),
        env(e),
        log(l),
        config(streams_config(with_name(o.config, name))),
        application_id(config.string("application.id")),
        metrics(application_id, recording_level(config), e.clock()) {
    metrics.watch_state([this] {
      MonitorLock lock(monitor);
      return std::pair(kafka_number(state), std::string(name_of(state)));
    });
  }

  const StreamsOptions options;
  Topology topology;
  Env& env;
  LogClient& log;
  const Config config;
  const std::string application_id;
  StreamsMetrics metrics;

  std::unique_ptr<Executor> workers, io;
  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<Producer> producer;
  std::unique_ptr<Consumer> consumer;
  std::unique_ptr<StateDirectory> directory;
  std::shared_ptr<DatabaseMemory> memory;
  TopicSetup topics;
  BuilderPool pool;
  std::shared_mutex global_lock;
  RunnerEnvironment environment;
  std::unique_ptr<GlobalTask> global;
  std::map<TaskId, std::vector<std::string>> stored;  // names of the stores that each task keeps on disk
  std::map<TaskId, std::unique_ptr<TaskDatabase>> databases;
  std::vector<std::unique_ptr<TaskRunner>> runners;
  std::vector<Member> members;
  std::unique_ptr<Committer> committer;

  mutable Monitor monitor;  // guards what follows
  StreamsState state = StreamsState::created;
  std::optional<Error> failure;
  bool stop_asked = false;

  Result<> open_log();
  Result<> open_tasks();
  Result<> open_databases(const std::vector<TaskId>& ids);
  Result<> open_task(TaskId id, const OffsetsToCommit& committed, const TaskSettings& settings);
  Result<> restore(TaskRunner& runner, TaskDatabase* database, const std::vector<std::string>& names);
  Result<> seek(TaskRunner& runner, const OffsetsToCommit& committed);
  Result<> watch_inputs();
  Offset visible_end(const TopicPartition& partition);
  void fail(const std::string& why);
  std::optional<Error> failed() const {
    MonitorLock lock(monitor);
    return failure;
  }
  bool is_at_end();
  bool is_quiet();
};

Streams::Streams(std::string name, Topology topology, const StreamsOptions& options, Env& env, LogClient& log)
    : content_(std::make_unique<Content>(std::move(name), std::move(topology), options, env, log)) {}

Streams::~Streams() {
  if (state() == StreamsState::running || state() == StreamsState::error)
    if (auto closed = close(); !closed) log_error("close failed", {{"why", closed.error().text()}});
  // A start that failed half-way leaves jobs too.
  if (content_->committer) content_->committer->stop();
  if (content_->workers) content_->workers->drain();
  if (content_->io) content_->io->drain();
}

void Streams::Content::fail(const std::string& why) {
  {
    MonitorLock lock(monitor);
    if (failure) return;
    failure = Error(ErrorCode::unknown_server_error, why);
    state = StreamsState::error;
  }
  monitor.notify_all();
}

// ---------------------------------------------------------------- start

Result<> Streams::Content::open_log() {
  TopicSetupOptions setup;
  setup.application_id = application_id;
  setup.default_partitions = static_cast<int>(config.integer("num.partitions"));
  setup.make_sink_topics = log.is_embedded();
  setup.data_dir = options.data_dir;
  topology.window_changelog_additional_retention = config.duration("windowstore.changelog.additional.retention.ms");
  MR_ASSIGN(topics, set_up_topics(log.admin(), topology, setup));
  ProducerConfig producing;
  producing.client_id = application_id;
  producing.transaction_timeout = config.duration("transaction.timeout.ms");
  if (is_exactly_once(config)) producing.transactional_id = application_id + "-1";
  MR_ASSIGN(producer, log.make_producer(producing));
  ConsumerConfig consuming;
  consuming.client_id = application_id;
  consuming.group_id = application_id;
  consuming.isolation = is_exactly_once(config) ? Isolation::read_committed : Isolation::read_uncommitted;
  consuming.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
  MR_ASSIGN(consumer, log.make_consumer(consuming));
  if (!is_exactly_once(config)) return {};
  MR_TRY(producer->init_transactions());
  return producer->begin_transaction();
}

Result<> Streams::start() {
  Content& c = *content_;
  MR_TRY(c.open_log());
  c.workers = c.env.make_executor(static_cast<int>(c.config.integer("num.stream.threads")), "tasks");
  c.metrics.set_workers(c.workers->concurrency());
  c.io = c.env.make_io_executor(io_threads, "commit");
  c.scheduler = std::make_unique<Scheduler>(*c.workers);
  c.environment.clock = &c.env.clock();
  c.environment.consumer = c.consumer.get();
  c.environment.producer = c.producer.get();
  c.environment.scheduler = c.scheduler.get();
  c.environment.global_lock = &c.global_lock;
  c.environment.exactly_once = is_exactly_once(c.config);
  c.environment.embedded = c.log.is_embedded();
  c.environment.repartition_topics = c.topics.repartition_topics;
  c.environment.on_cut = [&c](TaskRunner&) { c.committer->on_cut(); };
  c.environment.on_failure = [&c](TaskRunner&, const std::string& why) { c.fail(why); };
  c.environment.on_full_tail = [&c] { c.committer->commit_soon(); };
  c.global = std::make_unique<GlobalTask>(c.topology, *c.consumer, *c.scheduler, c.global_lock,
                                          [&c](const std::string& why) { c.fail(why); });
  MR_TRY(c.global->load(c.log.admin()));
  MR_TRY(c.open_tasks());
  CommitterSettings settings;
  settings.group_id = c.application_id;
  settings.interval = commit_interval(c.config);
  settings.exactly_once = c.environment.exactly_once;
  settings.repartition_topics = c.topics.repartition_topics;
  settings.checkpoint_interval = c.config.duration("state.checkpoint.interval.ms");
  settings.metrics = &c.metrics;
  c.committer = std::make_unique<Committer>(c.env, *c.io, *c.producer, *c.consumer, c.log.admin(), settings, c.members,
                                            [&c](const std::string& why) { c.fail(why); });
  c.metrics.watch_tail([&c] { return static_cast<double>(c.committer->tail_bytes()); });
  {
    MonitorLock lock(c.monitor);
    c.state = StreamsState::running;
  }
  MR_TRY(c.watch_inputs());
  MR_TRY(c.global->follow());
  for (auto& r : c.runners) c.scheduler->wake(*r);
  c.committer->start();
  return {};
}

Result<> Streams::Content::open_tasks() {
  const std::string state_dir = config.string("state.dir").empty() ? options.state_dir : config.string("state.dir");
  MR_ASSIGN(directory, StateDirectory::open(env, state_dir, application_id, topology));
  const auto memory_bytes = static_cast<std::size_t>(config.integer("state.memory.bytes"));
  memory = make_database_memory(memory_bytes / share_of_database_memory);
  std::vector<TaskId> ids;
  for (int s = 0; s < topology.sub_topology_count; ++s)
    for (PartitionId p = 0; p < topics.task_counts[static_cast<std::size_t>(s)]; ++p) ids.push_back({s, p});
  TaskSettings settings = task_settings(config);
  if (metrics.is_debug()) settings.store_clock = &env.clock();
  const std::size_t tasks = std::max<std::size_t>(ids.size(), 1);
  const std::size_t record_caches = settings.cache_max_bytes;
  settings.cache_max_bytes /= tasks;
  const std::int64_t value_cache = config.integer("state.value.cache.max.bytes");
  const std::size_t taken = memory_bytes / share_of_database_memory + record_caches;
  environment.value_cache_bytes =
      (value_cache >= 0 ? static_cast<std::size_t>(value_cache) : (memory_bytes > taken ? memory_bytes - taken : 0)) /
      tasks;
  std::vector<TopicPartition> inputs;
  for (const auto& [topic, count] : topics.partitions)
    for (PartitionId p = 0; p < count; ++p) inputs.push_back({topic, p});
  MR_ASSIGN(OffsetsToCommit committed, consumer->committed(inputs));
  MR_TRY(open_databases(ids));
  for (TaskId id : ids) MR_TRY(open_task(id, committed, settings));
  return {};
}

// All at once: opening one is mostly waiting for the disk.
Result<> Streams::Content::open_databases(const std::vector<TaskId>& ids) {
  std::vector<std::function<Result<>()>> jobs;
  for (TaskId id : ids) {
    std::vector<std::string>& names = stored[id];
    for (const StoreSpec& spec : topology.stores) {
      if (spec.is_global || spec.in_memory) continue;
      const bool mine = std::any_of(topology.nodes.begin(), topology.nodes.end(), [&](const TopologyNode& node) {
        return node.sub_topology == id.sub_topology &&
               std::find(node.stores.begin(), node.stores.end(), spec.name) != node.stores.end();
      });
      if (mine) names.push_back(spec.name);
    }
    if (names.empty()) continue;
    auto& database = databases[id];
    jobs.push_back([this, id, &names, &database]() -> Result<> {
      MR_ASSIGN(database, TaskDatabase::open(env, directory->task_path(id.text()), names, memory));
      return {};
    });
  }
  return run_all(env, *io, jobs);
}

Result<> Streams::Content::open_task(TaskId id, const OffsetsToCommit& committed, const TaskSettings& settings) {
  const std::vector<std::string>& names = stored[id];
  TaskDatabase* database = names.empty() ? nullptr : databases[id].get();
  auto runner = std::make_unique<TaskRunner>(std::make_unique<RecordCollector>(*producer, log.admin(), pool),
                                             id.sub_topology, environment);
  try {
    runner->set_task(std::make_unique<Task>(id, topology, std::vector<int>{id.sub_topology}, settings, runner->output(),
                                            global->stores(), [&](const StoreSpec& spec) -> Checkpoint* {
                                              for (std::size_t i = 0; i < names.size(); ++i)
                                                if (names[i] == spec.name) return database->rows(i);
                                              return nullptr;
                                            }));
  } catch (const std::exception& e) {
    return Error(ErrorCode::unknown_server_error, "task " + id.text() + ": " + e.what());
  }
  runner->set_metrics(std::make_unique<TaskMetrics>(metrics, runner->task(), runner->output(), topology, database,
                                                    names, [this](const TopicPartition& p) { return visible_end(p); }));
  MR_TRY(restore(*runner, database, names));
  MR_TRY(seek(*runner, committed));
  runner->metrics()->publish_positions();
  metrics.tasks_created(1);
  runners.push_back(std::move(runner));
  return {};
}

Result<> Streams::Content::restore(TaskRunner& runner, TaskDatabase* database, const std::vector<std::string>& names) {
  Member member{&runner, database, {}};
  Restorer restorer(env, *consumer, log.admin(), environment.exactly_once);
  restorer.on_progress([&](std::int64_t n, std::int64_t remaining) { runner.metrics()->restoring(n, remaining); });
  for (std::size_t i = 0; i < runner.task().stores().size(); ++i) {
    const Task::Store& store = runner.task().stores()[i];
    auto row = std::find(names.begin(), names.end(), store.spec->name);
    const bool on_disk = row != names.end();
    Member::StoreTail tail;
    tail.store = i;
    tail.row = static_cast<std::size_t>(row - names.begin());
    const std::int64_t started_ns = env.clock().monotonic_ns();
    auto restored = restorer.restore(runner.task(), store, on_disk ? database : nullptr, tail.row);
    if (!restored)
      return std::move(restored).error().in("task " + runner.task().id().text() + ", store " + store.spec->name);
    metrics.restored(static_cast<std::size_t>(restored->reason));
    runner.metrics()->restored(i, env.clock().monotonic_ns() - started_ns);
    if (!on_disk || !store.changelog) continue;
    tail.topic = runner.output().topic(store.changelog_topic);
    runner.output().keep(tail.topic);
    MR_ASSIGN(TopicDescription topic, log.admin().describe_topic(store.changelog_topic));
    tail.topic_id = topic.id;
    tail.sequence_base = store.core->logged_sequence();
    tail.observed = restored->observed;
    tail.tail = std::move(restored->tail);
    member.tails.push_back(std::move(tail));
  }
  members.push_back(std::move(member));
  return {};
}

Result<> Streams::Content::seek(TaskRunner& runner, const OffsetsToCommit& committed) {
  Timestamp stream_time{-1};
  for (const auto& queue : runner.task().inputs()) {
    const TopicPartition& partition = queue->partition();
    MR_ASSIGN(PartitionOffsets log_offsets, log.admin().describe_partition(partition));
    auto found = committed.find(partition);
    if (found == committed.end()) {
      queue->seek(log_offsets.log_start_offset, Timestamp{-1});
      continue;
    }
    const Offset at = found->second.offset;
    if (at < log_offsets.log_start_offset && !topics.repartition_topics.contains(partition.topic))
      return Error(ErrorCode::offset_out_of_range,
                   partition.text() + ": offset " + std::to_string(at) + " was committed, but the log now starts at " +
                       std::to_string(log_offsets.log_start_offset) + ": the records in between (" +
                       std::to_string(at) + " to " + std::to_string(log_offsets.log_start_offset - 1) +
                       ") are gone and were never processed");
    MR_ASSIGN(OffsetMetadata metadata, decode_offset_metadata(found->second.metadata));
    queue->seek(std::max(at, log_offsets.log_start_offset), metadata.partition_time);
    stream_time = std::max(stream_time, metadata.partition_time);
  }
  runner.task().set_stream_time(stream_time);
  return {};
}

// Up to where a task may read, for its lag.
Offset Streams::Content::visible_end(const TopicPartition& partition) {
  const bool committed = environment.exactly_once && !topics.repartition_topics.contains(partition.topic);
  auto end = consumer->end_offset(partition, committed ? Isolation::read_committed : Isolation::read_uncommitted);
  return end ? *end : -1;
}

Result<> Streams::Content::watch_inputs() {
  for (auto& r : runners) {
    TaskRunner* runner = r.get();
    for (std::size_t i = 0; i < runner->task().inputs().size(); ++i)
      MR_TRY(consumer->notify(runner->task().inputs()[i]->partition(), [runner, i] { runner->input_arrived(i); }));
  }
  return {};
}

// ---------------------------------------------------------------- running

bool Streams::Content::is_at_end() {
  return std::all_of(runners.begin(), runners.end(), [](auto& r) { return r->is_at_end(); });
}
bool Streams::Content::is_quiet() {
  return is_at_end() && std::all_of(runners.begin(), runners.end(), [](auto& r) { return Scheduler::is_idle(*r); });
}

Result<> Streams::run_until_end_of_input(const std::function<void(std::int64_t)>& progress) {
  Content& c = *content_;
  for (;;) {
    {
      MonitorLock lock(c.monitor);
      c.env.wait(lock, [&] { return c.failure || c.stop_asked; }, 2ms);
      if (c.failure) return *c.failure;
      if (c.stop_asked) return {};
    }
    if (progress) progress(processed());
    if (!c.is_quiet()) continue;
    // All that is visible was processed. What the commit flushes may be more input for tasks further down; if there was
    // nothing to commit, it flushed nothing. (The tasks may be awake: they were told that it is over.)
    MR_ASSIGN(bool committed, c.committer->commit_and_wait());
    if (!committed && c.is_at_end()) return {};
  }
}

Result<> Streams::wait() {
  MonitorLock lock(content_->monitor);
  content_->env.wait(lock, [&] { return content_->failure || content_->stop_asked; });
  if (content_->failure) return *content_->failure;
  return {};
}

void Streams::stop_waiting() {
  {
    MonitorLock lock(content_->monitor);
    content_->stop_asked = true;
  }
  content_->monitor.notify_all();
}

Result<> Streams::close(Duration timeout) {
  Content& c = *content_;
  std::optional<Error> problem = c.failed();
  {
    MonitorLock lock(c.monitor);
    if (c.state == StreamsState::not_running || c.state == StreamsState::created) return {};
    c.state = StreamsState::pending_shutdown;
  }
  for (auto& r : c.runners)
    for (const auto& queue : r->task().inputs())
      if (auto quiet = c.consumer->notify(queue->partition(), {}); !quiet && !problem) problem = quiet.error();
  if (c.committer && !problem) {
    auto committed = c.committer->commit_and_wait(timeout);
    if (!committed && committed.error().code() == ErrorCode::request_timed_out) return std::move(committed).error();
    if (!committed) problem = committed.error();
  }
  if (c.committer) c.committer->stop();
  if (c.workers) c.workers->drain();
  if (c.committer && !problem)
    if (auto written = c.committer->checkpoint_and_wait(); !written) problem = written.error();
  if (c.io) c.io->drain();
  if (c.environment.exactly_once && c.producer)
    if (auto aborted = c.producer->abort_transaction(); !aborted)
      log_warn("abort on close", {{"why", aborted.error().text()}});
  for (auto& r : c.runners) r->task().close();
  c.metrics.tasks_closed(static_cast<std::int64_t>(c.runners.size()));
  MonitorLock lock(c.monitor);
  c.state = StreamsState::not_running;
  if (problem) return *problem;
  return {};
}

// ---------------------------------------------------------------- asking

StreamsState Streams::state() const {
  MonitorLock lock(content_->monitor);
  return content_->state;
}
std::int64_t Streams::processed() const {
  std::int64_t n = 0;
  for (auto& r : content_->runners) n += r->processed();
  return n;
}
std::int64_t Streams::commits() const { return content_->committer ? content_->committer->commits() : 0; }
std::vector<MetricValue> Streams::metrics() const {
  std::vector<MetricValue> all = content_->metrics.read();
  for (MetricValue& m : content_->log.metrics()) all.push_back(std::move(m));
  return all;
}
const Topology& Streams::topology() const { return content_->topology; }

Result<> Streams::query(std::string_view store, BytesView key, const std::function<void(ValueAndTimestamp)>& visitor,
                        Duration timeout) const {
  const Content& c = *content_;
  std::vector<TaskRunner*> holders;
  for (auto& r : c.runners)
    if (r->task().store(store)) holders.push_back(r.get());
  if (holders.empty())
    return Error(ErrorCode::invalid_config, "there is no store " + std::string(store) + " in this topology");
  const auto partition = static_cast<std::size_t>(partition_for_key(key, static_cast<int>(holders.size())));
  TaskRunner* runner = holders[partition];
  struct Answer {
    Monitor monitor;
    bool begun = false, done = false, abandoned = false;
  };
  auto answer = std::make_shared<Answer>();
  const Bytes copy(key);
  const std::string name(store);
  runner->post([runner, answer, copy, name, &visitor] {
    {
      MonitorLock lock(answer->monitor);
      if (answer->abandoned) return;
      answer->begun = true;
    }
    for (const Task::Store& s : runner->task().stores())
      if (s.spec->name == name) visitor(s.core->peek(copy));
    {
      MonitorLock lock(answer->monitor);
      answer->done = true;
    }
    answer->monitor.notify_all();
  });
  MonitorLock lock(answer->monitor);
  if (c.env.wait(lock, [&] { return answer->done; }, timeout)) return {};
  if (answer->begun && c.env.wait(lock, [&] { return answer->done; })) return {};
  answer->abandoned = true;
  return Error(ErrorCode::request_timed_out, "task " + runner->task().id().text() + " did not answer in time");
}

}  // namespace millrace
