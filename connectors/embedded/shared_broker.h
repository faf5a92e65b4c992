// What the embedded client's producers and consumers share: the broker, an executor for work that waits for the disk,
// the topic maker.
#pragma once
#include <memory>

#include "millrace/broker/broker.h"
#include "millrace/connectors/embedded/embedded_client.h"

namespace millrace::embedded {

struct SharedBroker {
  Env& env;
  EmbeddedConfig config;
  std::unique_ptr<broker::Broker> broker;
  std::unique_ptr<Executor> io;  // destroyed (drained) first

  // The partition's log, for a producer: makes the topic if it is missing and the configuration says so.
  Result<std::shared_ptr<broker::PartitionLog>> log_to_write(const TopicPartition& partition);
  // Of the partitions that offsets are committed of, those that exist.
  std::vector<std::shared_ptr<broker::PartitionLog>> logs_of(const OffsetsToCommit& offsets) const;
};

Result<std::unique_ptr<Producer>> make_producer(SharedBroker& shared, const ProducerConfig& config);
Result<std::unique_ptr<Consumer>> make_consumer(SharedBroker& shared, const ConsumerConfig& config);
std::unique_ptr<Admin> make_admin(SharedBroker& shared);

}  // namespace millrace::embedded
