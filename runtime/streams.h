// Streams: a topology running over a log: KafkaStreams' role.
//
// start() checks and makes topics, opens and restores stores, and runs tasks on an executor of num.stream.threads
// workers; close() finishes the records in hand, commits once, writes checkpoints. The unit of commit is the process
// (see committer.h).
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/config.h"
#include "millrace/base/env.h"
#include "millrace/connectors/log_client.h"
#include "millrace/dsl/topology.h"
#include "millrace/statestore/state_store.h"

namespace millrace {

// Kafka Streams' states, without those of a rebalance.
enum class StreamsState { created, running, pending_shutdown, not_running, error };
std::string_view name_of(StreamsState state);

struct MetricValue;
template <class K, class V>
class ReadOnlyStore;  // runtime/read_only_store.h
template <class K, class V>
class ReadOnlyWindowStore;  // the same

// What is to follow when a task's code throws (KIP-671). Kafka replaces the thread; here the task is opened anew from
// what is committed and tried again after a while (100 ms, doubling up to a second), and the others go on without it.
// Exactly once, the first failure takes back what all tasks have not committed; from then on the task is tried in
// transactions of its own until it is past the record, so that the others do nothing again. A task that gets no further
// for task.timeout.ms stops the application all the same.
enum class StreamThreadExceptionResponse { shutdown_client, replace_thread };

struct StreamsOptions {
  ConfigValues config;    // Kafka Streams' keys; application.id is set from the name if it is not among them
  std::string state_dir;  // where stores keep their rows, unless state.dir says
  std::string data_dir;   // for messages: what --data-dir was
};

// Threads: any, but start() and close() one at a time.
class Streams {
 public:
  // `env` and `log` outlive it. Throws ConfigError.
  Streams(std::string name, Topology topology, const StreamsOptions& options, Env& env, LogClient& log);
  // Closes, and then waits for what still runs, however long: a lambda that does not return.
  ~Streams();
  Streams(const Streams&) = delete;

  // Everything up to the first task ready to run. Once: what has failed to start, or is closed, does not start again.
  // Errors: of the topics, the stores, the log; INVALID_CONFIG for a topology that reads nothing; INVALID_REQUEST for a
  // second call. Nothing runs then; after a second call, what the first one started goes on.
  Result<> start();
  // Runs until all that was in the source topics when it started, and all that came of it in repartition topics, is
  // processed and committed. Returns then, or with the error that stopped it. May be called once; INVALID_REQUEST
  // before start().
  // `progress`: called now and then with the number of records processed.
  Result<> run_until_end_of_input(const std::function<void(std::int64_t)>& progress = {});
  // Waits until it stops by an error (tasks then take no further records), or stop_waiting() is called (from any
  // thread; not from a signal handler).
  Result<> wait();
  void stop_waiting();
  // Finishes the records in hand, commits once, checkpoints. Errors: what stopped it before, or the last commit's;
  // UNKNOWN_SERVER_ERROR if that commit had to be taken back (its outcome was unknown and it was not done, or a task
  // failed in its part of it): then all is as of the commit before, and the next start does the rest again;
  // REQUEST_TIMED_OUT if that commit was not done in time, or a task has not stopped (a lambda that does not return):
  // close() may then be called again, and has the same to say about what was taken back; the destructor waits for the
  // lambda. What is written then, the checkpoint, is waited for. The state directory is held until this object is gone.
  Result<> close(Duration timeout = 60s);

  // Asked, in a task's thread, when a processor or a record's deserialisation failed and its handler says fail; until
  // one is set, the application stops, as it does if the handler itself throws. Before start().
  void set_uncaught_exception_handler(std::function<StreamThreadExceptionResponse(const Error&)> handler);

  StreamsState state() const;
  std::int64_t processed() const;
  std::int64_t commits() const;
  const Topology& topology() const;
  // Every metric as it stands now, those of the log client included; docs/metrics.md says what they mean. From the
  // construction on, also while start() restores. Show them with prometheus_text (base/prometheus_text.h).
  std::vector<MetricValue> metrics() const;

  // A key-value store, a global table's included, for point queries:
  // app.store<std::string, User>("users").get("ann"). Throws ConfigError: no such store, or of another kind or other
  // types (both are named). Include millrace/streams.h.
  template <class K, class V>
  ReadOnlyStore<K, V> store(std::string_view name) const;
  // The same of a window store: app.window_store<std::string, std::int64_t>("per-hour").fetch("home", {start_ms}). K is
  // the key without its window.
  template <class K, class V>
  ReadOnlyWindowStore<K, V> window_store(std::string_view name) const;
  // One value of a key-value store, as its task sees it now (uncommitted updates included, as in Kafka Streams). The
  // visitor is called with the value, or null, in the task's thread (a global table's: in the caller's, and the table
  // waits); what it throws is thrown here. `key`: serialised. Errors: INVALID_CONFIG (no such store), INVALID_REQUEST
  // (not running, asked from inside an operator, or the store is a window store), REQUEST_TIMED_OUT.
  using QueryVisitor = std::function<void(ValueAndTimestamp)>;
  Result<> query(std::string_view store, BytesView key, const QueryVisitor& visitor, Duration timeout = 10s) const;
  // One window of a window store: that of `key` which starts at `window_start`. Null, too, if it has expired.
  // INVALID_REQUEST also if it is no window store.
  Result<> query(std::string_view store, BytesView key, Timestamp window_start, const QueryVisitor& visitor,
                 Duration timeout = 10s) const;

 private:
  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace millrace
