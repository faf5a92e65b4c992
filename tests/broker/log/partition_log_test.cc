#include "millrace/broker/log/partition_log.h"

#include <gtest/gtest.h>

#include "millrace/base/sim/sim_env.h"

namespace millrace::broker {
namespace {

class PartitionLogTest : public ::testing::Test {
 protected:
  void open(std::map<std::string, std::string> configs = {}) {
    log_.reset();
    directory_.reset();
    directory_ = *LogDirectory::open(env_, "/d", FlushMode::group, [](const std::string&) {});
    PartitionLog::Options options;
    options.partition = {"t", 0};
    options.topic_id = {1, 2};
    options.directory = "/d/t-0";
    options.config = *TopicConfig::parse(configs);
    auto opened = PartitionLog::open(*directory_, options);
    ASSERT_TRUE(opened) << opened.error().text();
    log_ = *opened;
  }
  Bytes batch(int count, std::int32_t sequence = -1, Compression codec = Compression::none) {
    RecordBatchBuilder builder;
    auto now = env_.clock().now();
    for (int i = 0; i < count; ++i) builder.append(now, "key", std::string(100, 'v'));
    RecordBatchBuilder::Stamp stamp;
    if (sequence >= 0) stamp = {0, -1, 9, 0, sequence};
    return Bytes(builder.seal(stamp, codec));
  }
  ErrorCode code(Bytes bytes) {
    auto appended = log_->append_batch(bytes);
    return appended ? ErrorCode::none : appended.error().code();
  }

