// Serdes by the names of vectors/README.md: "long", "time_windowed:string:1000".
#pragma once
#include <memory>
#include <string>

#include "value.h"

namespace millrace::conformance {

class NamedSerde {
 public:
  explicit NamedSerde(const std::string& name);
  Result<> write(const Value& value, Bytes& out) const;
  Result<Value> read(BytesView in) const;
  // A value as the cases print it, null included.
  V from_json(const nlohmann::json& json) const;

  std::size_t window_bytes = 0;

 private:
  enum class Kind { string, long_number, int_number, double_number, bytes, time_windowed };
  Kind kind_;
  std::unique_ptr<NamedSerde> inner_;
  Duration size_{0};
};

// One object a name, for good: topologies refer to them. Throws std::invalid_argument for a name that is not there.
const NamedSerde& serde_named(const std::string& name);

}  // namespace millrace::conformance
