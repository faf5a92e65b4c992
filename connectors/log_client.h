// The log client: how the runtime, the sources and the tools talk to a log, whichever it is.
//
// Implementations: connectors/embedded (the bundled broker, in process), connectors/simulated (embedded behind a
// network that delays, repeats and drops), later connectors/kafka. One contract suite,
// tests/connectors/log_client_contract.h (and producer_contract.h beside it), runs against all. Batches are Kafka's
// record batches (base/record_batch.h): the runtime reads and writes whole ones; send() and poll() are the record-level
// interface that programs and tools use.
#pragma once
#include <algorithm>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/record_batch.h"
#include "millrace/base/result.h"
#include "millrace/base/types.h"
#include "millrace/connectors/new_topic.h"
#include "millrace/connectors/producer_record.h"

namespace millrace {

struct MetricValue;

enum class Isolation { read_uncommitted, read_committed };

// What a consumer has committed for a partition (KIP-211; Kafka Streams keeps its partition time in `metadata`).
struct CommittedOffset {
  Offset offset = 0;  // the next one to read
  LeaderEpoch leader_epoch = -1;
  std::string metadata;
};
using OffsetsToCommit = std::map<TopicPartition, CommittedOffset>;

// ---------------------------------------------------------------- Producer

struct ProducerConfig {
  std::string client_id = "millrace";
  std::string transactional_id;  // empty: idempotent only
  Duration transaction_timeout = 10s;
  Duration linger = 5ms;           // Duration::max(): until the batch is full or flush() is called
  std::size_t batch_size = 16384;  // bytes, before compression
  Compression compression = Compression::none;
  std::size_t buffer_memory = 32 << 20;  // send() waits when this much is unsent
  Duration max_block = 60s;
  Duration delivery_timeout = 120s;
};

struct RecordMetadata {
  TopicPartition partition;
  Offset offset = -1;
  Timestamp timestamp;
};
// Runs on any thread: in the background, or within a call of its producer. It may send, and may destroy its producer
// (or hold the last reference to it); it must not wait for another record of it. What it throws is logged and goes no
// further.
using DeliveryCallback = std::function<void(const Result<RecordMetadata>&)>;

// Always idempotent (KIP-98); transactional if it has a transactional id.
//
// Errors of a transactional producer: PRODUCER_FENCED (another with the same id has started) is final; after any other,
// abort and go on. Threads: send() and append() from any; transaction calls from one at a time, with no send or append
// beside them.
class Producer {
 public:
  // Aborts an open transaction, else flushes; no callback runs when it returns, unless it was called from one.
  virtual ~Producer() = default;

  // Queues a record; the callback runs once when it is acknowledged (on disk, at flush=group) or given up. Waits for
  // buffer memory up to max_block. Errors: MESSAGE_TOO_LARGE, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TXN_STATE,
  // REQUEST_TIMED_OUT; INVALID_TIMESTAMP for a time before 1970, or too far from now for its topic
  // (message.timestamp.before.max.ms, .after.max.ms); INVALID_TOPIC_EXCEPTION for a topic of the broker's own.
  virtual Result<> send(ProducerRecord record, DeliveryCallback callback) = 0;
  std::future<Result<RecordMetadata>> send(ProducerRecord record);
  // Sends what is queued and waits for all acknowledgements that were outstanding, of other threads' records too; their
  // callbacks have returned then. Errors: that of the first record that failed since the last flush, or in the open
  // transaction, which then can only be aborted, as in Kafka; INVALID_REQUEST from within a delivery callback, where it
  // would wait for itself (as in Kafka).
  virtual Result<> flush() = 0;

  // Appends a whole batch and returns the offset of its first record: readable by this process at once, not yet
  // durable. `batch` is sealed with producer id, epoch, sequence and offsets here, in place; it stays the caller's and
  // then holds the final bytes. In a transaction the partition joins it. Never mixed with send() on one partition. The
  // runtime's way in: times are not held against the topic's limits. Errors: as send().
  virtual Result<Offset> append(const TopicPartition& partition, RecordBatchBuilder& batch) = 0;
  // Makes what append() wrote to `partitions` durable: one group commit.
  virtual Result<> sync(const std::vector<TopicPartition>& partitions) = 0;

