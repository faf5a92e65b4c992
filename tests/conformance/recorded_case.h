// A recorded case's parts as Millrace takes them: configuration, topology, records.
#pragma once
#include <nlohmann/json.hpp>

#include "millrace/base/config.h"
#include "millrace/connectors/producer_record.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/topology_driver.h"

namespace millrace::conformance {

DriverOptions driver_options(const nlohmann::json& the_case);
// `values`: the case's configuration, or another that its topology is to be built for. Throws Unsupported,
// UnknownFunction, TopologyError.
Topology build_topology(const nlohmann::json& the_case, const ConfigValues& values);
// Of an input that is a record.
ProducerRecord record_of(const nlohmann::json& the_case, const nlohmann::json& input);
void pipe(TopologyDriver& driver, const ProducerRecord& record);

}  // namespace millrace::conformance