  sim::SimEnv env_{1};
  std::unique_ptr<LogDirectory> directory_;
  std::shared_ptr<PartitionLog> log_;
};

TEST_F(PartitionLogTest, batches_from_outside_are_checked) {
  open({{"max.message.bytes", "5000"}});
  EXPECT_EQ(code(batch(3)), ErrorCode::none);
  Bytes damaged = batch(3);
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  EXPECT_EQ(code(damaged), ErrorCode::corrupt_message);
  EXPECT_EQ(code(Bytes(batch(3) + batch(1))), ErrorCode::invalid_record);
  EXPECT_EQ(code(batch(100)), ErrorCode::message_too_large);
  EXPECT_EQ(code(encode_end_transaction_marker(ControlType::commit, 1, 1, 0, {1})), ErrorCode::invalid_record);
  EXPECT_EQ(code(Bytes("short")), ErrorCode::corrupt_message);
  RecordBatchBuilder builder;
  builder.append(env_.clock().now() + 2h, "k", "v");
  EXPECT_EQ(code(Bytes(builder.seal({}))), ErrorCode::invalid_timestamp);
  builder.clear();
  builder.append(Timestamp{INT64_MAX}, "k", "v");
  EXPECT_EQ(code(Bytes(builder.seal({}))), ErrorCode::invalid_timestamp);
  EXPECT_EQ(log_->offsets().log_end_offset, 3);
}

TEST_F(PartitionLogTest, a_compacted_topic_refuses_null_keys) {
  open({{"cleanup.policy", "compact"}});
  RecordBatchBuilder builder;
  builder.append(env_.clock().now(), BytesView(), "v");
  EXPECT_EQ(code(Bytes(builder.seal({}))), ErrorCode::invalid_record);
}

TEST_F(PartitionLogTest, a_repeated_batch_gets_its_offset_again_also_after_a_restart) {
  open();
  Bytes first = batch(2, 0), second = batch(2, 2);
  EXPECT_EQ(log_->append_batch(first)->base_offset, 0);
  EXPECT_EQ(log_->append_batch(second)->base_offset, 2);
  for (bool restart : {false, true}) {
    if (restart) open();
    Bytes again = batch(2, 2);
    auto repeated = log_->append_batch(again);
    ASSERT_TRUE(repeated);
    EXPECT_TRUE(repeated->duplicate);
    EXPECT_EQ(repeated->base_offset, 2);
    EXPECT_EQ(log_->offsets().log_end_offset, 4);
  }
  EXPECT_EQ(code(batch(1, 5)), ErrorCode::out_of_order_sequence_number);
}

TEST_F(PartitionLogTest, segments_are_rolled_by_size_and_by_time) {
  open({{"segment.bytes", "2000"}, {"segment.ms", "60000"}});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(code(batch(3)), ErrorCode::none);
  auto segments = log_->cleanable_segments().size();
  EXPECT_GE(segments, 3u);
  env_.run_for(61s);
  EXPECT_EQ(code(batch(1)), ErrorCode::none);
  EXPECT_EQ(log_->cleanable_segments().size(), segments + 1);
}

TEST_F(PartitionLogTest, an_index_whose_sync_failed_fences_and_one_that_could_not_be_written_is_written_again) {
  open();
  ASSERT_EQ(code(batch(3)), ErrorCode::none);
  env_.faults().fail("log.index.write");
  EXPECT_FALSE(log_->checkpoint());
  EXPECT_TRUE(directory_->check());
  EXPECT_TRUE(log_->checkpoint());
  EXPECT_EQ(env_.faults().passes().at("log.index.sync"), 2u);  // there is no .txnindex
  ASSERT_TRUE(log_->roll());
  env_.faults().fail("log.index.sync");
  EXPECT_FALSE(log_->checkpoint());
  EXPECT_FALSE(directory_->check());
}

TEST_F(PartitionLogTest, a_fetch_in_the_middle_of_a_batch_gives_that_batch_whole) {
  open();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(code(batch(10)), ErrorCode::none);
  auto read = log_->read({23, 1});
  ASSERT_TRUE(read);
  auto view = *RecordBatchView::parse(*read->bytes);
  EXPECT_EQ(view.base_offset(), 20);
  EXPECT_EQ(view.bytes().size(), read->bytes->size());
}

TEST_F(PartitionLogTest, every_codec_is_stored_as_it_comes) {
  open();
  for (auto codec : {Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
    Bytes bytes = batch(50, -1, codec);
    Offset offset = log_->append_batch(bytes)->base_offset;
    EXPECT_EQ(*log_->read({offset, 1})->bytes, bytes);
  }
}

TEST_F(PartitionLogTest, log_append_time_replaces_timestamps) {
  open({{"message.timestamp.type", "LogAppendTime"}});
  RecordBatchBuilder builder;
  builder.append({5}, "k", "v");
  auto appended = log_->append(builder, {});
  ASSERT_TRUE(appended);
  EXPECT_EQ(appended->log_append_time, env_.clock().now());
  auto read = log_->read({0, 1});
  ASSERT_TRUE(read);
  auto view = *RecordBatchView::parse(*read->bytes);
  EXPECT_TRUE(view.is_log_append_time());
  EXPECT_TRUE(view.crc_matches());
}

TEST_F(PartitionLogTest, truncation_takes_what_is_above_and_nothing_below) {
  open({{"segment.bytes", "2000"}});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(code(batch(2, 2 * i)), ErrorCode::none);
  ASSERT_TRUE(log_->truncate(14));
  EXPECT_EQ(log_->offsets().log_end_offset, 14);
  EXPECT_EQ(code(batch(2, 14)), ErrorCode::none);  // the producer's sequence went back, too
  open({{"segment.bytes", "2000"}});
  EXPECT_EQ(log_->offsets().log_end_offset, 16);
}

TEST_F(PartitionLogTest, retention_goes_by_the_largest_timestamp_and_by_size) {
  open({{"segment.bytes", "2000"}, {"retention.ms", "60000"}});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(code(batch(3)), ErrorCode::none);
  EXPECT_EQ(*log_->enforce_retention(), 0);
  env_.run_for(61s);
  EXPECT_GT(*log_->enforce_retention(), 0);
  EXPECT_EQ(log_->offsets().log_start_offset, 60);  // the active one was due as well
  open({{"segment.bytes", "2000"}, {"retention.bytes", "4000"}});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(code(batch(3)), ErrorCode::none);
  EXPECT_GT(*log_->enforce_retention(), 0);
  EXPECT_GT(log_->offsets().log_start_offset, 60);
  EXPECT_LT(log_->offsets().log_start_offset, 120);
  EXPECT_EQ(log_->read({60, 1}).error().code(), ErrorCode::offset_out_of_range);
}

TEST_F(PartitionLogTest, for_each_record_gives_every_record_of_every_segment_and_markers_too) {
  open({{"segment.bytes", "2000"}});
  for (int i = 0; i < 20; ++i) ASSERT_EQ(code(batch(3)), ErrorCode::none);
  ASSERT_TRUE(log_->append_marker(ControlType::abort, 9, 0, 0));
  std::vector<Offset> offsets;
  int markers = 0;
  auto note = [&](const RecordBatchView& of, const RecordView& record) -> Result<> {
    offsets.push_back(record.offset);
    markers += of.is_control();
    return {};
  };
  ASSERT_TRUE(for_each_record(*log_, note));
  ASSERT_EQ(offsets.size(), 61u);
  for (std::size_t i = 0; i < offsets.size(); ++i) EXPECT_EQ(offsets[i], static_cast<Offset>(i));
  EXPECT_EQ(markers, 1);
}

TEST_F(PartitionLogTest, for_each_record_begins_at_the_log_start_and_stops_at_the_first_error) {
  open({{"segment.bytes", "2000"}});
  for (int i = 0; i < 20; ++i) ASSERT_EQ(code(batch(3)), ErrorCode::none);
  ASSERT_TRUE(log_->delete_records(30));
  std::vector<Offset> offsets;
  auto stopped = for_each_record(*log_, [&](const RecordBatchView&, const RecordView& record) -> Result<> {
    offsets.push_back(record.offset);
    if (record.offset == 33) return Error(ErrorCode::unsupported_version, "enough");
    return {};
  });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().message(), "enough");
  EXPECT_EQ(offsets, (std::vector<Offset>{30, 31, 32, 33}));
}

}  // namespace
}  // namespace millrace::broker
