#include "millrace/broker/groups/offsets.h"

#include "millrace/broker/kafka_fields.h"

namespace millrace::broker {

Bytes encode_offset_key(const OffsetKey& key) {
  Bytes out;
  append_big_endian<std::int16_t>(out, 1);
  append_string(out, key.group);
  append_string(out, key.partition.topic);
  append_big_endian<std::int32_t>(out, key.partition.partition);
  return out;
}

Bytes encode_offset_value(const GroupOffset& offset) {
  Bytes out;
  append_big_endian<std::int16_t>(out, 3);
  append_big_endian<std::int64_t>(out, offset.offset);
  append_big_endian<std::int32_t>(out, offset.leader_epoch);
  append_string(out, offset.metadata);
  append_big_endian<std::int64_t>(out, offset.committed.ms);
  return out;
}

Result<std::optional<OffsetKey>> decode_offset_key(BytesView bytes) {
  ByteReader in(bytes);
  auto version = in.number<std::int16_t>();
  if (in.ok() && version > 1) return std::optional<OffsetKey>();
  OffsetKey key;
  key.group = read_string(in);
  key.partition.topic = read_string(in);
  key.partition.partition = in.number<std::int32_t>();
  if (!in.ok() || version < 0) return Error(ErrorCode::corrupt_message, "damaged offset commit key");
  return std::optional(key);
}

Result<GroupOffset> decode_offset_value(BytesView bytes) {
  ByteReader in(bytes);
  auto version = in.number<std::int16_t>();
  if (in.ok() && version > 4) {
    return Error(ErrorCode::unsupported_version, "offset commit value of version " + std::to_string(version));
  }
  GroupOffset value;
  value.offset = in.number<std::int64_t>();
  if (version >= 3) value.leader_epoch = in.number<std::int32_t>();
  value.metadata = version >= 4 ? read_compact_string(in) : read_string(in);
  value.committed = {in.number<std::int64_t>()};
  if (!in.ok() || version < 0) return Error(ErrorCode::corrupt_message, "damaged offset commit value");
  return value;  // an expire timestamp (version 1) or tagged fields (version 4) may follow
}

Result<std::unique_ptr<Offsets>> Offsets::load(std::shared_ptr<PartitionLog> log, Flusher& flusher) {
  std::unique_ptr<Offsets> offsets(new Offsets(std::move(log), flusher));
  MR_TRY(offsets->load());
  return offsets;
}

Result<> Offsets::load() {
  return for_each_record(*log_, [&](const RecordBatchView& batch, const RecordView& record) -> Result<> {
    if (batch.is_control()) {
      MR_ASSIGN(auto type, decode_control(batch));
      complete(batch.producer_id(), type);
      return {};
    }
    MR_ASSIGN(auto key, decode_offset_key(record.key));
    if (!key) return {};
    std::optional<GroupOffset> value;
    if (record.has_value()) {
      MR_ASSIGN(value, decode_offset_value(record.value));
    }
    if (batch.is_transactional()) {
      pending_[batch.producer_id()].push_back({*key, value});
    } else {
      apply(*key, value);
    }
    return {};
  });
}

// Under mutex_ (or while loading).
void Offsets::apply(const OffsetKey& key, const std::optional<GroupOffset>& offset) {
  if (offset) {
    groups_[key.group][key.partition] = *offset;
    return;
  }
  auto found = groups_.find(key.group);
  if (found == groups_.end()) return;
  found->second.erase(key.partition);
  if (found->second.empty()) groups_.erase(found);
}

Result<RecordBatchBuilder> Offsets::encode(const std::string& group, const GroupOffsets& offsets) const {
  RecordBatchBuilder builder;
  for (const auto& [partition, offset] : offsets) {
    if (offset.metadata.size() > metadata_size_max) {
      return Error(ErrorCode::offset_metadata_too_large, "group " + group + ", " + partition.text() + ": metadata of " +
                                                             std::to_string(offset.metadata.size()) +
                                                             " bytes, at most 4096 are allowed");
    }
    builder.append(offset.committed, encode_offset_key({group, partition}), encode_offset_value(offset));
  }
  return builder;
}

Result<> Offsets::commit(const std::string& group, const GroupOffsets& offsets) {
  if (offsets.empty()) return {};
  MR_ASSIGN(auto batch, encode(group, offsets));
  {
    // Held over the append, so that what is visible and what recovery will read have one order.
    std::lock_guard lock(mutex_);
    MR_TRY(log_->append(batch, {}));
    for (const auto& [partition, offset] : offsets) apply({group, partition}, offset);
  }
  return sync();
}

Result<> Offsets::add_to_transaction(const std::string& group, const GroupOffsets& offsets,
                                     const PartitionLog::Producer& producer) {
  if (offsets.empty()) return {};
  MR_ASSIGN(auto batch, encode(group, offsets));
  std::lock_guard lock(mutex_);
  MR_TRY(log_->append(batch, producer));
  auto& pending = pending_[producer.id];
  for (const auto& [partition, offset] : offsets) pending.push_back({{group, partition}, offset});
  return {};
}

void Offsets::complete(ProducerId id, ControlType type) {
  std::lock_guard lock(mutex_);
  auto found = pending_.find(id);
  if (found == pending_.end()) return;
  if (type == ControlType::commit) {
    for (const auto& [key, offset] : found->second) apply(key, offset);
  }
  pending_.erase(found);
}

GroupOffsets Offsets::of_group(const std::string& group) const {
  std::lock_guard lock(mutex_);
  auto found = groups_.find(group);
  return found == groups_.end() ? GroupOffsets() : found->second;
}

GroupOffsets Offsets::of_group(const std::string& group, const std::vector<TopicPartition>& partitions) const {
  GroupOffsets wanted;
  std::lock_guard lock(mutex_);
  auto found = groups_.find(group);
  if (found == groups_.end()) return wanted;
  for (const auto& partition : partitions)
    if (auto offset = found->second.find(partition); offset != found->second.end()) wanted.insert(*offset);
  return wanted;
}

std::vector<std::string> Offsets::groups() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, offsets] : groups_) names.push_back(name);
  return names;
}

Result<> Offsets::remove_group(const std::string& group) {
  {
    std::lock_guard lock(mutex_);
    auto found = groups_.find(group);
    if (found == groups_.end()) return Error(ErrorCode::group_id_not_found, "there is no group " + group);
    std::vector<OffsetKey> keys;
    for (const auto& [partition, offset] : found->second) keys.push_back({group, partition});
    MR_TRY(remove(keys));
  }
  return sync();
}

Result<> Offsets::remove_topic(const std::string& topic) {
  {
    std::lock_guard lock(mutex_);
    std::vector<OffsetKey> keys;
    for (const auto& [group, offsets] : groups_)
      for (const auto& [partition, offset] : offsets)
        if (partition.topic == topic) keys.push_back({group, partition});
    if (keys.empty()) return {};
    MR_TRY(remove(keys));
  }
  return sync();
}

// Under mutex_.
Result<> Offsets::remove(const std::vector<OffsetKey>& keys) {
  RecordBatchBuilder builder;
  auto now = log_->logs().env().clock().now();
  for (const auto& key : keys) builder.append(now, encode_offset_key(key), BytesView());
  MR_TRY(log_->append(builder, {}));
  for (const auto& key : keys) apply(key, std::nullopt);
  return {};
}

Result<> Offsets::sync() {
  if (log_->logs().flush_mode() == FlushMode::os) return {};
  return flusher_.sync({log_});
}

}  // namespace millrace::broker
