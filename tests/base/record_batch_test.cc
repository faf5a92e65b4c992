#include "millrace/base/record_batch.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace millrace {
namespace {

nlohmann::json vectors(const std::string& name) {
  std::ifstream in(std::string(MILLRACE_SOURCE_DIR) + "/tests/conformance/vectors/" + name);
  return nlohmann::json::parse(in);
}

Bytes from_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}
std::optional<Bytes> optional_hex(const nlohmann::json& value) {
  if (value.is_null()) return std::nullopt;
  return from_hex(value.get<std::string>());
}
std::optional<Bytes> owned(BytesView view) {
  if (view.data() == nullptr) return std::nullopt;
  return Bytes(view);
}

Bytes batch_of(int count, Compression compression, std::size_t value_size = 20) {
  RecordBatchBuilder builder;
  Bytes value(std::string(value_size, 'v'));
  for (int i = 0; i < count; ++i) builder.append({1000 + i}, "key" + std::to_string(i), value);
  return Bytes(builder.seal({}, compression));
}

Result<int> count_records(BytesView bytes) {
  MR_ASSIGN(auto batch, RecordBatchView::parse(bytes));
  Bytes scratch;
  RecordReader reader(batch, scratch);
  RecordView record;
  int count = 0;
  while (reader.next(record)) ++count;
  MR_TRY(reader.status());
  return count;
}

// Every batch that Apache Kafka wrote reads as Kafka reads it, whatever its codec.
TEST(RecordBatch, reads_every_batch_of_kafka) {
  const auto all = vectors("batches.json");
  for (const auto& want : all["batches"]) {
    SCOPED_TRACE(want["name"].get<std::string>());
    Bytes bytes = from_hex(want["hex"]);
    auto parsed = RecordBatchView::parse(bytes);
    ASSERT_TRUE(parsed) << parsed.error().text();
    const auto& batch = *parsed;
    EXPECT_EQ(batch.bytes().size(), want["size"]);
    EXPECT_TRUE(batch.crc_matches());
    EXPECT_EQ(batch.crc(), want["crc"]);
    EXPECT_EQ(batch.base_offset(), want["base_offset"]);
    EXPECT_EQ(batch.last_offset(), want["last_offset"]);
    EXPECT_EQ(batch.leader_epoch(), want["partition_leader_epoch"]);
    EXPECT_EQ(name_of(batch.compression()), want["compression"].get<std::string>());
    EXPECT_EQ(batch.is_log_append_time(), want["timestamp_type"] == "LogAppendTime");
    EXPECT_EQ(batch.is_transactional(), want["transactional"]);
    EXPECT_EQ(batch.is_control(), want["control"]);
    EXPECT_EQ(batch.base_timestamp().ms, want["base_timestamp"]);
    EXPECT_EQ(batch.max_timestamp().ms, want["max_timestamp"]);
    EXPECT_EQ(batch.producer_id(), want["producer_id"]);
    EXPECT_EQ(batch.producer_epoch(), want["producer_epoch"]);
    EXPECT_EQ(batch.base_sequence(), want["base_sequence"]);
    EXPECT_EQ(batch.count(), want["count"]);
    Bytes scratch;
    RecordReader reader(batch, scratch);
    RecordView record;
    for (const auto& r : want["records"]) {
      ASSERT_TRUE(reader.next(record)) << (reader.status() ? "too few" : reader.status().error().text());
      EXPECT_EQ(record.offset, r["offset"]);
      EXPECT_EQ(record.timestamp.ms, r["timestamp"]);
      EXPECT_EQ(owned(record.key), optional_hex(r["key_hex"]));
      EXPECT_EQ(owned(record.value), optional_hex(r["value_hex"]));
      auto headers = decode_headers(record);
      ASSERT_TRUE(headers);
      Headers expected;
      if (r.contains("headers")) {
        for (const auto& h : r["headers"]) expected.push_back({h[0], optional_hex(h[1])});
      }
      EXPECT_EQ(*headers, expected);
    }
    EXPECT_FALSE(reader.next(record));
    EXPECT_TRUE(reader.status());
    if (batch.is_control()) {
      auto type = decode_control(batch);
      ASSERT_TRUE(type);
      EXPECT_EQ(*type == ControlType::commit, want["name"].get<std::string>().find("commit") != std::string::npos);
    }
  }
}

// What Kafka wrote uncompressed, we write with the same bytes.
TEST(RecordBatch, writes_the_bytes_that_kafka_writes) {
  const auto all = vectors("batches.json");
  for (const auto& want : all["batches"]) {
    if (want["compression"] != "none") continue;
    SCOPED_TRACE(want["name"].get<std::string>());
    Bytes bytes = from_hex(want["hex"]);
    auto batch = *RecordBatchView::parse(bytes);
    Bytes plain = bytes;  // with the timestamps the records hold, not the log's
    plain[22] = static_cast<char>(plain[22] & ~8);
    auto as_created = *RecordBatchView::parse(plain);
    Bytes scratch;
    RecordReader reader(as_created, scratch);
    RecordView record;
    RecordBatchBuilder builder;
    builder.set_base_timestamp(batch.base_timestamp());
    while (reader.next(record)) {
      auto headers = *decode_headers(record);
      builder.append(record.timestamp, record.key, record.value, &headers);
    }
    RecordBatchBuilder::Stamp stamp{batch.base_offset(),    batch.leader_epoch(),  batch.producer_id(),
                                    batch.producer_epoch(), batch.base_sequence(), batch.is_transactional(),
                                    batch.is_control()};
    if (batch.is_log_append_time()) stamp.log_append_time = batch.max_timestamp();
    EXPECT_EQ(Bytes(builder.seal(stamp)), bytes);
  }
}

