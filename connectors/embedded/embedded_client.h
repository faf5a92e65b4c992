// The log client over the bundled broker in this process: no socket, no copy on the way in, one pread on the way out.
//
//   MR_ASSIGN(auto client, open_embedded(real_env(), {.data_dir = "data"}));
//   MR_ASSIGN(auto producer, client->make_producer({}));
//
// Where it differs from a client over a network, within the contract of connectors/log_client.h:
//   - Nothing is retried, since nothing gets lost on the way: an append has worked or has not. delivery_timeout never
//   runs out.
//   - send() with full buffers appends and syncs in the caller's thread instead of waiting for another, so max_block is
//   the disk's.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "millrace/base/env.h"
#include "millrace/base/result.h"
#include "millrace/connectors/log_client.h"

namespace millrace {

struct EmbeddedConfig {
  std::string data_dir;
  // group: an acknowledged record is on disk. os: it is with the kernel, as with Kafka: kill -9 loses nothing, a power
  // cut may.
  enum class Flush { group, os } flush = Flush::group;
  // A producer makes a topic that is missing, with this many partitions; 0: UNKNOWN_TOPIC_OR_PARTITION instead.
  int num_partitions = 1;
  // Retention, compaction, transaction time-outs, checkpoints; zero: never by itself.
  Duration housekeeping_interval = 10s;
  // Sentences for an operator: records lost, a fenced directory. By default base/log.h.
  std::function<void(const std::string&)> report;
};

// Opens (or makes) the data directory and recovers it; destroying the client syncs and closes it, which makes the next
// start quick. Errors: those of broker::Broker::open: KAFKA_STORAGE_ERROR (held by another process, which is named),
// UNSUPPORTED_VERSION, CORRUPT_MESSAGE.
Result<std::unique_ptr<LogClient>> open_embedded(Env& env, const EmbeddedConfig& config);

}  // namespace millrace
