// TopicSetup: the topics that an application needs: checked, counted, and made where it may make them.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "millrace/connectors/log_client.h"
#include "millrace/dsl/topology.h"

namespace millrace {

struct TopicSetup {
  // How many tasks each sub-topology has: the largest partition count of its inputs.
  std::vector<int> task_counts;
  // By name in the log.
  std::map<std::string, int> partitions;
  std::set<std::string> repartition_topics;
  // Sources that the topology itself writes to: repartition topics, and sinks that are read again.
  std::set<std::string> own_topics;
  std::map<std::string, std::size_t> message_bytes_max;  // of internal topics
};

struct TopicSetupOptions {
  std::string application_id;
  int default_partitions = 4;    // of sink topics that are made
  bool make_sink_topics = true;  // embedded only
  std::string data_dir;          // for the line to type, in messages
};

// Looks up source topics, works out the partition counts of repartition topics (the largest of what feeds them, unless
// forced) as Kafka Streams does, checks co-partitioning, creates internal topics and missing sink topics, and checks
// those that exist. Errors: UNKNOWN_TOPIC_OR_PARTITION for a missing source topic, with the command that makes it;
// INVALID_PARTITIONS and INVALID_CONFIG for an internal topic that exists with other partitions or another
// cleanup.policy; INVALID_CONFIG for a repartition topic that is gone, where the changelog of a store that only it can
// have filled shows that it was there; INVALID_PARTITIONS where inputs of a join differ.
Result<TopicSetup> set_up_topics(Admin& admin, const Topology& topology, const TopicSetupOptions& options);

}  // namespace millrace
