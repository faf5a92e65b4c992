// Kafka's record batch, format v2 (KIP-98): building, reading as views, verifying, compressing.
//
// It stands in base/ because both ends need it: the log stores batches as they come, and a task reads its input and
// writes its output as whole batches. (Layout: docs/formats/record_batch.md.)
//
//   baseOffset i64 | batchLength i32 | partitionLeaderEpoch i32 | magic i8 = 2 | crc u32 (CRC-32C of what follows) |
//   attributes i16 | lastOffsetDelta i32 | baseTimestamp i64 | maxTimestamp i64 | producerId i64 | producerEpoch i16 |
//   baseSequence i32 | count i32 | records record: length varint | attributes i8 | timestampDelta | offsetDelta |
//   keyLength | key | valueLength | value | headerCount | headers
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "millrace/base/bytes.h"
#include "millrace/base/compression.h"
#include "millrace/base/result.h"
#include "millrace/base/types.h"

namespace millrace {

// The bytes of a batch before its records.
inline constexpr std::size_t batch_header_size = 61;
// Bytes before batchLength starts to count: baseOffset and batchLength itself.
inline constexpr std::size_t batch_prefix_size = 12;

// One record, as views into its batch. A null key or value has a null data() (an empty one has not).
struct RecordView {
  Offset offset = 0;
  Timestamp timestamp;
  BytesView key;
  BytesView value;
  BytesView headers;  // encoded, header_count of them; see decode_headers
  std::int32_t header_count = 0;
  bool has_key() const { return key.data() != nullptr; }
  bool has_value() const { return value.data() != nullptr; }
};
// Error: CORRUPT_MESSAGE.
Result<Headers> decode_headers(const RecordView& record);

// A whole batch, as a view. Cheap to copy; valid as long as the bytes are.
class RecordBatchView {
 public:
  RecordBatchView() = default;
  // Looks at lengths and magic only. `bytes` starts at a batch and may go on after it; bytes() is cut to this batch.
  // Errors: CORRUPT_MESSAGE (too short, negative or impossible lengths, counts), UNSUPPORTED_VERSION (magic not 2).
  static Result<RecordBatchView> parse(BytesView bytes);
  // The size of the batch at the front of `bytes` (12 + batchLength) if its first 12 bytes are there, else 0. Checks
  // nothing else.
  static std::size_t size_at(BytesView bytes);

  BytesView bytes() const { return bytes_; }
  Offset base_offset() const { return from_big_endian<std::int64_t>(at(0)); }
  Offset last_offset() const { return base_offset() + last_offset_delta(); }
  LeaderEpoch leader_epoch() const { return from_big_endian<std::int32_t>(at(12)); }
  std::uint32_t crc() const { return from_big_endian<std::uint32_t>(at(17)); }
  std::int16_t attributes() const { return from_big_endian<std::int16_t>(at(21)); }
  std::int32_t last_offset_delta() const { return from_big_endian<std::int32_t>(at(23)); }
  Timestamp base_timestamp() const { return {from_big_endian<std::int64_t>(at(27))}; }
  Timestamp max_timestamp() const { return {from_big_endian<std::int64_t>(at(35))}; }
  ProducerId producer_id() const { return from_big_endian<std::int64_t>(at(43)); }
  ProducerEpoch producer_epoch() const { return from_big_endian<std::int16_t>(at(51)); }
  std::int32_t base_sequence() const { return from_big_endian<std::int32_t>(at(53)); }
  std::int32_t last_sequence() const;  // wraps from 2^31-1 to 0
  std::int32_t count() const { return from_big_endian<std::int32_t>(at(57)); }
  Compression compression() const { return static_cast<Compression>(attributes() & 7); }
  bool is_log_append_time() const { return attributes() & 8; }
  bool is_transactional() const { return attributes() & 16; }
  bool is_control() const { return attributes() & 32; }
  std::optional<Timestamp> delete_horizon() const;  // attribute bit 6: the base timestamp is the delete horizon
  // Whether the CRC fits.
  bool crc_matches() const;

