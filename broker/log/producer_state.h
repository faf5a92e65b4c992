// What a partition knows of the producers that wrote to it: epoch, last sequences, open transaction.
//
// It is a function of the log: recovery loads the latest snapshot and applies the batches after it. Snapshots are
// Kafka's
// (<offset>.snapshot: version i16, CRC-32C u32 of what follows, entries; docs/formats/producer_snapshot.md).
// Source: KIP-98, KIP-360, KIP-890; Kafka's ProducerStateManager.
#pragma once
#include <array>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "millrace/base/record_batch.h"
#include "millrace/base/result.h"
#include "millrace/broker/log/segment.h"

namespace millrace::broker {

// One batch that a producer appended, as remembered to recognise a repetition.
struct ProducedBatch {
  std::int32_t last_sequence = -1;
  Offset last_offset = -1;
  std::int32_t offset_delta = 0;
  Timestamp timestamp{-1};
  Offset first_offset() const { return last_offset - offset_delta; }
  std::int32_t first_sequence() const;  // wraps as last_sequence does
};

struct ProducerEntry {
  static constexpr std::size_t batches_kept = 5;
  ProducerEpoch epoch = -1;
  std::int32_t coordinator_epoch = -1;
  Timestamp last_timestamp{-1};
  Offset transaction_first_offset = -1;  // -1: no open transaction
  std::size_t batch_count = 0;
  std::array<ProducedBatch, batches_kept> batches;  // oldest first
  const ProducedBatch* last() const { return batch_count == 0 ? nullptr : &batches[batch_count - 1]; }
};

// Threads: the log's to order.
class ProducerState {
 public:
  explicit ProducerState(std::string partition) : partition_(std::move(partition)) {}

  // Whether the log may append `batch`: nothing if it may; the batch that it repeats, if it does.
  // Errors: INVALID_PRODUCER_EPOCH (older than the one known), OUT_OF_ORDER_SEQUENCE_NUMBER (a gap),
  //         DUPLICATE_SEQUENCE_NUMBER (a repetition of something older than the last five batches).
  Result<std::optional<ProducedBatch>> check(const RecordBatchView& batch) const;
  // The sequence that the next batch of this producer must begin with. Error: INVALID_PRODUCER_EPOCH.
  Result<std::int32_t> next_sequence(ProducerId id, ProducerEpoch epoch) const;
  // Errors: INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED (a marker from an older coordinator).
  Result<> check_marker(ProducerId id, ProducerEpoch epoch, std::int32_t coordinator_epoch) const;

  // Takes in a batch that stands in the log; a marker closes its producer's transaction, which is returned.
  struct Completed {
    ProducerId producer_id;
    Offset first_offset, last_offset;
    ControlType type;
  };
  std::optional<Completed> apply(const RecordBatchView& batch, std::optional<ControlType> marker,
                                 std::int32_t coordinator_epoch);

  // First offset of the oldest open transaction, leaving `except` out.
  std::optional<Offset> first_undecided(ProducerId except = -1) const;
  // Open transactions by first offset.
  const std::map<Offset, ProducerId>& undecided() const { return undecided_; }
  const std::unordered_map<ProducerId, ProducerEntry>& entries() const { return entries_; }
  // Forgets producers without an open transaction that were last heard of before `horizon`.
  void expire(Timestamp horizon);
  void clear();

  Bytes encode_snapshot() const;
  // Replaces the state. Errors: CORRUPT_MESSAGE, UNSUPPORTED_VERSION: take an older one, or read the log from its
  // start.
  Result<> load_snapshot(BytesView bytes);

 private:
  std::string partition_;
  std::unordered_map<ProducerId, ProducerEntry> entries_;
  std::map<Offset, ProducerId> undecided_;
};

}  // namespace millrace::broker
