// GlobalTask: fills the stores of global tables: to the end of their topics before any task runs, then as records
// arrive.
//
// What does not deserialise goes to deserialization.exception.handler, in the load as well as after it: what the one
// skips must not stop the other. (Kafka Streams' load takes bytes as they come, and a join fails on them later.)
// Records without a key are left out. As in Kafka Streams (GlobalStateManagerImpl.restoreState, KTableSource) those
// that arrive are counted in dropped-records-total, as of Kafka's global task, and those that the load meets are not.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "millrace/connectors/log_client.h"
#include "millrace/runtime/committed_batches.h"
#include "millrace/runtime/global_gate.h"
#include "millrace/runtime/global_input.h"
#include "millrace/runtime/scheduler.h"
#include "millrace/runtime/streams_metrics.h"
#include "millrace/runtime/task.h"
#include "millrace/statestore/global_key_value_store.h"

namespace millrace {

class GlobalTask final : public Runnable {
 public:
  // What arrives is applied while nobody else is within `gate`. All arguments outlive the task.
  GlobalTask(const Topology& topology, OnError on_deserialization_error, Consumer& consumer, Scheduler& scheduler,
             GlobalGate& gate, StreamsMetrics& metrics, std::function<void(std::string)> on_failure);
  // Lets the inputs go.
  ~GlobalTask() override;
  // Makes the stores and loads them. Errors: a missing topic; CORRUPT_MESSAGE, a record does not deserialise and the
  // handler says fail (topic, partition, offset).
  Result<> load(Admin& admin);
  // From now on records are applied as they arrive.
  Result<> follow();
  // Applies nothing further, and keeps nobody waiting. Threads: any.
  void stop();
  // The log does not call any more when records arrive. After stop().
  Result<> ignore_inputs();
  const GlobalStores& stores() const { return stores_; }
  // Calls `visitor` with what the store has for `key`, in the caller's thread, while no record is applied. False: there
  // is no such store. After load(). Threads: any.
  bool visit(std::string_view store, BytesView key, const std::function<void(ValueAndTimestamp)>& visitor) const;

  bool run_slice() override;
  int depth() const override { return 0; }

 private:
  struct Input {
    Input(const TopologyNode& source, TopicPartition partition, GlobalKeyValueStore& store, GlobalTask& task)
        : rows(source, std::move(partition), store, task.on_error_, task.counters_) {}
    GlobalInput rows;
    CommittedBatches batches;
    Offset passed = 0;
    std::atomic<bool> arrived{true};
    bool is_fetched = false;  // and not yet applied
  };
  Result<std::size_t> fetch(Input& input);
  Result<> apply(Input& input);
  Result<bool> fetch_arrived();
  Result<> apply_fetched();
  void fail(const Error& why);
  void publish_dropped();
  const Topology& topology_;
  const OnError on_error_;
  Consumer& consumer_;
  Scheduler& scheduler_;
  GlobalGate& gate_;
  StreamsMetrics& metrics_;
  std::function<void(std::string)> on_failure_;
  std::vector<std::unique_ptr<GlobalKeyValueStore>> owned_;
  GlobalStores stores_;
  std::vector<std::unique_ptr<Input>> inputs_;
  std::size_t next_ = 0;  // in inputs_: whose turn it is
  bool is_loaded_ = false;
  std::atomic<bool> is_stopped_{false};
  TaskCounters counters_;
  std::int64_t dropped_published_ = 0;
  Meter dropped_;
};

}  // namespace millrace
