// A case's topology as an application on a simulated machine: the real Streams over the real log, its inputs given one
// after the other, stopped and started between them, or killed in their midst.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "findings.h"

namespace millrace::conformance {

// How a run goes. All that is drawn comes from `seed`.
struct RunPlan {
  std::uint64_t seed = 1;
  ConfigValues config;
  int partitions = 1;
  double closes = 0, deletes = 0, kills = 0;  // how probable between two inputs (for kills: within each)
  bool loses_answers = false;  // of the log: tasks are opened anew where it is unknown what was committed
  bool compacts = false;       // changelogs have small segments
  bool groups = false;         // several inputs of a topic may be under way at once
  std::size_t first_stop = 0;  // no stop before this input
  // A window store that goes on from its rows on disk learns the time from its next update, as Kafka Streams' does:
  // until then it may show rows that had expired.
  bool forgets_time = false;
};

// What happened on the way, for a report.
struct RunStory {
  int closed = 0, deleted = 0, killed = 0;
  std::string text;
};

// `expected`: whose rows and keys to look for. Throws Difference if the application fails, or never settles.
Findings findings_of_application(const nlohmann::json& the_case, const RunPlan& plan, const Inputs& inputs,
                                 const Findings& expected, RunStory& story);

}  // namespace millrace::conformance
