#include "millrace/runtime/streams.h"

#include <algorithm>
#include <map>
#include <set>

#include "millrace/base/log.h"
#include "millrace/base/monitor.h"
#include "millrace/runtime/committer.h"
#include "millrace/runtime/global_gate.h"
#include "millrace/runtime/global_task.h"
#include "millrace/runtime/redo.h"
#include "millrace/runtime/store_queries.h"
#include "millrace/runtime/streams_config.h"
#include "millrace/runtime/streams_metrics.h"
#include "millrace/runtime/task_group.h"
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

constexpr int io_threads = 8;                          // they wait for the disk
constexpr std::size_t tail_bytes_max_simulated = 256;  // the simulation's logs are small

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
  TopicSetup topics;
  std::unique_ptr<GlobalGate> gate;
  RunnerEnvironment environment;
  std::unique_ptr<GlobalTask> global;
  std::unique_ptr<TaskGroup> tasks;
  std::unique_ptr<Committer> committer;
  std::unique_ptr<Redo> redo;

  // Of close(), also when it is called again.
  struct Closing {
    bool has_begun = false, is_committed = false;
    std::int64_t redone_before = 0;
    std::optional<Error> problem;
  };
  Closing closing;

  mutable Monitor monitor;  // guards what follows
  StreamsState state = StreamsState::created;
  bool is_started = false;  // or a start was tried
  bool is_made = false;     // tasks and committer are there, for good
  std::optional<Error> failure;
  bool stop_asked = false;
  std::function<StreamThreadExceptionResponse(const Error&)> exception_handler;

  Result<> note_start();
  Result<> open_log();
  Result<> begin_transaction();
  void make_environment();
  void make_global_task();
  void open_committer();
  Result<> wake();
  void begin_close();
  Result<> commit_last(Duration timeout);
  bool stop(std::optional<Duration> timeout = std::nullopt);
  Result<StoreQueries> queries() const;
  Result<bool> reach(const InputEnds& ends, const std::function<void()>& progress);
  void fail(const Error& why);
  std::optional<Error> failed() const {
    MonitorLock lock(monitor);
    return failure;
  }
  bool has_been_made() const {
    MonitorLock lock(monitor);
    return is_made;
  }
};

Streams::Streams(std::string name, Topology topology, const StreamsOptions& options, Env& env, LogClient& log)
    : content_(std::make_unique<Content>(std::move(name), std::move(topology), options, env, log)) {}

Streams::~Streams() {
  if (state() == StreamsState::running || state() == StreamsState::error)
    if (auto closed = close(); !closed) log_error("close failed", {{"why", closed.error().text()}});
  // A start that failed half-way leaves jobs too, and so does a close that timed out.
  Content& c = *content_;
  c.stop();
  if (c.workers) c.workers->drain();
  if (c.io) c.io->drain();
}

void Streams::Content::fail(const Error& why) {
  {
    MonitorLock lock(monitor);
    if (failure) return;
    failure = why;
    state = StreamsState::error;
  }
  monitor.notify_all();
  environment.has_failed.store(true);
  if (global) global->stop();
  if (redo) redo->abandon();
  if (committer) committer->fail(why);
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
  return {};
}

Result<> Streams::Content::begin_transaction() {
  if (!environment.exactly_once) return {};
  MR_TRY(producer->init_transactions());
  return producer->begin_transaction();
}

void Streams::Content::make_environment() {
  environment.clock = &env.clock();
  environment.consumer = consumer.get();
  environment.producer = producer.get();
  environment.scheduler = scheduler.get();
  environment.exactly_once = is_exactly_once(config);
  environment.embedded = log.is_embedded();
  environment.repartition_topics = topics.repartition_topics;
  environment.on_cut = [this](TaskRunner&) { committer->on_cut(); };
  environment.on_failure = [this](TaskRunner& runner, const TaskFailure& f) { redo->on_task_failure(runner, f); };
  environment.max_idle_ns = nanoseconds(config.duration("max.task.idle.ms"));
  environment.wake_at = [this](TaskId id, std::int64_t at) { workers->post_at(at, [this, id] { tasks->wake(id); }); };
  environment.on_full_tail = [this] { committer->commit_soon(); };
  environment.on_full_memory = [this](TaskRunner& runner) { committer->relieve(runner); };
}

