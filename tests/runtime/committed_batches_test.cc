// Which batches of a fetch count: markers and aborted transactions are left out, and nothing else.
#include "millrace/runtime/committed_batches.h"

#include "tests/runtime/queue_fixture.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Aborted = FetchedBatches::Aborted;

// `count` records of a transaction of `producer`, or of none.
Bytes batch(Offset base, int count = 1, ProducerId producer = -1, std::int32_t last_offset_delta = -1) {
  RecordBatchBuilder::Stamp stamp;
  stamp.producer_id = producer;
  stamp.transactional = producer >= 0;
  stamp.last_offset_delta = last_offset_delta;
  return batch_of(base, std::vector<QueuedRecord>(static_cast<std::size_t>(count), {"k", "v"}), stamp);
}

Bytes marker(Offset at, ControlType type, ProducerId producer) {
  Bytes bytes = encode_end_transaction_marker(type, producer, 0, 0, Timestamp{0});
  assign_offsets(bytes.data(), at, 0);
  return bytes;
}

class CommittedBatchesTest : public ::testing::Test {
 protected:
  // "first..last first..last" of all that count; passed_ is moved past each.
  std::string drain() {
    std::string out;
    for (;;) {
      auto more = batches_.next(passed_);
      EXPECT_TRUE(more) << more.error().text();
      if (!more || !*more) return out;
      const RecordBatchView& found = batches_.batch();
      out +=
          (out.empty() ? "" : " ") + std::to_string(found.base_offset()) + ".." + std::to_string(found.last_offset());
      passed_ = found.last_offset() + 1;
    }
  }
  CommittedBatches batches_;
  Offset passed_ = 0;
};

TEST_F(CommittedBatchesTest, plain_and_committed_batches_count_and_markers_do_not) {
  batches_.add(fetched({batch(0, 2), batch(2, 1, 5), marker(3, ControlType::commit, 5), batch(4)}));
  EXPECT_EQ(drain(), "0..1 2..2 4..4");
  EXPECT_EQ(passed_, 5);
}

TEST_F(CommittedBatchesTest, a_marker_at_the_end_is_passed) {
  batches_.add(fetched({batch(0), marker(1, ControlType::commit, 5)}));
  EXPECT_EQ(drain(), "0..0");
  EXPECT_EQ(passed_, 2);
}

TEST_F(CommittedBatchesTest, of_an_aborted_producer_only_what_is_between_its_first_offset_and_its_marker_is_left_out) {
  batches_.add(fetched({batch(0, 1, 5), marker(1, ControlType::commit, 5),  // committed
                        batch(2, 2, 5), batch(4, 1, 6), batch(5, 1, 5), marker(6, ControlType::abort, 5),
                        batch(7, 1, 5), marker(8, ControlType::commit, 5)},
                       {Aborted{5, 2}}));
  EXPECT_EQ(drain(), "0..0 4..4 7..7");
}

TEST_F(CommittedBatchesTest,
       a_producer_that_aborts_twice_and_two_that_abort_beside_each_other_are_left_out_each_to_its_end) {
  batches_.add(fetched({batch(0, 1, 5), batch(1, 1, 6), marker(2, ControlType::abort, 5), batch(3, 1, 6),
                        batch(4, 1, 5), marker(5, ControlType::abort, 6), batch(6, 1, 6), batch(7, 1, 5),
                        marker(8, ControlType::abort, 5), batch(9, 1, 5)},
                       {Aborted{6, 1}, Aborted{5, 0}, Aborted{5, 7}}));  // in no order
  EXPECT_EQ(drain(), "4..4 6..6 9..9");
}

TEST_F(CommittedBatchesTest, a_batch_outside_of_transactions_counts_even_if_its_producer_aborts) {
  RecordBatchBuilder::Stamp stamp;
  stamp.producer_id = 5;
  batches_.add(
      fetched({batch(0, 1, 5), batch_of(1, {{"k", "v"}}, stamp), marker(2, ControlType::abort, 5)}, {Aborted{5, 0}}));
  EXPECT_EQ(drain(), "1..1");
}

TEST_F(CommittedBatchesTest, an_abort_goes_on_from_fetch_to_fetch) {
  batches_.add(fetched({batch(0, 1, 5)}, {Aborted{5, 0}}));
  EXPECT_EQ(drain(), "");
  batches_.add(fetched({batch(1, 1, 5)}, {Aborted{5, 0}}));
  EXPECT_EQ(drain(), "");
  batches_.add(fetched({marker(2, ControlType::abort, 5), batch(3, 1, 5)}, {Aborted{5, 0}}));
  EXPECT_EQ(drain(), "3..3");
}

TEST_F(CommittedBatchesTest, an_abort_whose_marker_was_seen_does_not_begin_again_with_the_next_fetch) {
  batches_.add(fetched({batch(0, 1, 5), marker(1, ControlType::abort, 5)}, {Aborted{5, 0}}));
  EXPECT_EQ(drain(), "");
  batches_.add(fetched({batch(2, 1, 5), marker(3, ControlType::commit, 5)}));
  EXPECT_EQ(drain(), "2..2");
}

TEST_F(CommittedBatchesTest, a_marker_that_comes_twice_ends_its_transaction_twice) {
  const Bytes end = marker(1, ControlType::abort, 5);
  batches_.add(fetched({batch(0, 1, 5), end}, {Aborted{5, 0}}));
  EXPECT_EQ(drain(), "");
  batches_.add(fetched({end, batch(2, 1, 5)}, {Aborted{5, 0}}));
  EXPECT_EQ(drain(), "2..2");
}