 private:
  const char* at(std::size_t i) const { return bytes_.data() + i; }
  BytesView bytes_;
};

// Reads a batch's records in order; decompresses into `scratch` (given by the caller, reused; views point into it) if
// it must.
//   RecordReader reader(batch, scratch); RecordView record;
//   while (reader.next(record)) …;  MR_TRY(reader.status());
class RecordReader {
 public:
  RecordReader(const RecordBatchView& batch, Bytes& scratch);
  // False at the end, or when the bytes do not fit: status() tells which. Inline, for the record path.
  bool next(RecordView& record) {
    if (left_ == 0) return finish();
    const char* at = at_;
    std::int64_t size, timestamp_delta, offset_delta, key_size, value_size, header_count;
    if (!read(at, end_, size)) return fail("its length is cut short");
    if (size < 6 || size > end_ - at) return fail("its length does not fit into the batch");
    const char* end = at + size;
    ++at;  // attributes: none are defined
    if (!read(at, end, timestamp_delta) || !read(at, end, offset_delta)) return fail("its deltas are cut short");
    if (!read(at, end, key_size) || key_size > end - at) return fail("its key does not fit into it");
    record.key = take(at, key_size);
    if (!read(at, end, value_size) || value_size > end - at) return fail("its value does not fit into it");
    record.value = take(at, value_size);
    if (!read(at, end, header_count) || header_count < 0 || header_count > end - at) {
      return fail("its headers do not fit into it");
    }
    if (header_count == 0 && at != end) return fail("it holds more than its fields");
    record.offset = wrapped_sum(base_offset_, offset_delta);
    record.timestamp.ms = log_append_time_ ? append_time_ : wrapped_sum(base_timestamp_, timestamp_delta);
    record.headers = BytesView(at, static_cast<std::size_t>(end - at));
    record.header_count = static_cast<std::int32_t>(header_count);
    at_ = end;
    --left_;
    return true;
  }
  // Error: CORRUPT_MESSAGE with the record's number; UNSUPPORTED_COMPRESSION_TYPE.
  Result<> status() const {
    if (error_) return *error_;
    return {};
  }

 private:
  // A zig-zag varint: one byte for most fields, two for lengths up to 8191, else the loop.
  static bool read(const char*& at, const char* end, std::int64_t& n) {
    if (at == end) [[unlikely]]
      return false;
    auto first = static_cast<std::uint8_t>(*at);
    if (first < 0x80) [[likely]] {
      ++at;
      n = static_cast<std::int64_t>(first >> 1) ^ -static_cast<std::int64_t>(first & 1);
      return true;
    }
    if (end - at >= 2 && static_cast<std::uint8_t>(at[1]) < 0x80) [[likely]] {
      std::uint32_t z = (first & 0x7fu) | static_cast<std::uint32_t>(static_cast<std::uint8_t>(at[1])) << 7;
      at += 2;
      n = static_cast<std::int64_t>(z >> 1) ^ -static_cast<std::int64_t>(z & 1);
      return true;
    }
    return read_long(at, end, n);
  }
  static bool read_long(const char*& at, const char* end, std::int64_t& n);
  static BytesView take(const char*& at, std::int64_t size) {
    if (size < 0) return {};
    BytesView slice(at, static_cast<std::size_t>(size));
    at += size;
    return slice;
  }
  bool finish();
  bool fail(const char* why);

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  Offset base_offset_ = 0;
  std::int64_t base_timestamp_ = 0;
  std::int32_t left_ = 0;
  std::int32_t count_ = 0;
  bool log_append_time_ = false;
  std::int64_t append_time_ = 0;
  std::optional<Error> error_;
};

// Encodes records into a batch. Reusable: clear() keeps the memory. One thread. Movable; a moved-from one is empty.
//
// Records are encoded straight into the batch's buffer, after one check of its capacity; nothing is copied again unless
// the batch is compressed. The buffer is raw memory and not a string, which would fill it with zeroes first.
class RecordBatchBuilder {
 public:
  RecordBatchBuilder() { clear(); }
  RecordBatchBuilder(RecordBatchBuilder&& other) noexcept { swap(other); }
  RecordBatchBuilder& operator=(RecordBatchBuilder&& other) noexcept {
    swap(other);
    other.clear();
    return *this;
  }
  void clear() {
    size_ = batch_header_size;
    count_ = 0;
    last_offset_delta_ = -1;
    base_is_set_ = false;
  }
  // A null key or value is a view with a null data(). Timestamps may be in any order.
  void append(Timestamp timestamp, BytesView key, BytesView value, const Headers* headers = nullptr) {
    if (headers == nullptr || headers->empty()) {
      append_encoded(last_offset_delta_ + 1, timestamp, key, value, {}, 0);
    } else {
      append_with_headers(timestamp, key, value, *headers);
    }
  }
  // Appends a record as another batch holds it: headers encoded already, and an offset of its own, above the one
  // before. For those who rewrite batches (compaction).
  void append_encoded(std::int32_t offset_delta, Timestamp timestamp, BytesView key, BytesView value, BytesView headers,
                      std::int32_t header_count);
  // Sets what timestamps are relative to, before the first record: by default its timestamp. For those who rewrite
  // batches.
  void set_base_timestamp(Timestamp base) {
    base_timestamp_ = base.ms;
    base_is_set_ = true;
  }
  std::int32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  // Bytes so far, uncompressed, the header included.
  std::size_t size() const { return size_; }

