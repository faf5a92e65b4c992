// What the value cache counts for each family of value types, against what the process really takes.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/type.pb.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "millrace/dsl/serdes/json.h"
#include "millrace/dsl/serdes/primitives.h"
#include "millrace/dsl/serdes/protobuf.h"
#include "millrace/statestore/task_key_value_store.h"

namespace millrace {
namespace {

constexpr std::size_t budget = 48 << 20;

std::size_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  unsigned long size = 0, resident = 0;
  const int read = file ? std::fscanf(file, "%lu %lu", &size, &resident) : 0;
  if (file) std::fclose(file);
  return read == 2 ? resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// Takes all rows and gives none back: the store evicts, and never loads.
class BlackHole final : public Checkpoint, public ChangelogWriter {
 public:
  void log(BytesView, BytesView, Timestamp) override {}
  bool may_have_rows() const override { return false; }
  Result<bool> get(BytesView, std::string&) override { return false; }
  std::unique_ptr<RowIterator> scan(std::optional<Bytes>, std::optional<Bytes>, bool) override { return nullptr; }
};

// Puts values under new and old keys until the store has held a multiple of its budget; gives by what part of the
// budget the process has grown.
template <class T, class Make>
double growth_per_budget(Make make, const SerdeRef<T>& serde = default_serde<T>()) {
  ::malloc_trim(0);  // what earlier tests left: it would be used again without being counted
  BlackHole nowhere;
  StoreSpec spec;
  spec.name = "s";
  spec.key = default_serde<std::string>();
  spec.value = serde;
  const std::size_t before = resident_bytes();
  TaskKeyValueStore keyed(spec, StoreEnvironment{nullptr, &nowhere, &nowhere, "changelog", 1 << 20});
  TaskStore& store = keyed.task_store();
  std::size_t trims = 0;
  for (std::uint64_t i = 0; trims < 6; ++i) {
    const std::uint64_t n = i % 3 ? i : i / 2;
    const T value = make(n);
    keyed.put("key" + std::to_string(n), &value, {0}, {"in", 0, 0, {0}, nullptr});
    if (store.memory_bytes() <= budget) continue;
    ++trims;
    store.checkpointed(store.logged_sequence());
    store.trim(budget);
    EXPECT_LE(store.memory_bytes(), budget);
  }
  const std::size_t grown = resident_bytes() - before;
  const double ratio = static_cast<double>(grown) / static_cast<double>(budget);
  ::testing::Test::RecordProperty("growth_per_budget", std::to_string(ratio));
  return ratio;
}

struct Visit {
  std::string page;
  std::int64_t count = 0;
  static constexpr auto json = fields("page", &Visit::page, "count", &Visit::count);
};
struct Profile {
  std::string name, address;
  std::optional<std::string> email;
  std::vector<Visit> visits;
  std::vector<double> scores;
  std::map<std::string, std::int64_t> counts;
  static constexpr auto json =
      fields("name", &Profile::name, "address", &Profile::address, "email", &Profile::email, "visits", &Profile::visits,
             "scores", &Profile::scores, "counts", &Profile::counts);
};

std::string text(std::uint64_t n, std::size_t size) {
  std::string out = std::to_string(n) + " ";
  out.resize(size, 'x');
  return out;
}

// A serde that does not say what its values hold.
struct PlainText {
  std::string text;
};
struct PlainTextSerde {
  static void write(const PlainText& t, Bytes& out) { out += t.text; }
  static Result<PlainText> read(BytesView in) { return PlainText{std::string(in)}; }
};
constexpr PlainTextSerde plain_text_serde{};

class ValueCacheMemory : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer's heap is another";
#endif
  }
  static void expect_about_the_budget(double growth) {
    EXPECT_LE(growth, 1.6);
    EXPECT_GE(growth, 0.4);
  }
};

TEST_F(ValueCacheMemory, of_integers_is_what_is_counted) {
  expect_about_the_budget(
      growth_per_budget<std::int64_t>([](std::uint64_t n) { return static_cast<std::int64_t>(n); }));
}

TEST_F(ValueCacheMemory, of_short_strings_is_what_is_counted) {
  expect_about_the_budget(growth_per_budget<std::string>([](std::uint64_t n) { return text(n, 10); }));
}

TEST_F(ValueCacheMemory, of_long_strings_is_what_is_counted) {
  expect_about_the_budget(growth_per_budget<std::string>([](std::uint64_t n) { return text(n, 100 + n % 5000); }));
}

TEST_F(ValueCacheMemory, of_json_structs_is_what_is_counted) {
  expect_about_the_budget(growth_per_budget<Profile>([](std::uint64_t n) {
    Profile p{text(n, 12), text(n, 60), text(n, 30), {}, std::vector<double>(n % 20, 0.5), {}};
    for (std::uint64_t i = 0; i < n % 30; ++i) p.visits.push_back({text(i, 5 + i), static_cast<std::int64_t>(i)});
    for (std::uint64_t i = 0; i < n % 15; ++i) p.counts[std::to_string(i)] = 1;
    return p;
  }));
}

TEST_F(ValueCacheMemory, of_protobuf_messages_is_what_is_counted) {
  expect_about_the_budget(growth_per_budget<google::protobuf::Struct>([](std::uint64_t n) {
    google::protobuf::Struct s;
    (*s.mutable_fields())["name"].set_string_value(text(n, 40));
    for (std::uint64_t i = 0; i < n % 8; ++i)
      (*s.mutable_fields())["list"].mutable_list_value()->add_values()->set_number_value(1);
    return s;
  }));
}

TEST_F(ValueCacheMemory, of_values_whose_serde_does_not_say_is_about_what_they_serialise_to) {
  expect_about_the_budget(growth_per_budget<PlainText>([](std::uint64_t n) { return PlainText{text(n, 300)}; },
                                                       SerdeRef<PlainText>(plain_text_serde)));
}

}  // namespace
}  // namespace millrace
