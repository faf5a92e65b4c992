#include "millrace/broker/log/producer_state.h"

#include <gtest/gtest.h>

namespace millrace::broker {
namespace {

class ProducerStateTest : public ::testing::Test {
 protected:
  RecordBatchView batch(std::int32_t sequence, int count, ProducerEpoch epoch = 0, bool transactional = false) {
    RecordBatchBuilder builder;
    for (int i = 0; i < count; ++i) builder.append({1000}, "k", "v");
    RecordBatchBuilder::Stamp stamp;
    stamp.base_offset = next_offset_;
    stamp.producer_id = 7;
    stamp.producer_epoch = epoch;
    stamp.base_sequence = sequence;
    stamp.transactional = transactional;
    bytes_ = Bytes(builder.seal(stamp));
    return *RecordBatchView::parse(bytes_);
  }
  void apply(std::int32_t sequence, int count, ProducerEpoch epoch = 0, bool transactional = false) {
    state_.apply(batch(sequence, count, epoch, transactional), std::nullopt, -1);
    next_offset_ += count;
  }
  ErrorCode code(std::int32_t sequence, int count, ProducerEpoch epoch = 0) {
    auto checked = state_.check(batch(sequence, count, epoch));
    return checked ? ErrorCode::none : checked.error().code();
  }

  ProducerState state_{"t-0"};
  Offset next_offset_ = 0;
  Bytes bytes_;
};

TEST_F(ProducerStateTest, answers_a_repeated_batch_with_its_offsets_for_five_batches) {
  for (int i = 0; i < 6; ++i) apply(2 * i, 2);
  for (int i = 1; i < 6; ++i) {
    auto repeated = state_.check(batch(2 * i, 2));
    ASSERT_TRUE(repeated && *repeated);
    EXPECT_EQ((*repeated)->first_offset(), 2 * i);
    EXPECT_EQ((*repeated)->last_offset, 2 * i + 1);
  }
  EXPECT_EQ(code(0, 2), ErrorCode::duplicate_sequence_number);
}

TEST_F(ProducerStateTest, refuses_a_gap_and_an_old_epoch) {
  apply(0, 2, 3);
  EXPECT_EQ(code(2, 1, 3), ErrorCode::none);
  EXPECT_EQ(code(3, 1, 3), ErrorCode::out_of_order_sequence_number);
  EXPECT_EQ(code(2, 1, 2), ErrorCode::invalid_producer_epoch);
  EXPECT_EQ(code(0, 1, 4), ErrorCode::none);
  EXPECT_EQ(code(5, 1, 4), ErrorCode::out_of_order_sequence_number);
}

TEST_F(ProducerStateTest, accepts_any_first_sequence_of_an_unknown_producer) {
  EXPECT_EQ(code(41, 1), ErrorCode::none);
}

TEST_F(ProducerStateTest, sequences_wrap_to_zero) {
  apply(INT32_MAX - 1, 2);  // 2^31-2 and 2^31-1
  EXPECT_EQ(code(0, 1), ErrorCode::none);
  EXPECT_EQ(*state_.next_sequence(7, 0), 0);
  auto repeated = state_.check(batch(INT32_MAX - 1, 2));
  EXPECT_TRUE(repeated && *repeated);
}

TEST_F(ProducerStateTest, a_snapshot_gives_back_the_state) {
  apply(0, 3, 2, true);
  ProducerState loaded("t-0");
  Bytes snapshot = state_.encode_snapshot();
  ASSERT_TRUE(loaded.load_snapshot(snapshot));
  EXPECT_EQ(loaded.first_undecided(), 0);
  EXPECT_EQ(*loaded.next_sequence(7, 2), 3);
  for (std::size_t i = 0; i < snapshot.size(); ++i) {
    Bytes damaged = snapshot;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(loaded.load_snapshot(damaged)) << i;
  }
}

// The bytes of Kafka's ProducerSnapshot version 1.
TEST_F(ProducerStateTest, snapshots_have_kafkas_bytes) {
  apply(0, 3, 2, true);
  Bytes snapshot = state_.encode_snapshot();
  ByteReader in(snapshot);
  EXPECT_EQ(in.number<std::int16_t>(), 1);
  in.number<std::uint32_t>();
  EXPECT_EQ(in.number<std::int32_t>(), 1);
  EXPECT_EQ(in.number<std::int64_t>(), 7);     // producer id
  EXPECT_EQ(in.number<std::int16_t>(), 2);     // epoch
  EXPECT_EQ(in.number<std::int32_t>(), 2);     // last sequence
  EXPECT_EQ(in.number<std::int64_t>(), 2);     // last offset
  EXPECT_EQ(in.number<std::int32_t>(), 2);     // offset delta
  EXPECT_EQ(in.number<std::int64_t>(), 1000);  // timestamp
  EXPECT_EQ(in.number<std::int32_t>(), -1);    // coordinator epoch
  EXPECT_EQ(in.number<std::int64_t>(), 0);     // first offset of the open transaction
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.remaining(), 0u);
}

}  // namespace
}  // namespace millrace::broker
