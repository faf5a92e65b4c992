// The log of one partition: segments in order, and what is known about the records in them.
//
//   log start offset ≤ last stable offset ≤ high watermark ≤ log end offset
//
// On one machine the high watermark is the log end: a record is readable as soon as it is appended, by this process,
// and survives a crash once it is synced (Flusher). The last stable offset is the first record of the oldest undecided
// transaction.
//
// Two locks. `append_mutex_` orders those who write; it is held over the write of the file. `mutex_` guards what
// readers look at; it is held for moments, never over I/O, so that a reader does not wait for a write. Whoever takes
// both takes append_mutex_ first. Source: Kafka's UnifiedLog and LocalLog; KIP-98, KIP-101, KIP-107, KIP-890.
#pragma once
#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/record_batch.h"
#include "millrace/broker/log/leader_epochs.h"
#include "millrace/broker/log/log_directory.h"
#include "millrace/broker/log/producer_state.h"
#include "millrace/broker/log/segment.h"
#include "millrace/broker/topic_config.h"

namespace millrace::broker {

// How far a reader may look.
enum class ReadUpTo { high_watermark, last_stable_offset };

struct ReadRequest {
  Offset offset = 0;
  std::size_t max_bytes = 1 << 20;  // the first batch comes whole even if larger
  ReadUpTo up_to = ReadUpTo::high_watermark;
  // With last_stable_offset: this producer's own undecided records do not stop the reader.
  ProducerId own_producer_id = -1;
};

struct LogOffsets {
  Offset log_start_offset = 0, last_stable_offset = 0, high_watermark = 0, log_end_offset = 0;
  LeaderEpoch leader_epoch = 0;
};

struct ReadBatches {
  std::shared_ptr<const Bytes>
      bytes;  // whole batches as stored; the first may begin before the offset asked for; never null
  LogOffsets offsets;
  std::vector<AbortedTransaction>
      aborted;  // that overlap what is returned, by first offset; for last_stable_offset only
};

struct AppendedBatch {
  Offset base_offset = -1, last_offset = -1;
  Timestamp log_append_time{-1};  // -1: the records keep their own
  bool duplicate = false;         // it was there already; the offsets are those of then
};

class PartitionLog {
 public:
  struct Options {
    TopicPartition partition;
    TopicId topic_id;
    std::string directory;
    TopicConfig config;
    std::optional<Offset> recovery_point;  // what the last checkpoint returned
    Offset log_start = 0;
    bool internal = false;  // max.message.bytes does not apply
  };
  // Opens what is there, or an empty log. Errors: those of recover_log; the message names partition, file and position.
  static Result<std::shared_ptr<PartitionLog>> open(LogDirectory& logs, Options options);
  ~PartitionLog();

  const TopicPartition& partition() const { return options_.partition; }
  const TopicId& topic_id() const { return options_.topic_id; }
  const std::string& directory() const { return options_.directory; }
  const TopicConfig& config() const { return options_.config; }

  // Appends the records of `batch`, sealing it with the next offset and this producer's next sequence: for those in
  // this process, who can neither repeat themselves nor damage bytes on the way.
  //
  // Returns: where they are. Readable at once, durable after a sync.
  // Errors:  INVALID_PRODUCER_EPOCH, MESSAGE_TOO_LARGE (max.message.bytes), RECORD_LIST_TOO_LARGE (segment.bytes),
  //          KAFKA_STORAGE_ERROR. Nothing was appended.
  // Threads: any.
  struct Producer {
    ProducerId id = -1;  // -1: none
    ProducerEpoch epoch = -1;
    bool transactional = false;
  };
  Result<AppendedBatch> append(RecordBatchBuilder& batch, const Producer& producer,
                               Compression compression = Compression::none);
  // Appends a batch that came from outside: lengths, CRC, timestamps, sequence and, on a compacted topic, keys are
  // checked first. `batch` gets its offsets written into it.
  //
  // Errors: as above; CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP, OUT_OF_ORDER_SEQUENCE_NUMBER,
  // DUPLICATE_SEQUENCE_NUMBER.
  //         A repetition of one of the last five batches is no error: it answers with the offsets of then.
  Result<AppendedBatch> append_batch(Bytes& batch);
  // Ends a transaction here: a control batch. Errors: INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED,
  // KAFKA_STORAGE_ERROR.
  Result<AppendedBatch> append_marker(ControlType type, ProducerId id, ProducerEpoch epoch,
                                      std::int32_t coordinator_epoch);

  // Batches from the one that holds `offset` on, or from the next one if compaction took it; empty at the end. One
  // pread. Error: OFFSET_OUT_OF_RANGE, which names the range there is. Threads: any.
  Result<ReadBatches> read(const ReadRequest& request);
  LogOffsets offsets() const;
  // First offset whose timestamp is at least `timestamp`, below the high watermark.
  Result<std::optional<Offset>> offset_for_time(Timestamp timestamp);
  std::optional<Offset> end_of_epoch(LeaderEpoch epoch) const;
  // The epoch that appends of this opening bear; offsets() says the last one that has records.
  LeaderEpoch leader_epoch() const { return epoch_; }
  // Producers with an open transaction here, with its epoch; and the newest epoch of every producer.
  struct OpenTransaction {
    ProducerId producer_id;
    ProducerEpoch epoch;
    Offset first_offset;
  };
  std::vector<OpenTransaction> open_transactions() const;
  std::map<ProducerId, ProducerEpoch> producer_epochs() const;

