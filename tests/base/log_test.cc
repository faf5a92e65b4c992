#include "millrace/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using ::testing::ElementsAre;

TEST(Log, a_record_is_one_line_with_its_values_quoted_where_they_must_be) {
  EXPECT_EQ(
      format_log("it moved", {{"topic", "a"}, {"offset", 42}, {"why", "two words"}, {"done", true}, {"none", ""}}),
      "it moved topic=a offset=42 why=\"two words\" done=true none=\"\"");
  EXPECT_EQ(format_log("m", {{"k", "a\n\"b\"\\\x01"}}), "m k=\"a\\n\\\"b\\\"\\\\\\x01\"");
}

TEST(Log, records_below_the_level_are_dropped) {
  CapturedLog captured(LogLevel::info);
  log_debug("no");
  log_info("yes", {{"n", 1}});
  log_error("yes too");
  EXPECT_THAT(captured.lines(), ElementsAre("INFO yes n=1", "ERROR yes too"));
  EXPECT_TRUE(captured.contains("n=1"));
  EXPECT_FALSE(captured.contains("no"));
}

TEST(Log, nothing_is_logged_at_level_off) {
  CapturedLog captured(LogLevel::off);
  log_error("no");
  log(LogLevel::off, "no");
  EXPECT_THAT(captured.lines(), ElementsAre());
}

TEST(Log, a_capture_gives_back_the_level_and_the_outer_capture) {
  CapturedLog outer(LogLevel::warn);
  {
    CapturedLog inner(LogLevel::debug);
    log_debug("inside");
  }
  log_debug("dropped");
  log_warn("outside");
  EXPECT_THAT(outer.lines(), ElementsAre("WARN outside"));
}

TEST(Log, lines_go_to_stderr_when_nobody_captures) {
  ::testing::internal::CaptureStderr();
  log_error("seen", {{"k", "v"}});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::MatchesRegex("[-0-9T:.]+ ERROR seen k=v\n"));
}

TEST(LogLevel, is_parsed_by_its_name_only) {
  LogLevel level = LogLevel::off;
  EXPECT_TRUE(parse_log_level("info", level));
  EXPECT_EQ(level, LogLevel::info);
  EXPECT_FALSE(parse_log_level("INFO", level));
  EXPECT_EQ(name_of(LogLevel::warn), "warn");
}

}  // namespace
}  // namespace millrace
