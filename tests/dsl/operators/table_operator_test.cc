// What TableOperator does for all tables: that the hot path of a count allocates nothing, and what a key that cannot be
// read back does.
#include "millrace/dsl/operators/table_operator.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "millrace/dsl/aggregator.h"
#include "millrace/dsl/operators/aggregate.h"
#include "millrace/dsl/operators/window_aggregate.h"
#include "millrace/statestore/store_error.h"
#include "tests/dsl/operators/fake_task.h"

namespace {
std::size_t allocations = 0;
}  // namespace

// Not inlined: gcc would see malloc in one place and delete in another, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace millrace {
namespace {

// One row each, updated in place.
class OneRow : public FakeKeyValueStore {
 public:
  using FakeKeyValueStore::FakeKeyValueStore;
  ValueAndTimestamp get(BytesView) override { return {there ? &value : nullptr, {1}}; }
  ValueAndTimestamp put(BytesView, const void* v, Timestamp, const RecordContext&) override {
    value = *static_cast<const std::int64_t*>(v);
    there = true;
    return {};
  }
  std::int64_t value = 0;
  bool there = false;
};
class OneWindow : public FakeWindowStore {
 public:
  using FakeWindowStore::FakeWindowStore;
  ValueAndTimestamp fetch(BytesView, Timestamp) override { return {&value, {1}}; }
  ValueAndTimestamp put(BytesView, const void* v, Timestamp, Timestamp, const RecordContext&) override {
    value = *static_cast<const std::int64_t*>(v);
    return {};
  }
  std::int64_t value = 0;
};
struct OneRowTask : FakeTask {
  KeyValueStore* key_value_store(std::string_view) override { return &row; }
  WindowStore* window_store(std::string_view) override { return &window; }
  OneRow row{"store", &value_type_of<std::int64_t>};
  OneWindow window{"store", &value_type_of<std::int64_t>};
};
class Sink : public Operator {
 public:
  void process(const RecordRef& r) override { last = *static_cast<const std::int64_t*>(r.value); }
  std::int64_t last = 0;
};

template <class Op, class... Args>
void expect_no_allocation(Args... args) {
  Aggregation how = count_of<std::int64_t>("");
  TableStore store{.name = "store", .key = string_keys(), .windowed = nullptr, .window_size = 10ms};
  if constexpr (sizeof...(Args) > 0) store.windowed = &windowed_key_type<std::string>;
  OneRowTask task;
  Sink sink;
  Op op(store, Fold{how.reduce, how.initial, how.fold}, args...);
  op.add_child(&sink);
  op.init(task);
  std::string key = "a key that is longer than a short string";
  std::int64_t value = 1;
  Fed(op, &key, &value, 1);
  std::size_t before = allocations;
  for (int i = 0; i < 1000; ++i) Fed(op, &key, &value, 2);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(sink.last, 1001);
}

TEST(TableOperator, allocates_nothing_a_record_when_it_counts) { expect_no_allocation<Aggregate>(); }

TEST(TableOperator, allocates_nothing_a_record_when_it_counts_in_windows) {
  expect_no_allocation<WindowAggregate>(TimeWindows{.size = 10ms, .grace = 0ms});
}

struct Refuses {
  static void write(const std::string& s, Bytes& out) { out.append(s); }
  static Result<std::string> read(BytesView) { return Error("no"); }
};
constexpr Refuses refuses{};

TEST(TableOperator, stops_where_a_key_cannot_be_read_back) {
  FakeTask task;
  task.rows.caching = true;
  Aggregation how = count_of<std::int64_t>("");
  TableStore store{.name = "store", .key = SerdeRef<std::string>(refuses)};
  Aggregate op(store, Fold{how.reduce, how.initial, how.fold});
  op.init(task);
  EXPECT_THROW(task.rows.listener.on_flush(task.rows.listener.self, {.key = "a", .context = &a_context}), StoreError);
}

}  // namespace
}  // namespace millrace
