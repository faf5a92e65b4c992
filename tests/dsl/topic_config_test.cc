#include "millrace/dsl/topic_config.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

TEST(TopicConfig, keeps_entries_in_order_and_leaves_copies_alone) {
  TopicConfig a{{"retention.ms", "1"}};
  TopicConfig b = a;
  b.set("cleanup.policy", "compact");
  EXPECT_THAT(a.entries()->list, testing::ElementsAre(testing::Pair("retention.ms", "1")));
  EXPECT_EQ(b.entries()->list.size(), 2u);
  EXPECT_EQ(TopicConfig().entries(), nullptr);
}

}  // namespace
}  // namespace millrace