  // Moves the log start to `before` (-1: the high watermark). Whole segments below it go. Error: OFFSET_OUT_OF_RANGE.
  Result<> delete_records(Offset before);
  // Cuts the log down to records below `end`. For tools and tests: acknowledged records go.
  Result<> truncate(Offset end);
  // Removes segments that retention.ms or retention.bytes no longer keep; returns how many.
  Result<int> enforce_retention();
  // Closes the active segment and starts another, if it has records.
  Result<> roll();

  // What went in and out since the log was opened. Threads: any.
  const MeterCell& messages_in() const { return messages_in_; }
  const MeterCell& bytes_in() const { return bytes_in_; }
  const MeterCell& bytes_out() const { return bytes_out_; }
  struct Extent {
    std::size_t segments = 0;
    std::uint64_t bytes = 0;
  };
  Extent extent() const;

  // Runs `callback` in the appending thread after whatever may let a reader read more. One for each `owner`; empty
  // takes it away, and waits until none runs.
  void notify(const void* owner, std::function<void()> callback);

  // What a sync must put on disk, marked as clean: the caller syncs it, or fences the directory.
  struct Unsynced {
    std::vector<std::shared_ptr<Segment>> segments;
    bool directory = false;  // names in it are new
    Offset end = 0;          // below it everything is on disk afterwards
  };
  Unsynced take_unsynced();
  void synced(Offset end);
  bool has_unsynced() const;
  // Whether records may be with the kernel only. After a restart this holds for all that the last checkpoint does not
  // cover, whoever wrote it.
  bool has_unsynced_records() const;
  // Syncs data, indexes, producer state and epochs, and returns the offset that recovery may start at.
  Result<Offset> checkpoint();
  // Whether anything changed since the last checkpoint, be it of an earlier process.
  bool needs_checkpoint() const;

  // For compaction: the sealed segments below the first undecided transaction, and their replacement.
  struct Cleanable {
    std::vector<std::shared_ptr<Segment>> segments;
    Offset end = 0;     // of the last of them
    Offset synced = 0;  // below it everything is on disk
  };
  Cleanable cleanable() const;
  std::vector<std::shared_ptr<Segment>> cleanable_segments() const { return cleanable().segments; }
  Result<std::vector<AbortedTransaction>> aborted_transactions() const;
  struct LastBatch {
    Offset last_offset;  // -1: none of this epoch
    ProducerEpoch epoch;
  };
  std::map<ProducerId, LastBatch> last_batches() const;
  // False if some of `old` are gone; nothing is replaced then.
  Result<bool> replace(const std::vector<std::shared_ptr<Segment>>& old, std::shared_ptr<Segment> cleaned);
  LogDirectory& logs() const { return logs_; }
  // Deleted: no append or read succeeds any more (UNKNOWN_TOPIC_OR_PARTITION).
  void mark_deleted();
  bool is_deleted() const { return deleted_.load(std::memory_order_acquire); }

 private:
  PartitionLog(LogDirectory& logs, Options options);
  struct Position {
    std::shared_ptr<Segment> segment;
    std::uint64_t position = 0;
    std::uint64_t size = 0;
    bool exact = false;
    Offset next_base = INT64_MAX;  // of the segment after it
  };
  Result<AppendedBatch> write(const RecordBatchView& batch, std::optional<EndTransactionMarker> marker);
  Result<> swap_in(const std::vector<std::shared_ptr<Segment>>& old, Segment& cleaned);
  Result<> check_open() const;
  Result<> check_size(std::size_t size) const;
  Result<> check_from_outside(const RecordBatchView& batch) const;
  Result<> sync_before_roll();
  Result<> roll_locked(Offset base_offset);
  Result<std::shared_ptr<Segment>> make_segment(Offset base_offset);
  void notify_all();
  Position find(Offset offset) const;
  Result<> locate(Position& position, Offset offset) const;
  Result<std::shared_ptr<Bytes>> read_batches(Position& position, const ReadRequest& request, Offset limit,
                                              Offset& next);
  Offset last_stable(ProducerId except) const;
  LogOffsets offsets_locked() const;
  Result<> drop_segments_below_start();
  std::string name() const { return options_.partition.text(); }

  LogDirectory& logs_;
  Options options_;
  std::atomic<bool> deleted_{false};
  std::mutex append_mutex_;
  LeaderEpoch epoch_ = 0;
  MeterCell messages_in_, bytes_in_;  // written under append_mutex_

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Segment>> segments_;  // by base offset; the last is active
  ProducerState producers_;
  LeaderEpochs epochs_;
  Offset log_start_ = 0;
  Offset high_watermark_ = 0;
  Offset log_end_ = 0;
  Offset synced_ = 0;
  bool names_unsynced_ = true;
  std::string epochs_written_;  // what the last checkpoint wrote of epochs_
  Offset checkpointed_ = -1;  // where the log ended when the last checkpoint was done and nothing but appends followed
  MeterCell bytes_out_;       // written under mutex_
  struct Hint {               // where a sequential reader goes on
    Offset offset = -1;
    const Segment* segment = nullptr;
    std::uint64_t position = 0;
  };
  mutable std::array<Hint, 8> hints_;
  mutable std::size_t next_hint_ = 0;

  std::mutex listeners_mutex_;
  std::atomic<bool> has_listeners_{false};
  std::map<const void*, std::function<void()>> listeners_;
};

// Calls `each` for every record of the batches from the log start on, control batches too: how what is kept in a
// topic (committed offsets, transactions) is read back at a start. Errors: of `read`; CORRUPT_MESSAGE for a batch that
// does not parse or whose CRC does not fit, below the recovery point too; and the first that `each` returns.
Result<> for_each_record(PartitionLog& log,
                         const std::function<Result<>(const RecordBatchView&, const RecordView&)>& each);

}  // namespace millrace::broker