void Streams::Content::make_global_task() {
  const auto wake_global = [this](std::int64_t at) {
    if (at == 0) return scheduler->wake(*global);
    workers->post_at(at, [this] { scheduler->wake(*global); });
  };
  gate = std::make_unique<GlobalGate>(env, [this](TaskId id) { tasks->wake(id); }, wake_global);
  if (!topology.global_tables().empty()) environment.globals = gate.get();
  global = std::make_unique<GlobalTask>(
      topology, task_settings(config).on_deserialization_error, *consumer, *scheduler, *gate, metrics,
      [this](const std::string& why) { fail(Error(ErrorCode::unknown_server_error, why)); });
}

Result<> Streams::Content::note_start() {
  MonitorLock lock(monitor);
  if (std::exchange(is_started, true))
    return Error(ErrorCode::invalid_request, "start() was called before: make another Streams to start once more");
  const bool reads = std::any_of(topology.nodes.begin(), topology.nodes.end(),
                                 [](const TopologyNode& node) { return node.kind == TopologyNode::Kind::source; });
  if (!reads) return Error(ErrorCode::invalid_config, "the topology reads no topic: it would wait for ever");
  return {};
}

Result<> Streams::start() {
  Content& c = *content_;
  MR_TRY(c.note_start());
  MR_TRY(c.open_log());
  c.workers = c.env.make_executor(static_cast<int>(c.config.integer("num.stream.threads")), "tasks");
  c.metrics.set_workers(c.workers->concurrency());
  c.io = c.env.make_io_executor(io_threads, "commit");
  c.scheduler = std::make_unique<Scheduler>(*c.workers);
  c.make_environment();
  c.make_global_task();
  c.tasks =
      std::make_unique<TaskGroup>(TaskGroupParts{c.env, c.log, *c.consumer, *c.producer, *c.io, c.config, c.topology,
                                                 c.topics, c.global->stores(), c.metrics, c.environment});
  const std::string& state_dir = c.config.string("state.dir");
  // Whoever else has the directory is still at work: it must not be fenced before we are refused.
  MR_TRY(c.tasks->lock(state_dir.empty() ? c.options.state_dir : state_dir));
  MR_TRY(c.begin_transaction());
  MR_TRY(c.global->load(c.log.admin()));
  MR_TRY(c.tasks->open(static_cast<std::size_t>(c.workers->concurrency())));
  c.open_committer();
  auto awake = c.wake();
  if (!awake) c.stop();
  return awake;
}

// Tasks run from here on, and may fail at once.
Result<> Streams::Content::wake() {
  MR_TRY(tasks->watch_inputs());
  MR_TRY(global->follow());
  {
    MonitorLock lock(monitor);
    is_made = true;
    if (!failure) state = StreamsState::running;
  }
  tasks->wake_all();
  committer->start();
  redo->begin();
  return {};
}

void Streams::Content::open_committer() {
  CommitterSettings settings;
  settings.group_id = application_id;
  settings.interval = commit_interval(config);
  settings.exactly_once = environment.exactly_once;
  settings.repartition_topics = topics.repartition_topics;
  settings.checkpoint_interval = config.duration("state.checkpoint.interval.ms");
  if (env.is_simulated()) settings.tail_bytes_max = tail_bytes_max_simulated;
  settings.metrics = &metrics;
  settings.on_tried = [this](TaskId id, bool passed) { redo->on_tried(id, passed); };
  committer =
      std::make_unique<Committer>(env, *io, *producer, *consumer, log.admin(), settings, tasks->members(),
                                  tasks->members_mutex(), [this](const Error& why) { redo->on_commit_failure(why); });
  redo = std::make_unique<Redo>(RedoParts{env, *io, config, environment, *producer, *tasks, *committer, metrics,
                                          exception_handler, [this](const Error& why) { fail(why); }});
  metrics.watch_tail([this] { return static_cast<double>(committer->tail_bytes()); });
}

