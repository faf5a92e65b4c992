// The laws of a key-value and of a window store, for every engine: each is run in memory and over a checkpoint on disk.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/env_real.h"
#include "millrace/statestore/rocksdb/task_database.h"
#include "millrace/statestore/task_key_value_store.h"
#include "millrace/statestore/task_window_store.h"

namespace millrace::contract {

// std::string as its own bytes.
inline Result<> write_text(const void*, const void* value, Bytes& out, const SerdeContext&) {
  out += *static_cast<const std::string*>(value);
  return {};
}
inline Result<> read_text(const void*, BytesView in, void* to, bool constructed, const SerdeContext&) {
  if (constructed) {
    static_cast<std::string*>(to)->assign(in);
  } else {
    ::new (to) std::string(in);
  }
  return {};
}
inline constexpr SerdeTable text_table{
    &value_type_of<std::string>,
    write_text,
    read_text,
    [](const void*, const void* value) -> Result<std::size_t> {
      return static_cast<const std::string*>(value)->size();
    },
    [](const void*, const void* value) { return heap_bytes(*static_cast<const std::string*>(value)); },
    nullptr,
    nullptr};
// std::int64_t, big-endian.
inline constexpr SerdeTable number_table{
    &value_type_of<std::int64_t>,
    [](const void*, const void* value, Bytes& out, const SerdeContext&) -> Result<> {
      append_big_endian(out, *static_cast<const std::int64_t*>(value));
      return {};
    },
    [](const void*, BytesView in, void* to, bool, const SerdeContext&) -> Result<> {
      if (in.size() != 8) return Error("not 8 bytes");
      ::new (to) std::int64_t(from_big_endian<std::int64_t>(in.data()));
      return {};
    },
    [](const void*, const void*) -> Result<std::size_t> { return 8; },
    nullptr,
    nullptr,
    nullptr};
inline AnySerde number() { return {&number_table, nullptr}; }
inline AnySerde text() { return {&text_table, nullptr}; }

struct Logged {
  std::string key, value;
  bool deleted;
  std::int64_t timestamp;
  friend bool operator==(const Logged&, const Logged&) = default;
};
class Log final : public ChangelogWriter {
 public:
  void log(BytesView key, BytesView value, Timestamp timestamp) override {
    all.push_back({std::string(key), std::string(value), value.data() == nullptr, timestamp.ms});
    batch.append(timestamp, key, value);
  }
  std::vector<Logged> all;
  RecordBatchBuilder batch;
};

enum class Engine { memory, rocksdb };
// ThreadSanitizer does not know Debian's RocksDB, and reports its background threads here without a frame that a
// suppression could name. A store is used by one thread; what threads share of RocksDB is in the runtime's tests.
#ifdef __SANITIZE_THREAD__
inline auto engines() { return ::testing::Values(Engine::memory); }
#else
inline auto engines() { return ::testing::Values(Engine::memory, Engine::rocksdb); }
#endif

// One store of the given kind, with its changelog, cache and checkpoint.
template <class Store>
class Bench {
 public:
  Bench(Engine engine, bool caching, StoreSpec::Kind kind, std::size_t cache_bytes = 1 << 20) {
    spec.name = "s";
    spec.kind = kind;
    spec.key = spec.value = text();
    spec.caching = caching;
    spec.in_memory = engine == Engine::memory;
    spec.retention = 600'000ms;
    spec.window_size = 10'000ms;
    cache.max_bytes = cache_bytes;
    if (engine == Engine::rocksdb) {
      dir = std::filesystem::temp_directory_path() / ("millrace-store-" + std::to_string(real_env().random().next()));
      auto opened = TaskDatabase::open(real_env(), dir, {"s"}, make_database_memory(8 << 20));
      EXPECT_TRUE(opened) << opened.error().text();
      database = *std::move(opened);
    }
    store = std::make_unique<Store>(
        spec, StoreEnvironment{&cache, &log, database ? database->rows(0) : nullptr, "app-s-changelog", 1 << 20});
  }
  ~Bench() {
    store.reset();
    database.reset();
    if (!dir.empty()) std::filesystem::remove_all(dir);
  }
  // Everything logged so far goes to disk, and the value cache is emptied.
  void checkpoint() {
    if (!database || log.batch.empty()) return;
    auto rows = rows_of(spec, {log.batch.seal({})}, observed);
    ASSERT_TRUE(rows) << rows.error().text();
    auto written = database->write({{0, *std::move(rows)}});
    ASSERT_TRUE(written) << written.error().text();
    log.batch.clear();
    store->task_store().checkpointed(store->task_store().logged_sequence());
    store->task_store().trim(0);
  }
  RecordContext at(std::int64_t ms) const { return {"in", 0, 0, {ms}, nullptr}; }

  StoreSpec spec;
  RecordCache cache;
  Log log;
  std::filesystem::path dir;
  std::unique_ptr<TaskDatabase> database;
  Timestamp observed{-1};
  std::unique_ptr<Store> store;
};

inline std::string text_of(const ValueAndTimestamp& v) {
  return v ? *static_cast<const std::string*>(v.value) + "@" + std::to_string(v.timestamp.ms) : "none";
}

}  // namespace millrace::contract