  // Fences older producers of this transactional id and finishes what they left: InitProducerId. What this one has
  // queued in an open transaction is dropped with that transaction; its senders are told INVALID_TXN_STATE.
  virtual Result<> init_transactions() = 0;
  virtual Result<> begin_transaction() = 0;
  // Adds consumed offsets to the transaction (KIP-447). They become visible with the commit.
  virtual Result<> send_offsets_to_transaction(const OffsetsToCommit& offsets, const std::string& group_id) = 0;
  // Commits: on success everything of the transaction is durable and visible together. With an error the outcome may be
  // unknown: init_transactions() finds out what the coordinator decided.
  virtual Result<> commit_transaction() = 0;
  virtual Result<> abort_transaction() = 0;
  virtual ProducerId producer_id() const = 0;
};

// ---------------------------------------------------------------- Consumer

struct ConsumerConfig {
  std::string client_id = "millrace";
  std::string group_id;  // for committed() and commit(); may be empty
  Isolation isolation = Isolation::read_uncommitted;
  enum class OffsetReset { none, earliest, latest } auto_offset_reset = OffsetReset::latest;
  std::size_t max_poll_records = 500;
};

struct ConsumedRecord {
  TopicPartition partition;
  Offset offset = 0;
  Timestamp timestamp;
  LeaderEpoch leader_epoch = -1;
  std::optional<Bytes> key, value;
  Headers headers;
};

// What fetch() returns: whole batches, as stored, one after the other; the first may begin before the offset asked for.
// Control batches and batches of aborted transactions are among them: skip the latter with `aborted` when reading
// committed.
struct FetchedBatches {
  std::shared_ptr<const Bytes> bytes;
  Offset log_start_offset = 0;
  Offset high_watermark = 0;
  Offset last_stable_offset = 0;
  struct Aborted {
    ProducerId producer_id;
    Offset first_offset;  // this producer's records from here to its abort marker are not to be delivered
  };
  std::vector<Aborted> aborted;  // those that overlap what is returned, by first offset; filled for read_committed
};
struct FetchRequest {
  TopicPartition partition;
  Offset offset = 0;
  std::size_t max_bytes = 1 << 20;  // the first batch comes whole even if larger
  Isolation isolation = Isolation::read_uncommitted;
  // With read_committed: read past the last stable offset up to the first undecided record of any other producer. For
  // the members of one commit group reading each other's repartition topics (embedded only; others ignore it).
  ProducerId own_producer_id = -1;
};

// Threads: one at a time, except fetch(), end_offset() and wake(): any.
class Consumer {
 public:
  virtual ~Consumer() = default;
  // These and no others; those that it had keep their positions. After an error (UNKNOWN_TOPIC_OR_PARTITION) it has
  // what it had.
  virtual Result<> assign(std::vector<TopicPartition> partitions) = 0;
  virtual Result<> seek(const TopicPartition& partition, Offset offset) = 0;
  virtual Result<Offset> position(const TopicPartition& partition) = 0;
  virtual void pause(const TopicPartition& partition) = 0;
  virtual void resume(const TopicPartition& partition) = 0;
  // Records of the assigned partitions, in order per partition; waits up to `timeout` for the first. Errors, of one
  // partition, whose position stays before what is wrong: OFFSET_OUT_OF_RANGE that names the gap when auto_offset_reset
  // is none; CORRUPT_MESSAGE. No record is lost to an error: those of other partitions, and those before it, are
  // returned first, and it comes with a later poll. It comes again and again, in turn with what there is to read
  // elsewhere, until the partition is sought past it, paused, or not assigned any more.
  virtual Result<std::vector<ConsumedRecord>> poll(Duration timeout) = 0;
  // Commits, durably, for the group: the given offsets, or the positions.
  virtual Result<> commit(const OffsetsToCommit& offsets) = 0;
  virtual Result<> commit() = 0;
  // For each partition that has one.
  virtual Result<OffsetsToCommit> committed(const std::vector<TopicPartition>& partitions) = 0;