// ---------------------------------------------------------------- running

// Waits until all before `ends` is processed. False: it was asked to stop, or closed.
Result<bool> Streams::Content::reach(const InputEnds& ends, const std::function<void()>& progress) {
  for (;;) {
    progress();
    const bool is_reached = tasks->has_processed_to(ends);
    MonitorLock lock(monitor);
    if (failure) return *failure;
    if (stop_asked || state != StreamsState::running) return false;  // or closed meanwhile
    if (is_reached) return true;
    env.wait(lock, [&] { return failure || stop_asked; }, 2ms);
  }
}

Result<> Streams::run_until_end_of_input(const std::function<void(std::int64_t)>& progress) {
  Content& c = *content_;
  const auto tell = [&] {
    if (progress) progress(processed());
  };
  if (!c.has_been_made())
    return Error(ErrorCode::invalid_request, "the application is " + std::string(name_of(state())) +
                                                 ": it runs only after a start() that succeeded");
  // What comes of a record passes each topic that the application both writes and reads at most once.
  const int levels = static_cast<int>(c.topics.own_topics.size()) + 1;
  InputEnds ends;
  MR_TRY(c.tasks->find_ends(ends, false));
  // A commit flushes record caches, which may be more input for tasks further down: one commit for each level, each
  // when nothing is on its way. Where a topology feeds itself in a circle, or others go on writing, that is the end
  // too.
  for (int commits = 0; commits < levels;) {
    const std::int64_t redone_before = c.redo->times();
    for (int level = 0; level < levels; ++level) {
      MR_ASSIGN(bool reached, c.reach(ends, tell));
      if (!reached) return {};
      MR_TRY(c.tasks->find_ends(ends, true));
    }
    MR_ASSIGN(bool committed, c.committer->commit_and_wait());
    // It was not of what was processed; or a task failed in its part of it, and its part is still to come.
    if (c.redo->times() != redone_before || !c.tasks->has_processed_to(ends)) continue;
    ++commits;
    MR_TRY(c.tasks->find_ends(ends, true));
    // If there was nothing to commit, it flushed nothing.
    if (!committed && c.tasks->has_processed_to(ends)) return {};
  }
  return {};
}

Result<> Streams::wait() {
  MonitorLock lock(content_->monitor);
  content_->env.wait(lock, [&] { return content_->failure || content_->stop_asked; });
  if (const std::optional<Error>& failure = content_->failure; failure) return *failure;
  return {};
}

void Streams::stop_waiting() {
  {
    MonitorLock lock(content_->monitor);
    content_->stop_asked = true;
  }
  content_->monitor.notify_all();
}

// ---------------------------------------------------------------- close

Result<> Streams::close(Duration timeout) {
  Content& c = *content_;
  {
    MonitorLock lock(c.monitor);
    if (c.state == StreamsState::not_running || c.state == StreamsState::created) return {};
    c.state = StreamsState::pending_shutdown;
  }
  const std::int64_t until_ns = later(c.env.clock().monotonic_ns(), timeout);
  if (!std::exchange(c.closing.has_begun, true)) c.begin_close();
  MR_TRY(c.commit_last(timeout));
  std::optional<Error>& problem = c.closing.problem;
  const Duration left{std::max<std::int64_t>(until_ns - c.env.clock().monotonic_ns(), 0) / 1'000'000};
  if (!c.stop(left))
    return Error(ErrorCode::request_timed_out, "a task has not stopped after " + std::to_string(timeout.count()) +
                                                   " ms: it is still in a record" +
                                                   (problem ? ". What stops it: " + problem->text() : ""));
  if (!problem) problem = c.failed();
  c.workers->drain();
  if (!problem)
    if (auto written = c.committer->checkpoint_and_wait(); !written) problem = written.error();
  c.io->drain();
  if (c.environment.exactly_once)
    if (auto aborted = c.producer->abort_transaction(); !aborted)
      log_warn("abort on close", {{"why", aborted.error().text()}});
  c.tasks->close();
  MonitorLock lock(c.monitor);
  c.state = StreamsState::not_running;
  if (problem) return *problem;
  if (c.redo->times() != c.closing.redone_before)
    return Error(ErrorCode::unknown_server_error,
                 "not all that was processed is committed; the next start does the rest again: " + c.redo->why());
  return {};
}

