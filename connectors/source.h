// A source: reads an outside system and writes its records to the log, each once.
//
// A source keeps its own position, as a record in a topic, written in the transaction of the records it stands for:
// after a crash, an abort or a commit of unknown outcome, what is committed tells where to go on, so no record is lost
// or repeated. Source: as Kafka Connect's exactly-once sources (KIP-618).
#pragma once
#include <cstdint>
#include <string>

#include "millrace/base/result.h"
#include "millrace/connectors/log_client.h"

namespace millrace {

// Threads: one at a time. start() and read() wait for the log and the disk: they run on an I/O executor.
class Source {
 public:
  virtual ~Source() = default;
  // For messages: "csv flights.csv".
  virtual const std::string& name() const = 0;
  // Fences an earlier instance, finds the committed position, goes there. Again after an error of read().
  virtual Result<> start() = 0;
  // Reads some records and writes them in one transaction; false if there was nothing more to read.
  // After an error nothing of that transaction is visible, unless a commit's outcome is unknown; start() finds out.
  virtual Result<bool> read() = 0;
};

// The compacted topic, of one partition, that holds the positions of an application's sources:
// "<application.id>-source-offsets". Format: docs/formats/source_offsets.md.
std::string source_offsets_topic(const std::string& application_id);
// Makes it if it isn't there. Errors: those of Admin.
Result<> ensure_source_offsets_topic(Admin& admin, const std::string& application_id);
// The last committed value of `key`; none if there is none. Reads the topic from its start: it is compacted and small.
Result<std::optional<Bytes>> committed_source_offset(LogClient& client, const std::string& application_id,
                                                     const Bytes& key);

}  // namespace millrace