  // Batches from the one that holds `offset` on; empty at the end. Independent of assignment and positions. Never
  // waits. Errors: OFFSET_OUT_OF_RANGE (names the range there is), UNKNOWN_TOPIC_OR_PARTITION.
  virtual Result<FetchedBatches> fetch(const FetchRequest& request) = 0;
  // The end visible at this isolation: high watermark, or last stable offset.
  virtual Result<Offset> end_offset(const TopicPartition& partition, Isolation isolation) = 0;
  virtual Result<Offset> beginning_offset(const TopicPartition& partition) = 0;
  // First offset whose timestamp is at least `timestamp`; none if there is no such record.
  virtual Result<std::optional<Offset>> offset_for_time(const TopicPartition& partition, Timestamp timestamp) = 0;
  // Calls `callback`, from the appending thread, whenever `partition` may have more to read (an append, a decided
  // transaction). It must be quick and must not call back. One callback a partition; empty takes it away, and waits
  // until none runs.
  virtual Result<> notify(const TopicPartition& partition, std::function<void()> callback) = 0;
  // Makes a poll() that waits return.
  virtual void wake() = 0;
};

// ---------------------------------------------------------------- Admin

struct TopicDescription {
  std::string name;
  TopicId id;
  int partitions = 0;
  bool internal = false;                       // __consumer_offsets, __transaction_state
  std::map<std::string, std::string> configs;  // those that were set
  // What the log takes as one batch: max.message.bytes, or segment.bytes where that is less.
  std::size_t message_bytes_max() const {
    const auto bytes = [&](const char* key, std::size_t by_default) {
      auto set = configs.find(key);
      return set == configs.end() ? by_default : static_cast<std::size_t>(std::stoull(set->second));
    };
    return std::min(bytes("max.message.bytes", 1048588), bytes("segment.bytes", 1 << 30));
  }
  // "delete", "compact", or both in any order.
  std::string cleanup_policy() const {
    auto set = configs.find("cleanup.policy");
    return set == configs.end() ? "delete" : set->second;
  }
};
struct PartitionOffsets {
  Offset log_start_offset = 0, last_stable_offset = 0, high_watermark = 0, log_end_offset = 0;
  LeaderEpoch leader_epoch = 0;
};
struct GroupDescription {
  std::string group_id;
  OffsetsToCommit committed;
};

// Threads: any.
class Admin {
 public:
  virtual ~Admin() = default;
  // Durable when it returns. Errors: TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG
  // (names the nearest key).
  virtual Result<> create_topic(const NewTopic& topic) = 0;
  virtual Result<> delete_topic(const std::string& name) = 0;
  virtual Result<std::vector<TopicDescription>> list_topics() = 0;
  // Error: UNKNOWN_TOPIC_OR_PARTITION.
  virtual Result<TopicDescription> describe_topic(const std::string& name) = 0;
  virtual Result<PartitionOffsets> describe_partition(const TopicPartition& partition) = 0;
  // Where the records of `epoch` end (KIP-320's OffsetsForLeaderEpoch); none if the log knows of no such epoch.
  virtual Result<std::optional<Offset>> end_of_leader_epoch(const TopicPartition& partition, LeaderEpoch epoch) = 0;
  // Moves the log start to `before` (KIP-107); -1: the high watermark.
  virtual Result<> delete_records(const TopicPartition& partition, Offset before) = 0;
  virtual Result<std::vector<GroupDescription>> describe_groups() = 0;
};

// ---------------------------------------------------------------- LogClient

// One log. Clients made from it must not outlive it. Threads: any.
class LogClient {
 public:
  virtual ~LogClient() = default;
  virtual Result<std::unique_ptr<Producer>> make_producer(const ProducerConfig& config) = 0;
  virtual Result<std::unique_ptr<Consumer>> make_consumer(const ConsumerConfig& config) = 0;
  virtual Admin& admin() = 0;
  // Whether all members of a commit group live in this process (then repartition topics are read past the last stable
  // offset).
  virtual bool is_embedded() const = 0;
  // The client's metrics as they stand now, and those of the broker where it is in this process; by default none.
  virtual std::vector<MetricValue> metrics() const;
};

}  // namespace millrace
