#include "millrace/broker/log/producer_state.h"

#include <algorithm>

#include "millrace/base/crc32c.h"

namespace millrace::broker {
namespace {

constexpr std::int16_t snapshot_version = 1;
constexpr std::size_t snapshot_entry_size = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8;

std::int32_t next_after(std::int32_t sequence) { return sequence == INT32_MAX ? 0 : sequence + 1; }

}  // namespace

std::int32_t ProducedBatch::first_sequence() const {
  std::int64_t first = std::int64_t{last_sequence} - offset_delta;
  return static_cast<std::int32_t>(first < 0 && last_sequence >= 0 ? first + INT32_MAX + 1 : first);
}

Result<std::optional<ProducedBatch>> ProducerState::check(const RecordBatchView& batch) const {
  auto found = entries_.find(batch.producer_id());
  std::optional<ProducedBatch> none;
  if (found == entries_.end()) return none;
  const auto& entry = found->second;
  auto who = [&] { return partition_ + ", producer " + std::to_string(batch.producer_id()); };
  if (batch.producer_epoch() < entry.epoch) {
    return Error(ErrorCode::invalid_producer_epoch, who() + ": epoch " + std::to_string(batch.producer_epoch()) +
                                                        " is older than " + std::to_string(entry.epoch));
  }
  if (batch.producer_epoch() > entry.epoch || entry.last() == nullptr) {
    if (batch.base_sequence() != 0 && entry.epoch != -1 && batch.producer_epoch() > entry.epoch) {
      return Error(ErrorCode::out_of_order_sequence_number,
                   who() + ": a new epoch begins with sequence 0, not " + std::to_string(batch.base_sequence()));
    }
    return none;
  }
  for (std::size_t i = 0; i < entry.batch_count; ++i) {
    const auto& kept = entry.batches[i];
    if (kept.first_sequence() == batch.base_sequence() && kept.last_sequence == batch.last_sequence()) return {kept};
  }
  std::int32_t expected = next_after(entry.last()->last_sequence);
  if (batch.base_sequence() == expected) return none;
  std::string sequences =
      ": sequence " + std::to_string(batch.base_sequence()) + ", expected " + std::to_string(expected);
  bool older = batch.last_sequence() <= entry.last()->last_sequence && batch.base_sequence() <= batch.last_sequence();
  return Error(older ? ErrorCode::duplicate_sequence_number : ErrorCode::out_of_order_sequence_number,
               who() + sequences);
}

Result<std::int32_t> ProducerState::next_sequence(ProducerId id, ProducerEpoch epoch) const {
  auto found = entries_.find(id);
  if (found == entries_.end()) return 0;
  const auto& entry = found->second;
  if (epoch < entry.epoch) {
    return Error(ErrorCode::invalid_producer_epoch, partition_ + ", producer " + std::to_string(id) + ": epoch " +
                                                        std::to_string(epoch) + " is older than " +
                                                        std::to_string(entry.epoch));
  }
  if (epoch > entry.epoch || entry.last() == nullptr) return 0;
  return next_after(entry.last()->last_sequence);
}

Result<> ProducerState::check_marker(ProducerId id, ProducerEpoch epoch, std::int32_t coordinator_epoch) const {
  auto found = entries_.find(id);
  if (found == entries_.end()) return {};
  const auto& entry = found->second;
  std::string who = partition_ + ", marker of producer " + std::to_string(id);
  if (epoch < entry.epoch) {
    return Error(ErrorCode::invalid_producer_epoch,
                 who + ": epoch " + std::to_string(epoch) + " is older than " + std::to_string(entry.epoch));
  }
  if (coordinator_epoch < entry.coordinator_epoch) {
    return Error(ErrorCode::transaction_coordinator_fenced, who + ": coordinator epoch " +
                                                                std::to_string(coordinator_epoch) + " is older than " +
                                                                std::to_string(entry.coordinator_epoch));
  }
  return {};
}

std::optional<ProducerState::Completed> ProducerState::apply(const RecordBatchView& batch,
                                                             std::optional<ControlType> marker,
                                                             std::int32_t coordinator_epoch) {
  ProducerId id = batch.producer_id();
  if (id < 0) return std::nullopt;
  auto& entry = entries_[id];
  if (batch.producer_epoch() != entry.epoch) {
    entry.epoch = batch.producer_epoch();
    entry.batch_count = 0;
  }
  entry.last_timestamp = batch.max_timestamp();
  if (marker) {
    entry.coordinator_epoch = coordinator_epoch;
    if (entry.transaction_first_offset < 0) return std::nullopt;
    Completed completed{id, entry.transaction_first_offset, batch.last_offset(), *marker};
    undecided_.erase(entry.transaction_first_offset);
    entry.transaction_first_offset = -1;
    return completed;
  }
  if (batch.is_control()) return std::nullopt;  // emptied by a compaction: it tells the epoch
  if (batch.base_sequence() >= 0) {
    if (entry.batch_count == ProducerEntry::batches_kept) {
      std::move(entry.batches.begin() + 1, entry.batches.end(), entry.batches.begin());
      --entry.batch_count;
    }
    entry.batches[entry.batch_count++] = {batch.last_sequence(), batch.last_offset(), batch.last_offset_delta(),
                                          batch.max_timestamp()};
  }
  if (batch.is_transactional() && entry.transaction_first_offset < 0) {
    entry.transaction_first_offset = batch.base_offset();
    undecided_[batch.base_offset()] = id;
  }
  return std::nullopt;
}

std::optional<Offset> ProducerState::first_undecided(ProducerId except) const {
  for (const auto& [offset, id] : undecided_) {
    if (id != except) return offset;
  }
  return std::nullopt;
}

void ProducerState::expire(Timestamp horizon) {
  std::erase_if(entries_, [&](const auto& item) {
    return item.second.transaction_first_offset < 0 && item.second.last_timestamp < horizon;
  });
}

void ProducerState::clear() {
  entries_.clear();
  undecided_.clear();
}

Bytes ProducerState::encode_snapshot() const {
  std::vector<ProducerId> ids;  // sorted: the bytes must not depend on a hash table's order
  for (const auto& [id, entry] : entries_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  Bytes bytes;
  append_big_endian(bytes, snapshot_version);
  append_big_endian<std::uint32_t>(bytes, 0);
  append_big_endian(bytes, static_cast<std::int32_t>(ids.size()));
  for (ProducerId id : ids) {
    const auto& entry = entries_.at(id);
    ProducedBatch last = entry.last() ? *entry.last() : ProducedBatch{};
    append_big_endian(bytes, id);
    append_big_endian(bytes, entry.epoch);
    append_big_endian(bytes, last.last_sequence);
    append_big_endian(bytes, last.last_offset);
    append_big_endian(bytes, last.offset_delta);
    append_big_endian(bytes, entry.last_timestamp.ms);
    append_big_endian(bytes, entry.coordinator_epoch);
    append_big_endian(bytes, entry.transaction_first_offset);
  }
  to_big_endian(crc32c(BytesView(bytes).substr(6)), bytes.data() + 2);
  return bytes;
}

Result<> ProducerState::load_snapshot(BytesView bytes) {
  clear();
  ByteReader reader(bytes);
  auto version = reader.number<std::int16_t>();
  auto crc = reader.number<std::uint32_t>();
  if (reader.ok() && version != snapshot_version) {
    return Error(ErrorCode::unsupported_version, "producer snapshot of version " + std::to_string(version));
  }
  if (!reader.ok() || crc32c(bytes.substr(6)) != crc) {
    return Error(ErrorCode::corrupt_message, "producer snapshot: CRC does not fit");
  }
  auto count = reader.number<std::int32_t>();
  if (count < 0 || reader.remaining() != static_cast<std::size_t>(count) * snapshot_entry_size) {
    return Error(ErrorCode::corrupt_message, "producer snapshot: " + std::to_string(count) + " entries in " +
                                                 std::to_string(bytes.size()) + " bytes");
  }
  for (std::int32_t i = 0; i < count; ++i) {
    auto id = reader.number<std::int64_t>();
    ProducerEntry entry;
    ProducedBatch last;
    entry.epoch = reader.number<std::int16_t>();
    last.last_sequence = reader.number<std::int32_t>();
    last.last_offset = reader.number<std::int64_t>();
    last.offset_delta = reader.number<std::int32_t>();
    last.timestamp = entry.last_timestamp = {reader.number<std::int64_t>()};
    entry.coordinator_epoch = reader.number<std::int32_t>();
    entry.transaction_first_offset = reader.number<std::int64_t>();
    if (last.last_offset >= 0 && last.last_sequence >= 0) entry.batches[entry.batch_count++] = last;
    if (entry.transaction_first_offset >= 0) undecided_[entry.transaction_first_offset] = id;
    entries_[id] = entry;
  }
  return {};
}

}  // namespace millrace::broker