  struct Stamp {  // what the one who appends knows
    Offset base_offset = 0;
    LeaderEpoch leader_epoch = -1;
    ProducerId producer_id = -1;
    ProducerEpoch producer_epoch = -1;
    std::int32_t base_sequence = -1;
    bool transactional = false;
    bool control = false;
    // For those who rewrite batches.
    std::int32_t last_offset_delta = -1;       // -1: that of the last record
    bool delete_horizon = false;               // the base timestamp is the delete horizon
    std::optional<Timestamp> log_append_time;  // timestamps are this one
  };
  // Writes the header and the CRC, compresses if asked, and returns the batch: valid until the next append() or
  // clear(). May be called again with another stamp. Precondition: !empty().
  BytesView seal(const Stamp& stamp, Compression compression = Compression::none);
  // The uncompressed batch as it was sealed last. Valid until the next append() or clear().
  BytesView sealed() const { return {buffer_.get(), size_}; }

 private:
  void append_with_headers(Timestamp timestamp, BytesView key, BytesView value, const Headers& headers);
  void grow(std::size_t size);
  void swap(RecordBatchBuilder& other) noexcept {
    std::swap(buffer_, other.buffer_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(compressed_, other.compressed_);
    std::swap(headers_, other.headers_);
    std::swap(count_, other.count_);
    std::swap(last_offset_delta_, other.last_offset_delta_);
    std::swap(base_is_set_, other.base_is_set_);
    std::swap(base_timestamp_, other.base_timestamp_);
    std::swap(max_timestamp_, other.max_timestamp_);
  }

  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = batch_header_size;  // the header's bytes are written by seal()
  std::size_t capacity_ = 0;
  Bytes compressed_;
  Bytes headers_;
  std::int32_t count_ = 0;
  std::int32_t last_offset_delta_ = -1;
  bool base_is_set_ = false;
  std::int64_t base_timestamp_ = 0;
  std::int64_t max_timestamp_ = 0;
};

// Overwrites, in a sealed uncompressed or compressed batch, what the log assigns: base offset and leader epoch. Neither
// is under the CRC.
void assign_offsets(char* batch, Offset base_offset, LeaderEpoch leader_epoch);
// Overwrites producer id, epoch and sequence and computes the CRC anew.
void assign_producer(char* batch, std::size_t size, ProducerId id, ProducerEpoch epoch, std::int32_t base_sequence,
                     bool transactional);
// Marks a batch as stamped by the log (message.timestamp.type=LogAppendTime): every record's timestamp becomes `now`.
// New CRC.
void assign_log_append_time(char* batch, std::size_t size, Timestamp now);
// A batch with the header of `batch` and no records: what compaction leaves of a producer's last batch, so that its
// sequence stays known.
Bytes encode_empty_batch(const RecordBatchView& batch);

// The end of a transaction in a partition: a control batch of one record (KIP-98). type: 0 abort, 1 commit.
enum class ControlType : std::int16_t { abort = 0, commit = 1 };
Bytes encode_end_transaction_marker(ControlType type, ProducerId id, ProducerEpoch epoch,
                                    std::int32_t coordinator_epoch, Timestamp timestamp);
// The marker's type. Error: CORRUPT_MESSAGE if the batch holds none.
Result<ControlType> decode_control(const RecordBatchView& batch);
struct EndTransactionMarker {
  ControlType type;
  std::int32_t coordinator_epoch;
};
// The whole marker. Error: CORRUPT_MESSAGE if the batch holds none.
Result<EndTransactionMarker> decode_end_transaction_marker(const RecordBatchView& batch);

}  // namespace millrace
