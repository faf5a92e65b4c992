// TopologyDriver: runs any topology in one thread, without a log: the bytes of a record in, everything it causes out.
//
// What millrace/test_driver.h, which users include, is a typed skin over. Kafka Streams' TopologyTestDriver, and byte
// for byte what it does: one task with one partition of every topic, whatever the number of sub-topologies; a piped
// record is processed, then the task commits (all caches are flushed), then what went to repartition topics, or to a
// topic that the topology itself reads, is processed the same way, one record at a time, until nothing is left. It
// drives the real Task, stores and record cache.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/types.h"
#include "millrace/dsl/topology.h"

namespace millrace {

class StateStore;

struct DriverOptions {
  std::map<std::string, std::string> config;  // Kafka Streams' keys
  Timestamp wall_clock{0};
  // Where stores keep their rows, with or without a changelog, also for a later driver of the same topology; with it,
  // every commit writes a checkpoint and empties the value cache, so that all reads go through the disk. Empty: stores
  // live in memory. No output may differ between the two.
  std::string state_directory = {};
};

// One thread.
class TopologyDriver {
 public:
  struct Produced {
    std::string topic;
    std::optional<Bytes> key, value;
    Timestamp timestamp;
    Headers headers;
    int input = -1;  // how many inputs had been given before, less one: the number of the one that caused it
  };

  // Takes the topology. Throws ConfigError or StreamsError.
  TopologyDriver(Topology topology, const DriverOptions& options);
  ~TopologyDriver();

  // Pipes one record into a source topic. Throws StreamsError where a handler says fail; std::invalid_argument for a
  // topic that the topology does not read; std::logic_error if a lambda of the topology calls it.
  void pipe(const std::string& topic, std::optional<BytesView> key, std::optional<BytesView> value, Timestamp timestamp,
            const Headers& headers = {});
  // Moves the wall clock, runs what is due, commits. Counts as an input.
  void advance_wall_clock(Duration by);

  // Everything produced so far, in order: outputs, changelogs and repartition topics alike.
  const std::vector<Produced>& produced() const;
  // A store by name, global ones included; null if there is none.
  StateStore* store(std::string_view name);
  // dropped-records-total and the like, summed over all nodes.
  std::map<std::string, std::int64_t> metrics() const;
  // For each input topic the metadata committed last, as Kafka Streams encodes it.
  std::map<std::string, std::string> committed_metadata() const;
  const Topology& topology() const;

 private:
  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace millrace
