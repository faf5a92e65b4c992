// Shape: what of a topology decides whether a restart, a kill or several partitions may show in what comes out, as they
// may in Kafka Streams.
#pragma once
#include <nlohmann/json.hpp>

#include "millrace/dsl/topology.h"

namespace millrace::conformance {

struct Shape {
  // What comes of one record gets to a task, or to an output topic, by several ways (through different topics, or from
  // different tasks): which is first there is nobody's promise.
  bool meets_itself = false;
  int repartitions = 0;  // the most topics in a row between a source topic and a task
  bool is_windowed = false;
  // A store of its own without a changelog: on disk it outlives a close; in memory, or where the disk is lost or a kill
  // comes between its checkpoint and a commit, it is emptied.
  bool has_unlogged = false, has_unlogged_in_memory = false;
  bool asks_partition_time = false;
};
Shape shape_of(const nlohmann::json& the_case, const Topology& topology);

}  // namespace millrace::conformance