TEST(RecordBatch, encodes_transaction_markers_as_kafka_does) {
  const auto all = vectors("batches.json");
  for (const auto& want : all["batches"]) {
    if (!want["control"]) continue;
    SCOPED_TRACE(want["name"].get<std::string>());
    Bytes bytes = from_hex(want["hex"]);
    auto value = from_hex(want["records"][0]["value_hex"]);
    std::string name = want["name"];
    auto marker = encode_end_transaction_marker(
        name.find("commit") != std::string::npos ? ControlType::commit : ControlType::abort, want["producer_id"],
        want["producer_epoch"].get<ProducerEpoch>(), from_big_endian<std::int32_t>(value.data() + 2),
        {want["base_timestamp"].get<std::int64_t>()});
    assign_offsets(marker.data(), want["base_offset"], want["partition_leader_epoch"]);
    EXPECT_EQ(marker, bytes);
  }
}

TEST(RecordBatch, survives_its_own_compression_in_every_codec) {
  for (auto codec : {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
    SCOPED_TRACE(name_of(codec));
    Bytes bytes = batch_of(3000, codec, 100);
    EXPECT_TRUE(RecordBatchView::parse(bytes)->crc_matches());
    auto count = count_records(bytes);
    ASSERT_TRUE(count) << count.error().text();
    EXPECT_EQ(*count, 3000);
  }
}

TEST(RecordBatch, keeps_times_that_are_further_apart_than_a_delta_can_say) {
  RecordBatchBuilder builder;
  builder.append({INT64_MIN}, "k", "v");
  builder.append({INT64_MAX}, "k", "v");
  Bytes bytes(builder.seal({})), scratch;
  RecordReader reader(RecordBatchView::parse(bytes).value(), scratch);
  RecordView record;
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.timestamp.ms, INT64_MIN);
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.timestamp.ms, INT64_MAX);
}

TEST(RecordBatch, keeps_null_and_empty_apart) {
  RecordBatchBuilder builder;
  Headers headers{{"a", std::nullopt}, {"b", Bytes("")}};
  builder.append({5}, BytesView(), BytesView(""), &headers);
  auto batch = *RecordBatchView::parse(builder.seal({}));
  Bytes scratch;
  RecordReader reader(batch, scratch);
  RecordView record;
  ASSERT_TRUE(reader.next(record));
  EXPECT_FALSE(record.has_key());
  EXPECT_TRUE(record.has_value());
  EXPECT_EQ(*decode_headers(record), headers);
}

TEST(RecordBatch, a_sequence_wraps_from_the_largest_to_zero) {
  Bytes bytes = batch_of(3, Compression::none);
  assign_producer(bytes.data(), bytes.size(), 7, 1, 2147483646, false);
  auto batch = *RecordBatchView::parse(bytes);
  EXPECT_TRUE(batch.crc_matches());
  EXPECT_EQ(batch.last_sequence(), 0);
}

// A flipped bit anywhere under the CRC shows.
TEST(RecordBatch, the_crc_notices_every_flipped_byte) {
  Bytes bytes = batch_of(2, Compression::none);
  for (std::size_t i = 21; i < bytes.size(); ++i) {
    Bytes damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    auto batch = RecordBatchView::parse(damaged);
    EXPECT_TRUE(!batch || !batch->crc_matches()) << i;
  }
}

// Whatever the bytes, reading ends, within bounds (the address sanitizer watches) and without a large allocation.
TEST(RecordBatch, damaged_bytes_give_an_error_or_records_but_never_a_crash) {
  for (auto codec : {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
    Bytes bytes = batch_of(5, codec);
    for (std::size_t i = 8; i < bytes.size(); ++i) {
      for (int flip : {1, 0x80, 0xff}) {
        Bytes damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ flip);
        (void)count_records(damaged);
      }
    }
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(count_records(BytesView(bytes).substr(0, size)));
    }
  }
}

TEST(RecordBatch, an_empty_batch_keeps_offsets_and_sequence) {
  Bytes bytes = batch_of(4, Compression::none);
  assign_producer(bytes.data(), bytes.size(), 7, 1, 10, true);
  assign_offsets(bytes.data(), 100, 3);
  Bytes empty = encode_empty_batch(*RecordBatchView::parse(bytes));
  auto batch = RecordBatchView::parse(empty);
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->crc_matches());
  EXPECT_EQ(batch->count(), 0);
  EXPECT_EQ(batch->last_offset(), 103);
  EXPECT_EQ(batch->last_sequence(), 13);
  EXPECT_EQ(*count_records(empty), 0);
}

TEST(RecordBatchBuilder, a_moved_from_builder_is_empty_and_usable) {
  RecordBatchBuilder first;
  first.append({1}, "k", "v");
  RecordBatchBuilder second = std::move(first);
  EXPECT_EQ(second.count(), 1);
  // NOLINTBEGIN(bugprone-use-after-move, clang-analyzer-cplusplus.Move): that is what is tested
  EXPECT_TRUE(first.empty());
  first.append({1}, "k", "v");
  // NOLINTEND(bugprone-use-after-move, clang-analyzer-cplusplus.Move)
  EXPECT_EQ(*count_records(first.seal({})), 1);
}

}  // namespace
}  // namespace millrace
