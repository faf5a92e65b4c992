// Serdes: text, JSON and Protobuf of one small object.
#include <benchmark/benchmark.h>
#include <google/protobuf/descriptor.pb.h>

#include "millrace/dsl/serdes/json.h"
#include "millrace/dsl/serdes/primitives.h"
#include "millrace/dsl/serdes/protobuf.h"

namespace millrace::bench {
namespace {

struct User {
  std::string name, email;
  std::int64_t id = 0;
  bool active = false;
  std::vector<std::string> groups;
  static constexpr auto json = fields("name", &User::name, "email", &User::email, "id", &User::id, "active",
                                      &User::active, "groups", &User::groups);
};

User user() { return {"Ada Lovelace", "ada@example.org", 1815, true, {"analysts", "engines"}}; }
std::string name() { return std::string(100, 'n'); }
// A message of strings, numbers and a flag that every installation of Protobuf has.
google::protobuf::FieldDescriptorProto field() {
  google::protobuf::FieldDescriptorProto f;
  f.set_name("Ada Lovelace");
  f.set_type_name("ada@example.org");
  f.set_number(1815);
  f.set_default_value("analysts engines");
  f.set_proto3_optional(true);
  return f;
}

template <class T>
void write(benchmark::State& state, const T& object) {
  const AnySerde serde = default_serde<T>();
  Bytes out;
  for (auto _ : state) {
    out.clear();
    if (!serde.table->write(serde.self, &object, out, {})) return state.SkipWithError("it does not serialise");
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(out.size()));
}

template <class T>
void read(benchmark::State& state, const T& object) {
  const AnySerde serde = default_serde<T>();
  Bytes in;
  AnyValue to(&value_type_of<T>);
  if (!serde.table->write(serde.self, &object, in, {})) return state.SkipWithError("it does not serialise");
  for (auto _ : state) {
    if (!to.read(serde, in, {})) return state.SkipWithError("it does not deserialise");
    benchmark::DoNotOptimize(to.get());
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(in.size()));
}

BENCHMARK_CAPTURE(write, text, name());
BENCHMARK_CAPTURE(read, text, name());
BENCHMARK_CAPTURE(write, json, user());
BENCHMARK_CAPTURE(read, json, user());
BENCHMARK_CAPTURE(write, protobuf, field());
BENCHMARK_CAPTURE(read, protobuf, field());

}  // namespace
}  // namespace millrace::bench
