#include "millrace/broker/transaction_record.h"

#include <map>
#include <vector>

#include "millrace/broker/kafka_fields.h"

namespace millrace::broker {
namespace {

constexpr std::int16_t client_transaction_version = 2;  // KIP-890: the epoch is bumped by every transaction

void append_tagged(Bytes& out, std::uint32_t tag, const Bytes& value) {
  append_unsigned_varint(out, tag);
  append_unsigned_varint(out, static_cast<std::uint32_t>(value.size()));
  out += value;
}
Bytes number64(std::int64_t n) {
  Bytes bytes;
  append_big_endian(bytes, n);
  return bytes;
}

void read_partitions(ByteReader& in, bool flexible, std::set<TopicPartition>& partitions) {
  auto count = [&] {
    return flexible ? static_cast<std::int64_t>(in.unsigned_varint()) - 1 : std::int64_t{in.number<std::int32_t>()};
  };
  auto topics = count();
  for (std::int64_t i = 0; i < topics && in.ok(); ++i) {
    std::string topic = flexible ? read_compact_string(in) : read_string(in);
    auto ids = count();
    for (std::int64_t j = 0; j < ids && in.ok(); ++j) partitions.insert({topic, in.number<std::int32_t>()});
    if (flexible && in.unsigned_varint() != 0) in.slice(-1);  // no tagged fields are known here
  }
}

}  // namespace

std::string_view name_of(TransactionState state) {
  constexpr std::string_view names[] = {"Empty",          "Ongoing",       "PrepareCommit", "PrepareAbort",
                                        "CompleteCommit", "CompleteAbort", "Dead",          "PrepareEpochFence"};
  auto i = static_cast<std::size_t>(state);
  return i < std::size(names) ? names[i] : "Unknown";
}

Bytes encode_transaction_key(const std::string& transactional_id) {
  Bytes out;
  append_big_endian<std::int16_t>(out, 0);
  append_string(out, transactional_id);
  return out;
}

Bytes encode_transaction_value(const TransactionRecord& record) {
  Bytes out;
  append_big_endian<std::int16_t>(out, 1);
  append_big_endian<std::int64_t>(out, record.producer_id);
  append_big_endian<std::int16_t>(out, record.producer_epoch);
  append_big_endian(out, static_cast<std::int32_t>(record.timeout.count()));
  append_big_endian(out, static_cast<std::int8_t>(record.state));
  if (record.state == TransactionState::empty) {
    append_unsigned_varint(out, 0);  // null
  } else {
    std::map<std::string, std::vector<PartitionId>> topics;
    for (const auto& p : record.partitions) topics[p.topic].push_back(p.partition);
    append_unsigned_varint(out, static_cast<std::uint32_t>(topics.size() + 1));
    for (const auto& [topic, ids] : topics) {
      append_compact_string(out, topic);
      append_unsigned_varint(out, static_cast<std::uint32_t>(ids.size() + 1));
      for (PartitionId id : ids) append_big_endian<std::int32_t>(out, id);
      append_unsigned_varint(out, 0);
    }
  }
  append_big_endian<std::int64_t>(out, record.last_update.ms);
  append_big_endian<std::int64_t>(out, record.start.ms);
  bool has_previous = record.previous_producer_id != -1, has_next = record.next_producer_id != -1;
  append_unsigned_varint(out, 1u + has_previous + has_next);
  if (has_previous) append_tagged(out, 0, number64(record.previous_producer_id));
  if (has_next) append_tagged(out, 1, number64(record.next_producer_id));
  Bytes version;
  append_big_endian(version, client_transaction_version);
  append_tagged(out, 2, version);
  return out;
}

Result<TransactionRecord> decode_transaction(BytesView key, BytesView value) {
  ByteReader key_in(key);
  auto key_version = key_in.number<std::int16_t>();
  TransactionRecord record;
  record.transactional_id = read_string(key_in);
  ByteReader in(value);
  auto version = in.number<std::int16_t>();
  if (key_in.ok() && in.ok() && (key_version > 0 || version > 1)) {
    return Error(ErrorCode::unsupported_version,
                 "transaction record of versions " + std::to_string(key_version) + " and " + std::to_string(version));
  }
  bool flexible = version >= 1;
  record.producer_id = in.number<std::int64_t>();
  record.producer_epoch = in.number<std::int16_t>();
  record.timeout = Duration(in.number<std::int32_t>());
  auto state = in.number<std::int8_t>();
  record.state = static_cast<TransactionState>(state);
  read_partitions(in, flexible, record.partitions);
  record.last_update = {in.number<std::int64_t>()};
  record.start = {in.number<std::int64_t>()};
  if (flexible) {
    auto fields = in.unsigned_varint();
    for (std::uint64_t i = 0; i < fields && in.ok(); ++i) {
      auto tag = in.unsigned_varint();
      ByteReader field(in.slice(static_cast<std::int64_t>(in.unsigned_varint())));
      if (tag == 0) record.previous_producer_id = field.number<std::int64_t>();
      if (tag == 1) record.next_producer_id = field.number<std::int64_t>();
    }
  }
  if (!key_in.ok() || !in.ok() || state < 0 || state > 7) {
    return Error(ErrorCode::corrupt_message, "damaged transaction record of " + record.transactional_id);
  }
  return record;
}

}  // namespace millrace::broker
