#include "millrace/runtime/metric_names.h"

namespace millrace {

namespace {

constexpr MetricKind counter = MetricKind::counter, gauge = MetricKind::gauge;
constexpr RecordingLevel info = RecordingLevel::info, debug = RecordingLevel::debug;
using Specs = std::vector<MetricSpec>;

Specs client_metrics() {
  constexpr std::string_view group = "stream-metrics", tags = "`client-id` (the application id)";
  return {
      {group, "version", gauge, "", info, tags, "Always 1; the tag `version` says which Millrace this is."},
      {group, "application-id", gauge, "", info, tags, "Always 1; the tag `application-id` says which."},
      {group, "state", gauge, "", info, tags,
       "1 for the state, tag `state`, that the application is in; 0 for others."},
      {group, "client-state", gauge, "", info, tags,
       "The state as Kafka's number: 0 CREATED, 2 RUNNING, 3 PENDING_SHUTDOWN, 4 NOT_RUNNING, 6 ERROR."},
      {group, "alive-stream-threads", gauge, "threads", info, tags,
       "Workers that may run tasks; 0 when it has stopped."},
      {group, "failed-stream-threads", gauge, "threads", info, tags,
       "1 once a task, a commit or a checkpoint has failed: the application has stopped by itself."},
      {group, "recording-level", gauge, "", info, tags, "`metrics.recording.level` as a number: 0 INFO, 1 DEBUG."},
  };
}

Specs thread_metrics() {
  constexpr std::string_view group = "stream-thread-metrics",
                             tags = "`thread-id` (one for the process: its workers share tasks and commit as one)";
  return {
      {group, "process-total", counter, "records", info, tags, "Records processed."},
      {group, "process-rate", gauge, "records/s", info, tags, "Records processed a second."},
      {group, "process-latency-avg", gauge, "ms", info, tags, "How long a task's slice of processing takes."},
      {group, "process-latency-max", gauge, "ms", info, tags, "The longest slice: a lambda that takes its time."},
      {group, "process-records-avg", gauge, "records", info, tags, "Records processed in a slice."},
      {group, "process-records-max", gauge, "records", info, tags, "The most records processed in a slice."},
      {group, "process-ratio", gauge, "", info, tags, "The part of the workers' time that goes into processing."},
      {group, "poll-total", counter, "fetches", info, tags, "Fetches of input that found something."},
      {group, "poll-rate", gauge, "fetches/s", info, tags, "The same, a second."},
      {group, "poll-latency-avg", gauge, "ms", info, tags, "How long such a fetch takes."},
      {group, "poll-latency-max", gauge, "ms", info, tags, "The longest fetch."},
      {group, "poll-records-avg", gauge, "records", info, tags, "Records in a fetch."},
      {group, "poll-records-max", gauge, "records", info, tags, "The most records in a fetch."},
      {group, "poll-ratio", gauge, "", info, tags, "The part of the workers' time that goes into fetching."},
      {group, "commit-total", counter, "commits", info, tags, "Commits with something in them."},
      {group, "commit-rate", gauge, "commits/s", info, tags, "The same, a second."},
      {group, "commit-latency-avg", gauge, "ms", info, tags, "From asking the tasks for their cut to the decision."},
      {group, "commit-latency-max", gauge, "ms", info, tags, "The longest commit."},
      {group, "commit-ratio", gauge, "", info, tags,
       "The part of the workers' time that goes into cuts: flushing caches."},
      {group, "task-created-total", counter, "tasks", info, tags, "Tasks made."},
      {group, "task-created-rate", gauge, "tasks/s", info, tags, "The same, a second."},
      {group, "task-closed-total", counter, "tasks", info, tags, "Tasks closed."},
      {group, "task-closed-rate", gauge, "tasks/s", info, tags, "The same, a second."},
      {group, "thread-start-time", gauge, "ms", info, tags, "When the application started, since 1970."},
  };
}

Specs task_metrics() {
  constexpr std::string_view group = "stream-task-metrics", tags = "`thread-id`, `task-id`";
  return {
      {group, "process-total", counter, "records", debug, tags, "Records processed."},
      {group, "process-rate", gauge, "records/s", debug, tags, "Records processed a second."},
      {group, "process-latency-avg", gauge, "ns", debug, tags, "Time a record, from slices: all of the graph below."},
      {group, "process-latency-max", gauge, "ns", debug, tags, "The same in the slice where it was longest."},
      {group, "active-process-ratio", gauge, "", info, tags, "This task's part of the time that all tasks took."},
      {group, "active-buffer-count", gauge, "records", debug, tags, "Records fetched and not begun, in whole batches."},
      {group, "commit-total", counter, "commits", debug, tags, "Commits that this task had something in."},
      {group, "commit-rate", gauge, "commits/s", debug, tags, "The same, a second."},
      {group, "dropped-records-total", counter, "records", info, tags,
       "Records left out: a null key or value, a closed window, a handler that says continue."},
      {group, "dropped-records-rate", gauge, "records/s", info, tags, "The same, a second."},
      {group, "record-lateness-avg", gauge, "ms", debug, tags, "How far records are behind stream time."},
      {group, "record-lateness-max", gauge, "ms", debug, tags, "How far the latest one was."},
      {group, "cache-size-bytes-total", gauge, "bytes", info, tags, "What the record cache holds, as Kafka counts."},
      {group, "restore-total", counter, "records", info, tags, "Changelog records read to restore the task's stores."},
      {group, "restore-rate", gauge, "records/s", info, tags, "The same, a second."},
      {group, "restore-remaining-records-total", gauge, "records", info, tags,
       "Changelog offsets that the restore under way has before it."},
  };
}

Specs node_and_topic_metrics() {
  constexpr std::string_view node = "stream-processor-node-metrics", topic = "stream-topic-metrics";
  constexpr std::string_view node_tags = "`thread-id`, `task-id`, `processor-node-id`",
                             topic_tags = "`thread-id`, `task-id`, `processor-node-id`, `topic-name`";
  return {
      {node, "process-total", counter, "records", debug, node_tags, "Records that a source node gave to its graph."},
      {node, "process-rate", gauge, "records/s", debug, node_tags, "The same, a second."},
      {node, "record-e2e-latency-avg", gauge, "ms", info, node_tags,
       "Wall clock less the record's timestamp, of the last record of a slice, at sources and sinks."},
      {node, "record-e2e-latency-min", gauge, "ms", info, node_tags, "The smallest such."},
      {node, "record-e2e-latency-max", gauge, "ms", info, node_tags, "The largest such."},
      {topic, "bytes-consumed-total", counter, "bytes", info, topic_tags, "Bytes of record batches read."},
      {topic, "records-consumed-total", counter, "records", info, topic_tags, "Records read."},
      {topic, "bytes-produced-total", counter, "bytes", info, topic_tags, "Bytes of record batches written by a sink."},
      {topic, "records-produced-total", counter, "records", info, topic_tags, "Records written by a sink."},
  };
}

Specs store_metrics() {
  constexpr std::string_view group = "stream-state-metrics", cache = "stream-record-cache-metrics";
  constexpr std::string_view tags =
      "`thread-id`, `task-id`, and `rocksdb-state-id`, `rocksdb-window-state-id`, `in-memory-state-id` or "
      "`in-memory-window-state-id`";
  constexpr std::string_view cache_tags = "`thread-id`, `task-id`, `record-cache-id`";
  Specs all = {
      {group, "get-rate", gauge, "calls/s", debug, tags, "Look-ups in a key-value store."},
      {group, "get-latency-avg", gauge, "ns", debug, tags, "Time of a look-up; one of 256 is timed."},
      {group, "get-latency-max", gauge, "ns", debug, tags, "The longest timed one."},
      {group, "put-rate", gauge, "calls/s", debug, tags, "Puts and deletions."},
      {group, "put-latency-avg", gauge, "ns", debug, tags, "Time of a put; one of 256 is timed."},
      {group, "put-latency-max", gauge, "ns", debug, tags, "The longest timed one."},
      {group, "fetch-rate", gauge, "calls/s", debug, tags, "Look-ups and scans of a window store."},
      {group, "fetch-latency-avg", gauge, "ns", debug, tags,
       "Time of a fetch; one look-up of 256 and each scan is timed."},
      {group, "fetch-latency-max", gauge, "ns", debug, tags, "The longest timed one."},
      {group, "range-rate", gauge, "calls/s", debug, tags, "Range scans begun."},
      {group, "range-latency-avg", gauge, "ns", debug, tags, "Time until a range scan can give its first row."},
      {group, "range-latency-max", gauge, "ns", debug, tags, "The longest."},
      {group, "all-rate", gauge, "calls/s", debug, tags, "Scans of all rows begun."},
      {group, "all-latency-avg", gauge, "ns", debug, tags, "Time until such a scan can give its first row."},
      {group, "all-latency-max", gauge, "ns", debug, tags, "The longest."},
      {group, "prefix-scan-rate", gauge, "calls/s", debug, tags, "Prefix scans begun."},
      {group, "prefix-scan-latency-avg", gauge, "ns", debug, tags, "Time until a prefix scan can give its first row."},
      {group, "prefix-scan-latency-max", gauge, "ns", debug, tags, "The longest."},
      {group, "flush-rate", gauge, "calls/s", debug, tags, "Times that the record cache let go of all it held: a cut."},
      {group, "flush-latency-avg", gauge, "ns", debug, tags, "Time of that, and of all that comes of it downstream."},
      {group, "flush-latency-max", gauge, "ns", debug, tags, "The longest."},
      {group, "restore-rate", gauge, "restores/s", debug, tags, "Restores done."},
      {group, "restore-latency-avg", gauge, "ns", debug, tags, "Time that a restore took."},
      {group, "restore-latency-max", gauge, "ns", debug, tags, "The longest."},
      {group, "num-keys", gauge, "keys", info, tags, "Keys in a store in memory, deleted ones that linger included."},
  };
  for (const RocksdbProperty& p : rocksdb_properties())
    all.push_back({group, p.name, gauge, p.unit, info, tags, p.doc});
  all.push_back({cache, "hit-ratio-avg", gauge, "", debug, cache_tags, "Look-ups that the record cache answered."});
  all.push_back({cache, "hit-ratio-min", gauge, "", debug, cache_tags, "The smallest ratio of a slice."});
  all.push_back({cache, "hit-ratio-max", gauge, "", debug, cache_tags, "The largest ratio of a slice."});
  return all;
}

Specs other_metrics() {
  constexpr std::string_view consumer = "consumer-fetch-manager-metrics", task = "task-metrics",
                             commit = "checkpoint-metrics", restore = "restore-metrics", redo = "redo-metrics";
  constexpr std::string_view consumer_tags =
                                 "`client-id`, `topic`, `partition`; the largest of all has `client-id` only",
                             task_tags = "`task-id`. Millrace's own", commit_tags = "`client-id`. Millrace's own",
                             restore_tags = "`client-id`, `reason`. Millrace's own";
  return {
      {consumer, "records-lag", gauge, "records", info, consumer_tags,
       "Offsets between what the task has taken and the end that it may read, when asked."},
      {consumer, "records-lag-max", gauge, "records", info, consumer_tags, "The largest of them."},
      {task, "value-cache-bytes", gauge, "bytes", info, task_tags, "Stores' rows in memory: entries of both caches."},
      {task, "held-bytes", gauge, "bytes", info, task_tags,
       "Output of the next transaction that waits for the decision of the last one."},
      {commit, "changelog-tail-bytes", gauge, "bytes", info, commit_tags,
       "Committed changelog that no checkpoint has yet: what a crash would replay. At most 64 MiB, or 10 s; "
       "128 MiB where a checkpoint does not keep up: tasks then wait."},
      {redo, "redo-total", counter, "times", info, commit_tags,
       "What was not committed was aborted and done again: a commit's outcome was unknown, a transaction timed out, or "
       "a task failed and was replaced (from its second failure in a row on, its own work alone)."},
      {redo, "redo-rate", gauge, "times/s", info, commit_tags, "The same, a second."},
      {commit, "checkpoint-total", counter, "checkpoints", info, commit_tags, "Checkpoints of a task written."},
      {commit, "checkpoint-rate", gauge, "checkpoints/s", info, commit_tags, "The same, a second."},
      {commit, "checkpoint-rows-total", counter, "rows", info, commit_tags, "Rows in them."},
      {commit, "checkpoint-rows-rate", gauge, "rows/s", info, commit_tags, "The same, a second."},
      {commit, "checkpoint-latency-avg", gauge, "ms", info, commit_tags,
       "Time of a task's checkpoint, its sync included."},
      {commit, "checkpoint-latency-max", gauge, "ms", info, commit_tags, "The longest."},
      {restore, "restores-total", counter, "stores", info, restore_tags,
       "Stores brought back at the start, by reason: `checkpoint`, `new`, `in-memory`, `no-changelog`; and `topic-id`, "
       "`beyond-end`, `below-start`, `leader-epoch`, `expired`, `beyond-committed`, which should never be: the "
       "checkpoint "
       "was of no use."},
  };
}

}  // namespace

std::span<const RocksdbProperty> rocksdb_properties() {
  static constexpr RocksdbProperty all[] = {
      {"num-entries-active-mem-table", "entries", "Entries in the active memtable."},
      {"num-deletes-active-mem-table", "entries", "Deletions in the active memtable."},
      {"num-entries-imm-mem-tables", "entries", "Entries in memtables not flushed yet."},
      {"num-deletes-imm-mem-tables", "entries", "Deletions in memtables not flushed yet."},
      {"num-immutable-mem-table", "memtables", "Memtables not flushed yet."},
      {"cur-size-active-mem-table", "bytes", "Size of the active memtable."},
      {"cur-size-all-mem-tables", "bytes", "Size of memtables that are active or not flushed yet."},
      {"size-all-mem-tables", "bytes", "Size of all memtables, pinned ones included."},
      {"mem-table-flush-pending", "", "1 if a memtable waits to be flushed."},
      {"num-running-flushes", "flushes", "Flushes that run."},
      {"compaction-pending", "", "1 if a compaction waits."},
      {"num-running-compactions", "compactions", "Compactions that run."},
      {"estimate-pending-compaction-bytes", "bytes", "About how much compactions have before them."},
      {"total-sst-files-size", "bytes", "Size of all SST files."},
      {"live-sst-files-size", "bytes", "Size of the SST files of the newest version."},
      {"num-live-versions", "versions", "Versions that something still reads."},
      {"block-cache-capacity", "bytes", "Size that the block cache may grow to; one for all stores of the process."},
      {"block-cache-usage", "bytes", "What is in it."},
      {"block-cache-pinned-usage", "bytes", "What of it is in use."},
      {"estimate-num-keys", "keys", "About how many rows the last checkpoint has."},
      {"estimate-table-readers-mem", "bytes", "About what indexes and filters outside the block cache take."},
      {"background-errors", "errors", "Errors of RocksDB's own threads."},
  };
  return all;
}

const MetricTable& streams_metric_table() {
  static const MetricTable table("Streams", [] {
    Specs all;
    for (const Specs& some : {client_metrics(), thread_metrics(), task_metrics(), node_and_topic_metrics(),
                              store_metrics(), other_metrics()})
      all.insert(all.end(), some.begin(), some.end());
    return all;
  }());
  return table;
}

}  // namespace millrace
