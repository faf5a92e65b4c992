// Interpreter: builds a case's topology through the public DSL, as a program whose types are known only at run time.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>

#include "functions.h"
#include "named_serde.h"

namespace millrace::conformance {

// A case with a step that the DSL or this interpreter does not have yet. The message names it.
struct Unsupported {
  std::string what;
};

// Source of the steps: vectors/README.md, "Steps". Throws Unsupported, UnknownFunction, and TopologyError where the
// case is one of error.
class Interpreter {
 public:
  explicit Interpreter(StreamsBuilder& builder) : builder_(builder) {}
  void step(const nlohmann::json& step);

 private:
  using Stream = KStream<V, V>;
  using Table = KTable<Value, V>;
  using Global = GlobalKTable<Value, Value>;
  using Grouped = KGroupedStream<Value, V>;
  using Windowed = TimeWindowedKStream<Value, V>;
  using Handle = std::variant<Stream, Table, Global, Grouped, Windowed>;

  void put(const nlohmann::json& step, Handle handle) {
    handles_.insert_or_assign(step.at("id").get<std::string>(), handle);
  }
  const Handle& from(const nlohmann::json& step, const char* field = "from") const;
  // The serde that the step gives, or Java's: by the type noted at the step it is called on.
  SerdeRef<Value> key_serde(const nlohmann::json& step) const;
  SerdeRef<Value> value_serde(const nlohmann::json& step) const;
  SerdeRef<Value> default_serde_of(const std::string& type) const;
  template <class O>
  O store_options(const nlohmann::json& step) const;
  Topic<V, V> topic(const nlohmann::json& step) const;

  void source(const nlohmann::json& step);
  void stream_step(const nlohmann::json& step, const Stream& stream);
  void stream_map(const nlohmann::json& step, const Stream& stream);
  void split(const nlohmann::json& step, const Stream& stream);
  void join(const nlohmann::json& step, const Stream& stream);
  void table_step(const nlohmann::json& step, const Table& table);
  void windowed_by(const nlohmann::json& step, const Grouped& grouped);
  template <class G>
  void aggregate(const nlohmann::json& step, const G& grouped);

  StreamsBuilder& builder_;
  std::map<std::string, Handle> handles_;
  std::map<std::string, nlohmann::json> steps_;  // by id: their notes of types
  std::int64_t window_size_ = 0;                 // of the last windowed_by
};

}  // namespace millrace::conformance
