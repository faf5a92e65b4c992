// run_case: one case against Millrace: description, topics, errors, outputs, changelogs, stores, queries, metrics,
// metadata.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace millrace::conformance {

struct Outcome {
  enum class Kind { passed, failed, skipped } kind = Kind::passed;
  std::string why;  // the first difference, or what is not there yet
};
Outcome run_case(const nlohmann::json& the_case);

}  // namespace millrace::conformance
