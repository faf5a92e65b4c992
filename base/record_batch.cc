#include "millrace/base/record_batch.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "millrace/base/crc32c.h"

namespace millrace {
namespace {

constexpr std::int16_t log_append_time_bit = 8;
constexpr std::int16_t transactional_bit = 16;
constexpr std::int16_t control_bit = 32;
constexpr std::int16_t delete_horizon_bit = 64;

constexpr std::size_t crc_at = 17;
constexpr std::size_t attributes_at = 21;
constexpr std::size_t record_size_min = 7;  // length, attributes, two deltas, two lengths, header count

void write_crc(char* batch, std::size_t size) {
  to_big_endian(crc32c(BytesView(batch + attributes_at, size - attributes_at)), batch + crc_at);
}

std::int32_t add_sequence(std::int32_t sequence, std::int32_t delta) {
  std::int64_t sum = std::int64_t{sequence} + delta;
  constexpr std::int64_t span = std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1;
  return static_cast<std::int32_t>(sum >= span ? sum - span : sum);
}

struct BatchHeader {
  std::size_t size;
  std::int16_t attributes;
  std::int32_t last_offset_delta;
  std::int64_t base_timestamp, max_timestamp;
  std::int32_t count;
};

void write_header(char* to, const BatchHeader& h, const RecordBatchBuilder::Stamp& stamp) {
  to_big_endian<std::int64_t>(stamp.base_offset, to);
  to_big_endian(static_cast<std::int32_t>(h.size - batch_prefix_size), to + 8);
  to_big_endian<std::int32_t>(stamp.leader_epoch, to + 12);
  to[16] = 2;
  to_big_endian(h.attributes, to + attributes_at);
  to_big_endian(h.last_offset_delta, to + 23);
  to_big_endian(h.base_timestamp, to + 27);
  to_big_endian(h.max_timestamp, to + 35);
  to_big_endian<std::int64_t>(stamp.producer_id, to + 43);
  to_big_endian<std::int16_t>(stamp.producer_epoch, to + 51);
  to_big_endian<std::int32_t>(stamp.base_sequence, to + 53);
  to_big_endian(h.count, to + 57);
  write_crc(to, h.size);
}

char* write_bytes(char* at, BytesView bytes) {
  if (bytes.data() == nullptr) {
    *at++ = 1;  // -1, zig-zag
    return at;
  }
  at = write_varint(at, static_cast<std::int64_t>(bytes.size()));
  std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

std::size_t size_of_length(BytesView bytes) {
  return bytes.data() == nullptr ? 1 : static_cast<std::size_t>(varint_size(static_cast<std::int64_t>(bytes.size())));
}

}  // namespace

// ---------------------------------------------------------------- RecordBatchView

Result<RecordBatchView> RecordBatchView::parse(BytesView bytes) {
  auto corrupt = [](std::string why) { return Error(ErrorCode::corrupt_message, "record batch: " + std::move(why)); };
  if (bytes.size() < batch_prefix_size) return corrupt(std::to_string(bytes.size()) + " bytes are too few");
  auto length = from_big_endian<std::int32_t>(bytes.data() + 8);
  if (length < static_cast<std::int32_t>(batch_header_size - batch_prefix_size)) {
    return corrupt("length " + std::to_string(length) + " is less than a header");
  }
  std::size_t size = batch_prefix_size + static_cast<std::size_t>(length);
  if (size > bytes.size()) {
    return corrupt("length " + std::to_string(length) + " needs " + std::to_string(size) + " bytes, there are " +
                   std::to_string(bytes.size()));
  }
  if (int magic = static_cast<std::uint8_t>(bytes[16]); magic != 2) {
    return Error(ErrorCode::unsupported_version,
                 "record batch: magic " + std::to_string(magic) + ", only version 2 (Kafka 0.11 and later) is read");
  }
  RecordBatchView batch;
  batch.bytes_ = bytes.substr(0, size);
  auto count = batch.count();
  if (count < 0 || batch.last_offset_delta() < 0 || batch.base_offset() < 0 ||
      batch.base_offset() > std::numeric_limits<std::int64_t>::max() - batch.last_offset_delta()) {
    return corrupt("count " + std::to_string(count) + ", base offset " + std::to_string(batch.base_offset()) +
                   ", last offset delta " + std::to_string(batch.last_offset_delta()));
  }
  if (count > batch.last_offset_delta() + std::int64_t{1}) {
    return corrupt("count " + std::to_string(count) + " with last offset delta " +
                   std::to_string(batch.last_offset_delta()));
  }
  if (batch.compression() == Compression::none &&
      static_cast<std::size_t>(count) > (size - batch_header_size) / record_size_min) {
    return corrupt("count " + std::to_string(count) + " in " + std::to_string(size) + " bytes");
  }
  return batch;
}

std::size_t RecordBatchView::size_at(BytesView bytes) {
  if (bytes.size() < batch_prefix_size) return 0;
  auto length = from_big_endian<std::int32_t>(bytes.data() + 8);
  return length < 0 ? 0 : batch_prefix_size + static_cast<std::size_t>(length);
}

std::int32_t RecordBatchView::last_sequence() const {
  return base_sequence() < 0 ? -1 : add_sequence(base_sequence(), last_offset_delta());
}

std::optional<Timestamp> RecordBatchView::delete_horizon() const {
  if (!(attributes() & delete_horizon_bit)) return std::nullopt;
  return base_timestamp();
}

bool RecordBatchView::crc_matches() const { return crc32c(bytes_.substr(attributes_at)) == crc(); }

// ---------------------------------------------------------------- RecordReader

RecordReader::RecordReader(const RecordBatchView& batch, Bytes& scratch)
    : base_offset_(batch.base_offset()),
      base_timestamp_(batch.base_timestamp().ms),
      left_(batch.count()),
      count_(batch.count()),
      log_append_time_(batch.is_log_append_time()),
      append_time_(batch.max_timestamp().ms) {
  BytesView records = batch.bytes().substr(batch_header_size);
  if (batch.compression() != Compression::none && count_ > 0) {
    if (auto result = decompress(batch.compression(), records, scratch); !result) {
      error_ = std::move(result).error().in("record batch at offset " + std::to_string(base_offset_));
      left_ = 0;
      return;
    }
    records = scratch;
  }
  at_ = records.data();
  end_ = at_ + records.size();
}

bool RecordReader::read_long(const char*& at, const char* end, std::int64_t& n) {
  ByteReader reader(BytesView(at, static_cast<std::size_t>(end - at)));
  n = reader.varint();
  at = reader.position();
  return reader.ok();
}

bool RecordReader::finish() {
  if (at_ != end_ && !error_) return fail("bytes follow it that belong to no record");
  return false;
}

bool RecordReader::fail(const char* why) {
  if (!error_) {
    error_ = Error(ErrorCode::corrupt_message, "record batch at offset " + std::to_string(base_offset_) + ", record " +
                                                   std::to_string(count_ - left_) + " of " + std::to_string(count_) +
                                                   ": " + why);
  }
  left_ = 0;
  at_ = end_;
  return false;
}

Result<Headers> decode_headers(const RecordView& record) {
  Headers headers;
  ByteReader reader(record.headers);
  for (std::int32_t i = 0; i < record.header_count && reader.ok(); ++i) {
    BytesView name = reader.slice(reader.varint());
    std::int64_t size = reader.varint();
    if (size < 0) {
      headers.push_back({std::string(name), std::nullopt});
    } else {
      headers.push_back({std::string(name), Bytes(reader.slice(size))});
    }
  }
  if (!reader.ok() || reader.remaining() > 0) {
    return Error(ErrorCode::corrupt_message, "record at offset " + std::to_string(record.offset) + ": damaged headers");
  }
  return headers;
}

// ---------------------------------------------------------------- RecordBatchBuilder

void RecordBatchBuilder::grow(std::size_t size) {
  std::size_t capacity = std::max({size, capacity_ * 2, std::size_t{4096}});
  std::unique_ptr<char[]> buffer(new char[capacity]);  // not make_unique, which fills it
  if (buffer_) std::memcpy(buffer.get(), buffer_.get(), size_);
  buffer_ = std::move(buffer);
  capacity_ = capacity;
}

void RecordBatchBuilder::append_encoded(std::int32_t offset_delta, Timestamp timestamp, BytesView key, BytesView value,
                                        BytesView headers, std::int32_t header_count) {
  if (count_ == 0) {
    if (!base_is_set_) base_timestamp_ = timestamp.ms;
    max_timestamp_ = timestamp.ms;
  } else if (timestamp.ms > max_timestamp_) {
    max_timestamp_ = timestamp.ms;
  }
  const std::int64_t timestamp_delta = wrapped_difference(timestamp.ms, base_timestamp_);
  std::size_t size =
      1 +
      static_cast<std::size_t>(varint_size(timestamp_delta) + varint_size(offset_delta) + varint_size(header_count)) +
      size_of_length(key) + key.size() + size_of_length(value) + value.size() + headers.size();
  if (size_ + size + 10 > capacity_) grow(size_ + size + 10);
  char* at = write_varint(buffer_.get() + size_, static_cast<std::int64_t>(size));
  *at++ = 0;  // attributes
  at = write_varint(at, timestamp_delta);
  at = write_varint(at, offset_delta);
  at = write_bytes(at, key);
  at = write_bytes(at, value);
  at = write_varint(at, header_count);
  if (!headers.empty()) {
    std::memcpy(at, headers.data(), headers.size());
    at += headers.size();
  }
  size_ = static_cast<std::size_t>(at - buffer_.get());
  last_offset_delta_ = offset_delta;
  ++count_;
}

void RecordBatchBuilder::append_with_headers(Timestamp timestamp, BytesView key, BytesView value,
                                             const Headers& headers) {
  headers_.clear();
  for (const auto& header : headers) {
    append_varint(headers_, static_cast<std::int64_t>(header.name.size()));
    headers_ += header.name;
    append_varint(headers_, header.value ? static_cast<std::int64_t>(header.value->size()) : -1);
    if (header.value) headers_ += *header.value;
  }
  append_encoded(last_offset_delta_ + 1, timestamp, key, value, headers_, static_cast<std::int32_t>(headers.size()));
}

BytesView RecordBatchBuilder::seal(const Stamp& stamp, Compression compression) {
  MR_ASSERT(count_ > 0, "a batch needs a record");
  std::int16_t attributes = static_cast<std::int16_t>(compression);
  if (stamp.transactional) attributes |= transactional_bit;
  if (stamp.control) attributes |= control_bit;
  if (stamp.delete_horizon) attributes |= delete_horizon_bit;
  if (stamp.log_append_time) attributes |= log_append_time_bit;
  BatchHeader header{size_,
                     attributes,
                     stamp.last_offset_delta < 0 ? last_offset_delta_ : stamp.last_offset_delta,
                     base_timestamp_,
                     stamp.log_append_time ? stamp.log_append_time->ms : max_timestamp_,
                     count_};
  if (compression == Compression::none) {
    write_header(buffer_.get(), header, stamp);
    return {buffer_.get(), size_};
  }
  compressed_.assign(batch_header_size, '\0');
  compress(compression, BytesView(buffer_.get() + batch_header_size, size_ - batch_header_size), compressed_);
  header.size = compressed_.size();
  write_header(compressed_.data(), header, stamp);
  return compressed_;
}

// ---------------------------------------------------------------- in place

void assign_offsets(char* batch, Offset base_offset, LeaderEpoch leader_epoch) {
  to_big_endian<std::int64_t>(base_offset, batch);
  to_big_endian<std::int32_t>(leader_epoch, batch + 12);
}

void assign_producer(char* batch, std::size_t size, ProducerId id, ProducerEpoch epoch, std::int32_t base_sequence,
                     bool transactional) {
  auto attributes = from_big_endian<std::int16_t>(batch + attributes_at);
  attributes =
      static_cast<std::int16_t>(transactional ? attributes | transactional_bit : attributes & ~transactional_bit);
  to_big_endian(attributes, batch + attributes_at);
  to_big_endian<std::int64_t>(id, batch + 43);
  to_big_endian<std::int16_t>(epoch, batch + 51);
  to_big_endian<std::int32_t>(base_sequence, batch + 53);
  write_crc(batch, size);
}

void assign_log_append_time(char* batch, std::size_t size, Timestamp now) {
  auto attributes = from_big_endian<std::int16_t>(batch + attributes_at);
  to_big_endian(static_cast<std::int16_t>(attributes | log_append_time_bit), batch + attributes_at);
  to_big_endian<std::int64_t>(now.ms, batch + 35);
  write_crc(batch, size);
}

Bytes encode_empty_batch(const RecordBatchView& batch) {
  Bytes bytes;
  bytes.resize(batch_header_size);
  RecordBatchBuilder::Stamp stamp{batch.base_offset(), batch.leader_epoch(), batch.producer_id(),
                                  batch.producer_epoch(), batch.base_sequence()};
  constexpr std::int16_t kept = log_append_time_bit | transactional_bit | control_bit;
  write_header(bytes.data(),
               {batch_header_size, static_cast<std::int16_t>(batch.attributes() & kept), batch.last_offset_delta(), -1,
                batch.max_timestamp().ms, 0},
               stamp);
  return bytes;
}

// ---------------------------------------------------------------- transaction markers

Bytes encode_end_transaction_marker(ControlType type, ProducerId id, ProducerEpoch epoch,
                                    std::int32_t coordinator_epoch, Timestamp timestamp) {
  char key[4];
  to_big_endian<std::int16_t>(0, key);  // version
  to_big_endian(static_cast<std::int16_t>(type), key + 2);
  char value[6];
  to_big_endian<std::int16_t>(0, value);  // version
  to_big_endian(coordinator_epoch, value + 2);
  RecordBatchBuilder builder;
  builder.append(timestamp, BytesView(key, sizeof key), BytesView(value, sizeof value));
  RecordBatchBuilder::Stamp stamp;
  stamp.producer_id = id;
  stamp.producer_epoch = epoch;
  stamp.transactional = true;
  stamp.control = true;
  return Bytes(builder.seal(stamp));
}

Result<EndTransactionMarker> decode_end_transaction_marker(const RecordBatchView& batch) {
  auto corrupt = [&](std::string_view why) {
    return Error(ErrorCode::corrupt_message,
                 "batch at offset " + std::to_string(batch.base_offset()) + ": " + std::string(why));
  };
  if (!batch.is_control()) return corrupt("not a control batch");
  Bytes scratch;
  RecordReader reader(batch, scratch);
  RecordView record;
  if (!reader.next(record)) return corrupt("a control batch without a record");
  ByteReader key(record.key);
  auto version = key.number<std::int16_t>();
  auto type = key.number<std::int16_t>();
  if (!key.ok() || version < 0) return corrupt("a control record with a damaged key");
  if (type != 0 && type != 1) return corrupt("control record of type " + std::to_string(type));
  ByteReader value(record.value);
  version = value.number<std::int16_t>();
  auto coordinator_epoch = value.number<std::int32_t>();
  if (!value.ok() || version < 0) return corrupt("a control record with a damaged value");
  return EndTransactionMarker{static_cast<ControlType>(type), coordinator_epoch};
}

Result<ControlType> decode_control(const RecordBatchView& batch) {
  MR_ASSIGN(auto marker, decode_end_transaction_marker(batch));
  return marker.type;
}

}  // namespace millrace
