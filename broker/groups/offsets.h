// The offsets that consumer groups have committed, kept in the compacted topic __consumer_offsets in Kafka's record
// formats.
//
// Key: OffsetCommitKey version 1 (group, topic, partition); value: OffsetCommitValue version 3 (offset, leader epoch,
// metadata, commit timestamp), read from version 0 on; null: deleted. (docs/formats/consumer_offsets.md) Offsets of a
// transaction are written as its records and become visible with its commit marker in this log (KIP-447).
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/base/record_batch.h"
#include "millrace/base/result.h"
#include "millrace/broker/log/flusher.h"
#include "millrace/broker/log/partition_log.h"

namespace millrace::broker {

struct GroupOffset {
  Offset offset = 0;
  LeaderEpoch leader_epoch = -1;
  std::string metadata;
  Timestamp committed{-1};
};
using GroupOffsets = std::map<TopicPartition, GroupOffset>;

struct OffsetKey {
  std::string group;
  TopicPartition partition;
  friend auto operator<=>(const OffsetKey&, const OffsetKey&) = default;
};
Bytes encode_offset_key(const OffsetKey& key);
Bytes encode_offset_value(const GroupOffset& offset);
// None: another kind of record that this topic may hold (group metadata). Errors: CORRUPT_MESSAGE.
Result<std::optional<OffsetKey>> decode_offset_key(BytesView bytes);
// Errors: CORRUPT_MESSAGE, UNSUPPORTED_VERSION.
Result<GroupOffset> decode_offset_value(BytesView bytes);

// Threads: any.
class Offsets {
 public:
  static constexpr std::size_t metadata_size_max = 4096;

  // Reads the whole log.
  static Result<std::unique_ptr<Offsets>> load(std::shared_ptr<PartitionLog> log, Flusher& flusher);

  // Durable (at flush=group) and visible when it returns. Error: OFFSET_METADATA_TOO_LARGE, KAFKA_STORAGE_ERROR.
  Result<> commit(const std::string& group, const GroupOffsets& offsets);
  // Appends them as part of this producer's transaction.
  Result<> add_to_transaction(const std::string& group, const GroupOffsets& offsets,
                              const PartitionLog::Producer& producer);
  // The transaction's marker stands in the log: its offsets become visible, or go.
  void complete(ProducerId id, ControlType type);

  // Visible offsets of a group, by partition; empty if it has none.
  GroupOffsets of_group(const std::string& group) const;
  // Of those, the ones of `partitions`, as they stood at one time.
  GroupOffsets of_group(const std::string& group, const std::vector<TopicPartition>& partitions) const;
  std::vector<std::string> groups() const;
  // Writes tombstones. Error: GROUP_ID_NOT_FOUND.
  Result<> remove_group(const std::string& group);
  // The same for what all groups have committed of a topic that was deleted, as Kafka does: a new topic of that name
  // has other records.
  Result<> remove_topic(const std::string& topic);

 private:
  Offsets(std::shared_ptr<PartitionLog> log, Flusher& flusher) : log_(std::move(log)), flusher_(flusher) {}
  Result<> load();
  Result<RecordBatchBuilder> encode(const std::string& group, const GroupOffsets& offsets) const;
  void apply(const OffsetKey& key, const std::optional<GroupOffset>& offset);
  Result<> remove(const std::vector<OffsetKey>& keys);
  Result<> sync();

  std::shared_ptr<PartitionLog> log_;
  Flusher& flusher_;
  mutable std::mutex mutex_;
  std::map<std::string, GroupOffsets> groups_;
  std::map<ProducerId, std::vector<std::pair<OffsetKey, std::optional<GroupOffset>>>> pending_;
};

}  // namespace millrace::broker
