// Which log a configuration means: the bundled broker over a data directory, or (not yet) a cluster.
#pragma once
#include <memory>
#include <string>

#include "millrace/base/config.h"
#include "millrace/base/env.h"
#include "millrace/connectors/log_client.h"

namespace millrace {

// `config`: Kafka Streams' keys; of these bootstrap.servers, flush and num.partitions count. Errors:
// KAFKA_STORAGE_ERROR (the directory is held by another process, which is named), INVALID_CONFIG (bootstrap.servers is
// set: a cluster client is not built in).
Result<std::unique_ptr<LogClient>> make_log_client(Env& env, const std::string& data_dir, const ConfigValues& config);

}  // namespace millrace
