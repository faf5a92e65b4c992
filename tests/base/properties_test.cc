// parse_properties: java.util.Properties' text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/config.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

ConfigValues parsed(std::string_view text) {
  auto values = parse_properties(text);
  EXPECT_TRUE(values) << values.error().text();
  return values ? *values : ConfigValues();
}

TEST(Properties, are_read_as_java_reads_them) {
  EXPECT_THAT(
      parsed(
          "# comment\n! another\n\n a=1\nb : two words \nc three\r\nd=x\\\n   y\nempty=\nbare\ne\\ f=\\u00e9\\t\\\\\n"),
      ElementsAre(Pair("a", "1"), Pair("b", "two words "), Pair("bare", ""), Pair("c", "three"), Pair("d", "xy"),
                  Pair("e f", "\xc3\xa9\t\\"), Pair("empty", "")));
}

TEST(Properties, read_the_examples_of_javas_documentation) {
  for (const char* text : {"Truth = Beauty", "   Truth:Beauty", "Truth                    :Beauty"})
    EXPECT_THAT(parsed(text), ElementsAre(Pair("Truth", "Beauty"))) << text;
  EXPECT_THAT(parsed("fruits                           apple, banana, pear, \\\n"
                     "                                 cantaloupe, watermelon, \\\n"
                     "                                 kiwi, mango"),
              ElementsAre(Pair("fruits", "apple, banana, pear, cantaloupe, watermelon, kiwi, mango")));
  EXPECT_THAT(parsed("cheeses"), ElementsAre(Pair("cheeses", "")));
}

TEST(Properties, the_last_of_a_key_wins) { EXPECT_THAT(parsed("a=1\na=2"), ElementsAre(Pair("a", "2"))); }

TEST(Properties, lines_end_as_on_any_system) {
  EXPECT_THAT(parsed("a=1\rb=2\r\nc=3\nd=4"),
              ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3"), Pair("d", "4")));
  EXPECT_THAT(parsed("a=1\\\r\n 2"), ElementsAre(Pair("a", "12")));
}

TEST(Properties, what_continues_a_line_is_no_comment_and_may_be_empty) {
  EXPECT_THAT(parsed("a=1\\\n# 2\nb=3"), ElementsAre(Pair("a", "1# 2"), Pair("b", "3")));
  EXPECT_THAT(parsed("a=1\\\n\nb=3"), ElementsAre(Pair("a", "1"), Pair("b", "3")));
  EXPECT_THAT(parsed("# a comment does not go on \\\nb=3"), ElementsAre(Pair("b", "3")));
}

TEST(Properties, only_an_odd_number_of_backslashes_continues_a_line) {
  EXPECT_THAT(parsed("a=1\\\\\nb=2"), ElementsAre(Pair("a", "1\\"), Pair("b", "2")));
  EXPECT_THAT(parsed("a=1\\\\\\\n2"), ElementsAre(Pair("a", "1\\2")));
  EXPECT_THAT(parsed("a=1\\"), ElementsAre(Pair("a", "1")));
}

TEST(Properties, separators_in_a_key_are_escaped_and_in_a_value_are_not) {
  EXPECT_THAT(parsed("a\\=b\\:c\\ d=e=f:g"), ElementsAre(Pair("a=b:c d", "e=f:g")));
  EXPECT_THAT(parsed("a = = b"), ElementsAre(Pair("a", "= b")));
  EXPECT_THAT(parsed("=b"), ElementsAre(Pair("", "b")));
}

TEST(Properties, escapes_are_javas) {
  EXPECT_THAT(parsed("a=\\t\\n\\r\\f\\q\\\\"), ElementsAre(Pair("a", "\t\n\r\fq\\")));
  EXPECT_THAT(parsed("\\u0061=\\u20AC"), ElementsAre(Pair("a", "\xe2\x82\xac")));
  EXPECT_THAT(parsed("a=\\ud83d\\ude00"), ElementsAre(Pair("a", "\xf0\x9f\x98\x80")));
}

TEST(Properties, blanks_at_the_end_belong_to_the_value) {
  EXPECT_THAT(parsed("a=b  \t"), ElementsAre(Pair("a", "b  \t")));
}

TEST(Properties, an_empty_file_has_none) { EXPECT_THAT(parsed(" \n\t\n#\n!\n\f\n"), IsEmpty()); }

TEST(Properties, a_malformed_escape_is_an_error_with_its_line) {
  for (const char* text : {"a=1\nb=\\u12x4\n", "a=1\n\\u12=c", "a=1\nb=\\u"}) {
    auto values = parse_properties(text);
    ASSERT_FALSE(values) << text;
    EXPECT_EQ(values.error().code(), ErrorCode::invalid_config);
    EXPECT_EQ(values.error().message(), "line 2: malformed \\u escape");
  }
}

}  // namespace
}  // namespace millrace
