#include "millrace/dsl/graph/names.h"

#include <gtest/gtest.h>

#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

TEST(Names, share_one_counter_that_given_names_advance_too) {
  Names names;
  EXPECT_EQ(names.generate("KSTREAM-MAP-"), "KSTREAM-MAP-0000000000");
  EXPECT_EQ(names.given_or("mine", "KSTREAM-MAP-"), "mine");
  EXPECT_EQ(names.given_or("", "KSTREAM-MAP-"), "KSTREAM-MAP-0000000002");
  EXPECT_EQ(names.suffixed_or("mine", "-source", "KSTREAM-SOURCE-"), "mine-source");
  EXPECT_EQ(names.generate_store("t-"), "t-STATE-STORE-0000000004");
}

std::string error_of(std::string_view name) {
  try {
    check_name(name);
    return "none";
  } catch (const TopologyError& e) {
    return e.what();
  }
}

TEST(Names, are_refused_with_kafkas_words) {
  EXPECT_EQ(error_of("A.b_c-9"), "none");
  EXPECT_EQ(error_of("bad name!"),
            "Invalid topology: Name \"bad name!\" is illegal, it contains a character other than ASCII alphanumerics, "
            "'.', '_' and '-'");
  EXPECT_EQ(error_of(".."), "Invalid topology: Name cannot be \".\" or \"..\"");
  EXPECT_NE(error_of(std::string(250, 'x')), "none");
  EXPECT_EQ(error_of(std::string(249, 'x')), "none");
}

TEST(Names, know_a_generated_stream_name) {
  EXPECT_TRUE(is_generated_stream_name("KSTREAM-KEY-SELECT-0000000001"));
  EXPECT_FALSE(is_generated_stream_name("KSTREAM-mine"));
  EXPECT_FALSE(is_generated_stream_name("my-0000000001"));
}

}  // namespace
}  // namespace millrace
