// The topics of a broker: names, ids, partition counts, configurations; and the producer ids given out. On disk in a
// log of their own.
//
// topics.log is a sequence of record batches (format v2), one a change, synced before the change is answered. Keys:
// "topic" and "removed" with the name, "producer_ids". It is read whole at the start and written anew when most of it
// is history. Bytes: docs/formats/topics_log.md. (Kafka keeps the same in its metadata quorum's log, which
// one machine has no use for.)
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/result.h"
#include "millrace/base/types.h"
#include "millrace/broker/log/log_directory.h"
#include "millrace/broker/topic_config.h"

namespace millrace::broker {

inline constexpr const char* consumer_offsets_topic = "__consumer_offsets";
inline constexpr const char* transaction_state_topic = "__transaction_state";

struct Topic {
  std::string name;
  TopicId id;
  int partitions = 0;
  std::map<std::string, std::string> configs;  // those that were set
  bool internal() const { return name == consumer_offsets_topic || name == transaction_state_topic; }
};

// Error: INVALID_TOPIC_EXCEPTION. Source: Kafka's Topic.validate: 1 to 249 of [a-zA-Z0-9._-], not "." or "..".
Result<> check_topic_name(const std::string& name);
// Whether the two could be one metric name: "a.b" and "a_b".
bool topic_names_collide(const std::string& a, const std::string& b);

// Threads: any.
class Topics {
 public:
  // Reads only. Error: CORRUPT_MESSAGE (damaged before its end), UNSUPPORTED_VERSION (a record of a newer Millrace).
  static Result<std::unique_ptr<Topics>> open(LogDirectory& logs);
  // Truncates a torn tail, has on disk what was read, and writes a long history anew. To be called once, before any
  // change, when what was read has been found to fit the directories (Logs::open): what does not fit may be damage that
  // somebody can still mend.
  Result<> repair();
  // The last change that was read is on disk when it returns: before anything is done that rests on it.
  Result<> sync_last_change();

  // A topic with a new id that could be created; nothing is written. Errors: INVALID_TOPIC_EXCEPTION,
  // TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, INVALID_CONFIG.
  Result<Topic> propose(const std::string& name, int partitions, const std::map<std::string, std::string>& configs);
  // Durable when they return.
  Result<> add(const Topic& topic);
  Result<> remove(const std::string& name);

  std::optional<Topic> find(const std::string& name) const;
  std::vector<Topic> list() const;  // by name
  // Topics that were removed, so what is left of their directories may go.
  std::vector<Topic> removed() const;

  // A producer id that was never given out before, across restarts.
  Result<ProducerId> next_producer_id();

 private:
  explicit Topics(LogDirectory& logs) : logs_(logs) {}
  Result<> load();
  Result<> apply(BytesView key, BytesView value);
  Result<> write(BytesView key, BytesView value);
  Result<> rewrite();
  Result<> sync_last_change_locked();
  Result<> sync();
  void note_synced();
  void forget(const std::string& name);

  LogDirectory& logs_;
  mutable std::mutex mutex_;
  std::map<std::string, Topic> topics_;
  std::deque<Topic> removed_;  // in order; the last `removed_kept`
  std::unique_ptr<File> file_;
  std::uint64_t valid_size_ = 0;  // of the file, up to a torn tail
  std::int64_t changes_ = 0;      // in the file
  Offset next_offset_ = 0;
  ProducerId next_producer_id_ = 0;
  ProducerId producer_ids_end_ = 0;  // ids below it were reserved on disk
};

}  // namespace millrace::broker
