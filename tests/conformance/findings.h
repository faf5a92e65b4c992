// Findings: what a topology has left behind once its inputs are processed, wherever it ran; and the test driver's,
// which cases recorded from Kafka Streams have proved right.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/config.h"
#include "millrace/connectors/producer_record.h"
#include "millrace/runtime/topology_driver.h"
#include "millrace/statestore/state_store.h"

namespace millrace::conformance {

// Where a value stands in a store: its key's bytes; in a window store also the window's start (else -1).
using Place = std::pair<Bytes, std::int64_t>;

struct Findings {
  struct Logged {
    std::optional<Bytes> value;
    Timestamp timestamp;
    Headers headers;
    bool operator==(const Logged&) const = default;
  };
  std::vector<TopologyDriver::Produced> outputs;              // of the topics that are no internal ones, in order
  std::map<std::string, std::map<Bytes, Logged>> changelogs;  // the last of each key
  std::map<std::string, std::map<Place, std::string>> rows;   // by store: value and timestamp, as text
  std::vector<int> drops;                                     // inputs of which a record was dropped
};

using Inputs = std::vector<std::optional<ProducerRecord>>;  // nothing: the wall clock goes on
// Of the topology of `the_case`, over `inputs`, by the test driver. Throws as build_topology, or std::exception where
// an input fails.
Findings findings_of_driver(const nlohmann::json& the_case, const ConfigValues& config, const Inputs& inputs);

// A value of a store as text.
std::string text_of_row(ValueAndTimestamp value);
// The first difference, in words; empty: there is none. `is_partitioned`: what one input caused may come in another
// order between keys, as several tasks write it, and a window may have expired in one of the two only, as each task has
// its own time.
std::string first_difference(const Findings& actual, const Findings& expected, bool is_partitioned);

}  // namespace millrace::conformance
