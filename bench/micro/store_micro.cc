// Stores: the entry table, the record cache, a window look-up, and the two halves of a checkpoint.
#include <benchmark/benchmark.h>

#include "bench/input.h"
#include "bench/micro/folder.h"
#include "millrace/dsl/serdes/primitives.h"
#include "millrace/statestore/entry_table.h"
#include "millrace/statestore/rocksdb/task_database.h"
#include "millrace/statestore/task_key_value_store.h"
#include "millrace/statestore/task_window_store.h"

namespace millrace::bench {
namespace {

std::vector<std::string> some_keys(std::int64_t count) {
  std::vector<std::string> all;
  for (std::int64_t i = 0; i < count; ++i) all.push_back("k" + std::to_string(mix(static_cast<std::uint64_t>(i))));
  return all;
}

StoreSpec spec_of(StoreSpec::Kind kind) {
  StoreSpec spec;
  spec.name = "s";
  spec.kind = kind;
  spec.key = default_serde<std::string>();
  spec.value = default_serde<std::int64_t>();
  spec.retention = 10min;
  spec.window_size = 10s;
  return spec;
}

class Changelog final : public ChangelogWriter {
 public:
  void log(BytesView key, BytesView value, Timestamp timestamp) override {
    if (batch.size() > 1 << 20) batch.clear();
    batch.append(timestamp, key, value);
  }
  RecordBatchBuilder batch;
};

void entry_table_insert(benchmark::State& state) {
  const auto keys = some_keys(state.range(0));
  for (auto _ : state) {
    EntryTable table(default_serde<std::int64_t>(), false);
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      const std::string& key = keys[static_cast<std::size_t>(i)];
      table.set_value(table.insert(key, EntryTable::hash_of(key)), &i);
    }
    benchmark::DoNotOptimize(table.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(entry_table_insert)->Arg(1000)->Arg(100'000);

void entry_table_find(benchmark::State& state) {
  const auto keys = some_keys(state.range(0));
  EntryTable table(default_serde<std::int64_t>(), false);
  const std::int64_t one = 1;
  for (const std::string& key : keys) table.set_value(table.insert(key, EntryTable::hash_of(key)), &one);
  std::size_t i = 0;
  for (auto _ : state) {
    const std::string& key = keys[i++ % keys.size()];
    benchmark::DoNotOptimize(table.find(key, EntryTable::hash_of(key)));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(entry_table_find)->Arg(1000)->Arg(100'000);

// Get and put, as a count does; 1: through the record cache, 0: each put is logged.
void store_count(benchmark::State& state) {
  const auto keys = some_keys(10'000);
  StoreSpec spec = spec_of(StoreSpec::Kind::key_value);
  spec.caching = state.range(0) != 0;
  RecordCache cache{.max_bytes = 10 << 20};
  Changelog log;
  TaskKeyValueStore store(spec, {&cache, &log, nullptr, "s-changelog"});
  const RecordContext context{"in", 0, 0, {1000}, nullptr};
  std::size_t i = 0;
  for (auto _ : state) {
    const std::string& key = keys[i++ % keys.size()];
    const ValueAndTimestamp old = store.get(key);
    const std::int64_t n = old ? *static_cast<const std::int64_t*>(old.value) + 1 : 1;
    store.put(key, &n, {1000}, context);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetLabel(spec.caching ? "record cache" : "logged at once");
}
BENCHMARK(store_count)->Arg(1)->Arg(0);

// The record cache's flush at a commit: sorted, logged.
void record_cache_flush(benchmark::State& state) {
  const auto keys = some_keys(state.range(0));
  RecordCache cache{.max_bytes = 1 << 30};
  Changelog log;
  TaskKeyValueStore store(spec_of(StoreSpec::Kind::key_value), {&cache, &log, nullptr, "s-changelog"});
  const RecordContext context{"in", 0, 0, {1000}, nullptr};
  for (auto _ : state) {
    state.PauseTiming();
    const std::int64_t one = 1;
    for (const std::string& key : keys) store.put(key, &one, {1000}, context);
    state.ResumeTiming();
    store.task_store().flush();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(record_cache_flush)->Arg(10'000);

// 0: one window, by its start; 1: a range that holds three of a key's windows.
void window_fetch(benchmark::State& state) {
  const auto keys = some_keys(10'000);
  RecordCache cache{.max_bytes = 10 << 20};
  Changelog log;
  TaskWindowStore store(spec_of(StoreSpec::Kind::window), {&cache, &log, nullptr, "s-changelog"});
  const RecordContext context{"in", 0, 0, {1000}, nullptr};
  const std::int64_t one = 1;
  for (const std::string& key : keys)
    for (std::int64_t w = 0; w < 5; ++w) store.put(key, &one, {w * 10'000}, {w * 10'000}, context);
  std::size_t i = 0;
  for (auto _ : state) {
    const std::string& key = keys[i++ % keys.size()];
    if (state.range(0) == 0) {
      benchmark::DoNotOptimize(store.fetch(key, {static_cast<std::int64_t>(i % 5) * 10'000}).value);
    } else {
      auto rows = store.fetch(key, {10'000}, {30'000}, ScanOrder::ascending);
      while (rows->next()) benchmark::DoNotOptimize(rows->value().value);
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(window_fetch)->Arg(0)->Arg(1);

// Changelog batches of `count` records over a tenth as many keys.
Bytes changelog(std::int64_t count) {
  const auto keys = some_keys(std::max<std::int64_t>(count / 10, 1));
  RecordBatchBuilder batch;
  Bytes value;
  append_big_endian<std::int64_t>(value, 1);
  for (std::int64_t i = 0; i < count; ++i) batch.append({i}, keys[static_cast<std::size_t>(i) % keys.size()], value);
  return Bytes(batch.seal({}));
}

void checkpoint_rows(benchmark::State& state) {
  const Bytes batches = changelog(state.range(0));
  const StoreSpec spec = spec_of(StoreSpec::Kind::key_value);
  for (auto _ : state) {
    Timestamp observed{-1};
    auto rows = rows_of(spec, {batches}, observed);
    if (!rows) return state.SkipWithError(rows.error().text().c_str());
    benchmark::DoNotOptimize(rows->rows.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checkpoint_rows)->Arg(100'000);

// 0: through the memtable; 1: as files of sorted rows.
void rocksdb_checkpoint_write(benchmark::State& state) {
  Folder folder;
  auto database = TaskDatabase::open(real_env(), folder.path(), {"s"}, make_database_memory(64 << 20));
  if (!database) return state.SkipWithError(database.error().text().c_str());
  const Bytes batches = changelog(state.range(0) * 10);
  const StoreSpec spec = spec_of(StoreSpec::Kind::key_value);
  for (auto _ : state) {
    Timestamp observed{-1};
    auto rows = rows_of(spec, {batches}, observed);
    if (!rows) return state.SkipWithError(rows.error().text().c_str());
    const std::vector<TaskDatabase::Update> updates{{0, *std::move(rows)}};
    auto written = state.range(1) ? (*database)->ingest(updates) : (*database)->insert(updates);
    if (!written) return state.SkipWithError(written.error().text().c_str());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(rocksdb_checkpoint_write)->ArgsProduct({{1000, 10'000, 100'000}, {0, 1}})->UseRealTime();

}  // namespace
}  // namespace millrace::bench