TEST_F(CommittedBatchesTest, batches_that_come_twice_do_not_end_the_abort_that_follows_them) {
  const std::vector<Bytes> first{batch(0, 1, 5), marker(1, ControlType::abort, 5), batch(2, 1, 5)};
  batches_.add(fetched(first, {Aborted{5, 0}, Aborted{5, 2}}));
  EXPECT_EQ(drain(), "");
  std::vector<Bytes> again = first;
  again.push_back(batch(3, 1, 5));
  batches_.add(fetched(again, {Aborted{5, 0}, Aborted{5, 2}}));
  EXPECT_EQ(drain(), "");
}

TEST_F(CommittedBatchesTest, offsets_that_compaction_took_away_are_passed_and_the_batches_around_them_count) {
  batches_.add(fetched({batch(0, 1, -1, 9), batch(20, 1), batch(30, 2, -1, 4)}));
  EXPECT_EQ(drain(), "0..9 20..20 30..34");
  EXPECT_EQ(passed_, 35);
  EXPECT_EQ(batches_.end(), 35);
}

TEST_F(CommittedBatchesTest, a_batch_of_which_compaction_left_the_header_only_counts_as_a_gap) {
  const Bytes whole = batch(3, 4);
  auto view = RecordBatchView::parse(whole);
  ASSERT_TRUE(view);
  batches_.add(fetched({batch(0, 3), encode_empty_batch(*view)}));
  EXPECT_EQ(batches_.end(), 7);
  EXPECT_EQ(drain(), "0..2 3..6");
}

TEST_F(CommittedBatchesTest, a_batch_that_a_fetch_cut_short_comes_with_the_next_fetch) {
  const Bytes second = batch(2, 3);
  batches_.add(fetched({batch(0, 2), Bytes(second.substr(0, second.size() - 1))}));
  EXPECT_EQ(batches_.end(), 2);
  EXPECT_EQ(batches_.records_waiting(), 2);
  EXPECT_EQ(drain(), "0..1");
  batches_.add(fetched({second}));
  EXPECT_EQ(drain(), "2..4");
}

TEST_F(CommittedBatchesTest, a_fetch_that_holds_no_whole_batch_adds_nothing) {
  const Bytes some = batch(0, 2);
  for (std::size_t size : {std::size_t{0}, std::size_t{11}, std::size_t{60}, some.size() - 1})
    batches_.add(fetched({Bytes(some.substr(0, size))}));
  EXPECT_EQ(batches_.end(), 0);
  EXPECT_EQ(drain(), "");
}

TEST_F(CommittedBatchesTest, a_batch_that_comes_twice_counts_once_and_one_that_is_passed_in_part_counts) {
  passed_ = 3;
  batches_.add(fetched({batch(0, 2), batch(2, 4)}));
  batches_.add(fetched({batch(2, 4), batch(6)}));
  EXPECT_EQ(drain(), "2..5 6..6");
}

TEST_F(CommittedBatchesTest, records_that_wait_are_those_added_and_not_come_to) {
  batches_.add(fetched({batch(0, 2), batch(2, 3)}));
  EXPECT_EQ(batches_.records_added(), 5);
  ASSERT_TRUE(*batches_.next(passed_));
  EXPECT_EQ(batches_.records_waiting(), 3);
  batches_.reset(100);
  EXPECT_EQ(batches_.records_waiting(), 0);
  EXPECT_EQ(batches_.records_added(), 5);
}

TEST_F(CommittedBatchesTest, after_a_reset_nothing_of_before_counts_neither_batches_nor_aborts) {
  batches_.add(fetched({batch(0, 1, 5), batch(1)}, {Aborted{5, 0}}));
  ASSERT_TRUE(*batches_.next(passed_));  // the abort has begun
  batches_.add(fetched({batch(2)}));
  batches_.reset(50);
  passed_ = 50;
  EXPECT_EQ(batches_.end(), 50);
  EXPECT_EQ(drain(), "");
  batches_.add(fetched({batch(50, 1, 5)}));
  EXPECT_EQ(drain(), "50..50");
}

TEST_F(CommittedBatchesTest, what_begins_behind_the_end_that_was_given_is_not_come_to_be_it_left_out_or_damaged) {
  Bytes bad = batch(9);
  bad.back() = static_cast<char>(bad.back() ^ 1);
  batches_.reset(0, 3);
  batches_.add(fetched({batch(0, 1), batch(1, 4), marker(5, ControlType::commit, 5), bad}));
  EXPECT_EQ(drain(), "0..0 1..4") << "the second is on both sides";
  EXPECT_EQ(passed_, 5);
}

TEST_F(CommittedBatchesTest, damage_is_an_error_that_names_the_offset) {
  Bytes bad = batch(7);
  bad.back() = static_cast<char>(bad.back() ^ 1);
  batches_.add(fetched({batch(6), bad}));
  ASSERT_TRUE(*batches_.next(passed_));
  auto damaged = batches_.next(passed_);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code(), ErrorCode::corrupt_message);
  EXPECT_THAT(damaged.error().text(), AllOf(HasSubstr("offset 7"), HasSubstr("CRC")));
}

}  // namespace
}  // namespace millrace