// Nothing further is taken.
void Streams::Content::begin_close() {
  closing.problem = failed();
  closing.redone_before = redo->times();
  if (auto quiet = tasks->ignore_inputs(); !quiet && !closing.problem) closing.problem = quiet.error();
  global->stop();
  if (auto quiet = global->ignore_inputs(); !quiet && !closing.problem) closing.problem = quiet.error();
  environment.is_closing.store(true);
  committer->end_trials();
}

// Error: it takes longer. Whatever else went wrong is the problem of the close.
Result<> Streams::Content::commit_last(Duration timeout) {
  if (closing.problem || closing.is_committed) return {};
  auto committed = committer->commit_and_wait(timeout);
  if (!committed && committed.error().code() == ErrorCode::request_timed_out) return std::move(committed).error();
  if (!committed) closing.problem = committed.error();
  closing.is_committed = true;
  return {};
}

// No commit, no redo and no task is under way any more, as far as there are any. False: after `timeout` there is; or
// the simulated node died, where nothing goes on.
bool Streams::Content::stop(std::optional<Duration> timeout) {
  if (global) global->stop();
  const std::int64_t until_ns = timeout ? later(env.clock().monotonic_ns(), *timeout) : INT64_MAX;
  const auto left = [&]() -> std::optional<Duration> {
    if (!timeout) return std::nullopt;
    return Duration(std::max<std::int64_t>(until_ns - env.clock().monotonic_ns(), 0) / 1'000'000);
  };
  if (committer && !committer->stop(left()) && timeout) return false;
  if (redo && !redo->end(left()) && timeout) return false;
  return !tasks || tasks->stop(left());
}

void Streams::set_uncaught_exception_handler(std::function<StreamThreadExceptionResponse(const Error&)> handler) {
  MonitorLock lock(content_->monitor);
  content_->exception_handler = std::move(handler);
}

// ---------------------------------------------------------------- asking

StreamsState Streams::state() const {
  MonitorLock lock(content_->monitor);
  return content_->state;
}
std::int64_t Streams::processed() const { return content_->has_been_made() ? content_->tasks->processed() : 0; }
std::int64_t Streams::commits() const { return content_->has_been_made() ? content_->committer->commits() : 0; }
std::vector<MetricValue> Streams::metrics() const {
  std::vector<MetricValue> all = content_->metrics.read();
  for (MetricValue& m : content_->log.metrics()) all.push_back(std::move(m));
  return all;
}
const Topology& Streams::topology() const { return content_->topology; }

// Error: there is nobody to answer.
Result<StoreQueries> Streams::Content::queries() const {
  if (Scheduler::is_in_slice())
    return Error(ErrorCode::invalid_request,
                 "a store was asked from inside an operator, where waiting for another task would stop this one: join "
                 "the table instead");
  MonitorLock lock(monitor);
  if (state == StreamsState::running) return StoreQueries(env, topology, *tasks, *global);
  return Error(ErrorCode::invalid_request, "the application is " + std::string(name_of(state)) +
                                               "; its stores answer while it is RUNNING" +
                                               (failure ? ". It was stopped by: " + failure->text() : ""));
}

Result<> Streams::query(std::string_view store, BytesView key, const QueryVisitor& visitor, Duration timeout) const {
  MR_ASSIGN(StoreQueries queries, content_->queries());
  return queries.ask(store, key, visitor, timeout);
}

Result<> Streams::query(std::string_view store, BytesView key, Timestamp window_start, const QueryVisitor& visitor,
                        Duration timeout) const {
  MR_ASSIGN(StoreQueries queries, content_->queries());
  return queries.ask(store, key, window_start, visitor, timeout);
}

}  // namespace millrace
