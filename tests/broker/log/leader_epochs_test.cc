#include "millrace/broker/log/leader_epochs.h"

#include <gtest/gtest.h>

namespace millrace::broker {
namespace {

TEST(LeaderEpochs, know_where_each_ends) {
  LeaderEpochs epochs;
  epochs.assign(1, 0);
  epochs.assign(3, 10);
  epochs.assign(3, 12);  // not newer: nothing
  EXPECT_EQ(epochs.end_offset(1, 20), 10);
  EXPECT_EQ(epochs.end_offset(2, 20), 10);
  EXPECT_EQ(epochs.end_offset(3, 20), 20);
  EXPECT_EQ(epochs.end_offset(4, 20), std::nullopt);
  epochs.truncate_from_start(5);
  EXPECT_EQ(epochs.encode(), "0\n2\n1 5\n3 10\n");
  EXPECT_EQ(LeaderEpochs::decode(epochs.encode())->entries(), epochs.entries());
  EXPECT_FALSE(LeaderEpochs::decode("1\n0\n"));
  EXPECT_FALSE(LeaderEpochs::decode("0\n3\n1 5\n"));
}

}  // namespace
}  // namespace millrace::broker
