// Task: one sub-topology over one partition of each of its inputs: queues, operators, stores and record cache.
//
// Single-threaded and data-driven: whoever runs it gives it batches and calls process_one() until there is nothing; it
// calls no log, no clock and no disk itself but through what it was given. The real runtime (task_runner.h) and the
// test driver drive the same Task.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "millrace/connectors/log_client.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/partition_group.h"
#include "millrace/runtime/task_id.h"
#include "millrace/runtime/task_output.h"
#include "millrace/statestore/task_key_value_store.h"
#include "millrace/statestore/task_window_store.h"

namespace millrace {

struct TaskSettings {
  std::string application_id;
  OnError on_deserialization_error = OnError::fail;
  OnError on_processing_error = OnError::fail;
  std::size_t cache_max_bytes = 10 << 20;                // this task's share of statestore.cache.max.bytes
  std::map<std::string, std::size_t> message_bytes_max;  // by changelog topic, where it is known
  std::map<std::string, int> partitions;                 // of input topics: a task reads those that have its own
  Clock* store_clock = nullptr;                          // times some calls of stores, for metrics; null: none
};

// Global stores by name; shared by all tasks.
using GlobalStores = std::map<std::string, KeyValueStore*, std::less<>>;

class Task final : private OperatorContext {
 public:
  // A store of this task with its place in the changelog.
  struct Store {
    const StoreSpec* spec = nullptr;
    std::string changelog_topic;                 // from which it comes back; empty: logging is off
    std::unique_ptr<ChangelogWriter> changelog;  // of a store with a checkpoint, too, if nothing is logged
    std::unique_ptr<StateStore> store;
    TaskStore* core = nullptr;
  };

  // The nodes of `sub_topologies` (one, in the real runtime; all, in the driver). `checkpoint_of` gives a store's rows
  // on disk, or null for a store that lives in memory. All arguments outlive the task. Throws StreamsError, or what a
  // user's code throws in init.
  Task(TaskId id, const Topology& topology, const std::vector<int>& sub_topologies, const TaskSettings& settings,
       TaskOutput& output, const GlobalStores& global_stores,
       const std::function<Checkpoint*(const StoreSpec&)>& checkpoint_of);
  ~Task() override;

  const TaskId& id() const { return id_; }
  const TaskSettings& settings() const { return settings_; }
  // One queue for each input topic, in the order of the topology's sources.
  const std::vector<std::unique_ptr<RecordQueue>>& inputs() const { return inputs_; }
  RecordQueue* input(std::string_view topic);
  const std::vector<Store>& stores() const { return stores_; }
  StateStore* store(std::string_view name);
  const TaskCounters& counters() const { return counters_; }
  // Records processed or skipped.
  std::int64_t taken() const { return counters_.processed + counters_.dropped; }
  // The largest since the last call.
  std::int64_t take_largest_lateness_ms() { return std::exchange(counters_.largest_lateness_ms, 0); }
  std::size_t record_cache_bytes() const { return record_cache_.bytes; }
  Timestamp stream_time() const override { return group_.stream_time(); }
  void set_stream_time(Timestamp t) { group_.set_stream_time(t); }

  // Tells that `queue` got batches.
  void offer(RecordQueue* queue) { group_.offer(queue); }
  // Processes the oldest head record, through the whole graph. False if no input has one. Throws StreamsError where a
  // handler says fail.
  bool process_one();
  // Logs and forwards what the record caches hold back, store by store. The first half of a commit.
  void flush_caches();
  // Heap bytes of its stores' tables, stores in memory left out; what they may take: `value_cache_bytes` and the record
  // cache.
  std::size_t memory_bytes() const;
  std::size_t memory_bytes_max(std::size_t value_cache_bytes) const {
    return value_cache_bytes + record_cache_.max_bytes;
  }
  // Evicts until all stores together take at most `bytes`, each in proportion. Gives what they could not evict for want
  // of a checkpoint. Between two slices.
  std::size_t trim(std::size_t bytes);
  // Where each input stands, with Kafka Streams' metadata.
  OffsetsToCommit offsets() const;
  // Whether it failed at a record, and not, say, on commit.
  bool has_failed_record() const;
  // By input: where it must get to before it is past its failure: behind that record, or as far as it was.
  std::vector<Offset> offsets_to_pass() const;
  // Closes the operators, once.
  void close();
  // `topic` of `node` as it is called in the log.
  std::string topic_name(const TopologyNode& node, const std::string& topic) const;

 private:
  KeyValueStore* key_value_store(std::string_view name) override;
  WindowStore* window_store(std::string_view name) override;
  void record_dropped(const RecordRef& record, std::string_view why) override;
  void processing_failed(const RecordRef& record, std::exception_ptr what) override;
  void add_store(const StoreSpec& spec, Checkpoint* checkpoint);
  void note_lateness(Duration lateness);
  void add_operators(const std::vector<int>& nodes);

  const TaskId id_;
  const Topology& topology_;
  const TaskSettings settings_;
  TaskOutput& output_;
  const GlobalStores& global_stores_;
  RecordCache record_cache_;
  TaskCounters counters_;
  std::vector<Store> stores_;
  std::vector<std::unique_ptr<RecordQueue>> inputs_;
  std::map<const RecordQueue*, Operator*> source_of_;
  Operator* only_source_ = nullptr;
  std::vector<std::unique_ptr<Operator>> operators_;
  PartitionGroup group_;
  bool is_closed_ = false;
};

}  // namespace millrace
