// The test of the word count's topology: no log, no disk, the program's own topics and topology.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <millrace/test_driver.h>

// A program of one file is tested by including it. One of several files has its topology in a header of its own.
#define main word_count_main
#include "word_count.cc"
#undef main

using testing::ElementsAre;
using testing::Pair;

TEST(WordCount, counts_each_word_as_often_as_it_came) {
  TopologyTestDriver driver(word_count);
  driver.input(lines).pipe_value("a b a");
  EXPECT_THAT(driver.output(counts).read_all(), ElementsAre(Pair("a", 1), Pair("b", 1), Pair("a", 2)));
  driver.input(lines).pipe_value("a");
  EXPECT_THAT(driver.output(counts).read_all(), ElementsAre(Pair("a", 3)));
  EXPECT_EQ((driver.store<std::string, std::int64_t>("word-counts").get("a")), 3);
}

TEST(WordCount, a_line_without_words_changes_nothing) {
  TopologyTestDriver driver(word_count);
  driver.input(lines).pipe_value("  \t ");
  EXPECT_TRUE(driver.output(counts).empty());
  EXPECT_THAT((driver.store<std::string, std::int64_t>("word-counts").all()), testing::IsEmpty());
}

TEST(WordCount, a_count_bears_the_time_of_its_latest_line) {
  TopologyTestDriver driver(word_count);
  driver.input(lines).pipe_value("a", {1000}).pipe_value("a", {500});
  EXPECT_EQ(driver.output(counts).read().timestamp, Timestamp{1000});
  EXPECT_EQ(driver.output(counts).read().timestamp, Timestamp{1000});
}
