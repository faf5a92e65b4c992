// Who is let in to the global stores, who is woken when, and who must not wait for whom.
#include "millrace/runtime/global_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/sim/sim_env.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class GlobalGateTest : public ::testing::Test {
 protected:
  static constexpr TaskId a{0, 0}, b{0, 1};
  // Time goes on to where the global task wanted to be woken last.
  void pass_time() {
    ASSERT_FALSE(writer_woken_at_.empty());
    env_.advance(Duration((writer_woken_at_.back() - env_.clock().monotonic_ns()) / 1'000'000 + 1));
  }
  // It waits, and insists.
  void insist() {
    ASSERT_FALSE(gate_.enter_alone());
    pass_time();
    ASSERT_FALSE(gate_.enter_alone());
    ASSERT_TRUE(gate_.is_wanted());
  }

  sim::SimEnv env_{1};
  std::vector<std::string> woken_;
  std::vector<std::int64_t> writer_woken_at_;
  GlobalGate gate_{env_, [this](TaskId id) { woken_.push_back(id.text()); },
                   [this](std::int64_t at) { writer_woken_at_.push_back(at); }};
};

TEST_F(GlobalGateTest, many_slices_are_inside_at_once_and_the_global_task_alone) {
  EXPECT_TRUE(gate_.enter(a));
  EXPECT_TRUE(gate_.enter(b));
  EXPECT_FALSE(gate_.enter_alone());
  gate_.leave();
  EXPECT_FALSE(gate_.enter_alone());
  gate_.leave();
  EXPECT_TRUE(gate_.enter_alone());
  EXPECT_FALSE(gate_.enter(a));
  EXPECT_FALSE(gate_.enter(a));
  EXPECT_THAT(woken_, IsEmpty());
  gate_.leave_alone();
  EXPECT_THAT(woken_, ElementsAre("0_0"));
  EXPECT_TRUE(gate_.enter(a));
}

TEST_F(GlobalGateTest, the_last_to_leave_wakes_the_global_task_that_waits_and_nobody_else_does) {
  ASSERT_TRUE(gate_.enter(a));
  ASSERT_TRUE(gate_.enter(b));
  gate_.leave();
  EXPECT_THAT(writer_woken_at_, IsEmpty()) << "nobody waits";
  ASSERT_FALSE(gate_.enter_alone());
  writer_woken_at_.clear();
  gate_.leave();
  EXPECT_THAT(writer_woken_at_, ElementsAre(0));
}

TEST_F(GlobalGateTest, the_global_task_is_patient_at_first_and_then_lets_nobody_in) {
  ASSERT_TRUE(gate_.enter(a));
  ASSERT_FALSE(gate_.enter_alone());
  EXPECT_FALSE(gate_.is_wanted());
  EXPECT_TRUE(gate_.enter(b));
  gate_.leave();
  ASSERT_FALSE(gate_.enter_alone()) << "not yet";
  EXPECT_FALSE(gate_.is_wanted());
  pass_time();
  ASSERT_FALSE(gate_.enter_alone());
  EXPECT_TRUE(gate_.is_wanted());
  EXPECT_FALSE(gate_.enter(b));
  gate_.leave();
  EXPECT_TRUE(gate_.enter_alone());
  gate_.leave_alone();
  EXPECT_FALSE(gate_.is_wanted());
  EXPECT_THAT(woken_, ElementsAre("0_1"));
}

TEST_F(GlobalGateTest, a_slice_that_does_not_end_stops_the_others_for_a_while_only) {
  ASSERT_TRUE(gate_.enter(a));
  std::int64_t insisted = 0, patient = 0, longest = 0;
  for (int i = 0; i < 20; ++i) {
    insist();
    const std::int64_t from = env_.clock().monotonic_ns();
    EXPECT_FALSE(gate_.enter(b));
    pass_time();
    woken_.clear();
    ASSERT_FALSE(gate_.enter_alone());
    EXPECT_FALSE(gate_.is_wanted());
    EXPECT_THAT(woken_, ElementsAre("0_1"));
    EXPECT_TRUE(gate_.enter(b));
    gate_.leave();
    longest = std::max(longest, env_.clock().monotonic_ns() - from);
    insisted += env_.clock().monotonic_ns() - from;
    patient += writer_woken_at_.back() - env_.clock().monotonic_ns();
  }
  EXPECT_GT(patient, 3 * insisted);
  EXPECT_LT(longest, 2'000'000'000);
}

TEST_F(GlobalGateTest, a_question_within_a_question_is_not_kept_waiting_for_itself) {
  GlobalVisit outer(gate_);
  insist();
  GlobalVisit inner(gate_);
  EXPECT_FALSE(gate_.enter(a)) << "slices are";
}

TEST_F(GlobalGateTest, a_question_waits_until_the_global_task_is_through) {
  ASSERT_TRUE(gate_.enter_alone());
  auto executor = env_.make_executor(1, "test");
  bool has_left = false;
  executor->post([&] {
    has_left = true;
    gate_.leave_alone();
  });
  GlobalVisit visit(gate_);
  EXPECT_TRUE(has_left);
  EXPECT_FALSE(gate_.enter_alone());
}

TEST_F(GlobalGateTest, once_it_is_closed_nobody_waits_for_the_global_task) {
  ASSERT_TRUE(gate_.enter(a));
  insist();
  ASSERT_FALSE(gate_.enter(b));
  gate_.close();
  EXPECT_THAT(woken_, ElementsAre("0_1"));
  EXPECT_TRUE(gate_.enter(b));
  gate_.leave();
  writer_woken_at_.clear();
  gate_.leave();
  EXPECT_FALSE(gate_.enter_alone());
  EXPECT_FALSE(gate_.is_wanted());
  EXPECT_THAT(writer_woken_at_, IsEmpty());
}

}  // namespace
}  // namespace millrace
