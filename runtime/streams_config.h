// The configuration of a Streams program: Kafka Streams' keys, with Kafka's defaults unless docs/differences.md says
// why not.
#pragma once
#include "millrace/base/config.h"
#include "millrace/base/metric_table.h"
#include "millrace/runtime/task.h"

namespace millrace {

const ConfigTable& streams_configs();
// Checked values. Throws ConfigError.
Config streams_config(const ConfigValues& values);
// What concerns one task; cache_max_bytes is the total, to be divided among the tasks.
TaskSettings task_settings(const Config& config);
bool is_exactly_once(const Config& config);
// What concerns the topology's shape: StreamsBuilder::build takes it.
TopologyConfig topology_config(const Config& config);
// commit.interval.ms, whose default depends on the guarantee.
Duration commit_interval(const Config& config);
RecordingLevel recording_level(const Config& config);

}  // namespace millrace
