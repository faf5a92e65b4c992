// A record on its way down the graph: a hop, and a whole task of one lambda from batch to batch.
#include <benchmark/benchmark.h>

#include "bench/input.h"
#include "millrace/dsl/operators/stateless.h"
#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/task.h"

namespace millrace::bench {
namespace {

void one_hop(benchmark::State& state) {
  constexpr int hops = 16;
  std::vector<std::unique_ptr<Operator>> all;
  for (int i = 0; i < hops; ++i) {
    all.push_back(std::make_unique<PassThrough>());
    if (i > 0) all[static_cast<std::size_t>(i) - 1]->add_child(all.back().get());
  }
  const RecordContext context{"in", 0, 0, {1000}, nullptr};
  const std::string key = "k", value = "v";
  for (auto _ : state) all[0]->process({&key, &value, nullptr, {1000}, nullptr, &context});
  state.SetItemsProcessed(state.iterations() * hops);
}
BENCHMARK(one_hop);

// Keeps the last batch of what a task writes.
class Output final : public TaskOutput {
 public:
  int topic(const std::string&) override { return 0; }
  int unlogged(const std::string&) override { return 0; }
  int partition_count(int) override { return 4; }
  void send(int, PartitionId, Timestamp timestamp, BytesView key, BytesView value, const Headers* headers) override {
    if (batch.size() > 128 << 10) batch.clear();
    batch.append(timestamp, key, value, headers);
  }
  RecordBatchBuilder batch;
};

// Everything that a record of `map` costs but the log's work.
void task_of_one_lambda(benchmark::State& state) {
  constexpr int records = 1000;
  StreamsBuilder builder;
  builder.stream(Topic<std::string, std::string>{"in"})
      .map_values([](const std::string& v) { return std::string(v.rbegin(), v.rend()); })
      .to(Topic<std::string, std::string>{"out"});
  const Topology topology = builder.build();
  TaskSettings settings;
  settings.application_id = "app";
  Output output;
  const GlobalStores none;
  Task task({0, 0}, topology, {0}, settings, output, none, [](const StoreSpec&) -> Checkpoint* { return nullptr; });
  RecordBatchBuilder batch;
  for (std::uint64_t i = 0; i < records; ++i) batch.append({1000}, key(i, 100), value(i));
  Offset at = 0;
  for (auto _ : state) {
    FetchedBatches fetched;
    fetched.bytes = std::make_shared<Bytes>(batch.seal({.base_offset = at}));
    at += records;
    RecordQueue& queue = *task.inputs()[0];
    queue.add(std::move(fetched));
    task.offer(&queue);
    while (task.process_one()) {
    }
  }
  state.SetItemsProcessed(state.iterations() * records);
}
BENCHMARK(task_of_one_lambda);

}  // namespace
}  // namespace millrace::bench

BENCHMARK_MAIN();
