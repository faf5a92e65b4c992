// Comparison of what a case expects with what Millrace gave. Each function throws Difference at the first that it
// meets.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "millrace/dsl/topology.h"
#include "millrace/runtime/topology_driver.h"

namespace millrace::conformance {

struct Difference {
  std::string what;
};
std::string text_of_json(const nlohmann::json& json);
// Shows where two texts part.
void expect_equal(const std::string& what, const std::string& actual, const std::string& expected);

void compare_topics(const Topology& topology, const nlohmann::json& the_case);  // internal_topics, copartition_groups
void compare_produced(const TopologyDriver& driver,
                      const nlohmann::json& the_case);  // outputs, changelogs, repartitions
void compare_stores(TopologyDriver& driver, const nlohmann::json& the_case);
void compare_queries(TopologyDriver& driver, const nlohmann::json& the_case);
void compare_numbers(const TopologyDriver& driver, const nlohmann::json& the_case);  // metrics, committed_metadata

}  // namespace millrace::conformance
