#include "millrace/base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const ConfigTable& table() {
  static const ConfigTable it(
      "Topics",
      {{.name = "retention.ms",
        .type = ConfigType::duration_ms,
        .initial = "604800000",
        .valid = at_least(-1),
        .doc = "How long."},
       {.name = "cleanup.policy",
        .type = ConfigType::list,
        .initial = "delete",
        .valid = one_of({"delete", "compact"})},
       {.name = "min.cleanable.dirty.ratio", .type = ConfigType::real, .initial = "0.5", .valid = between(0, 1)},
       {.name = "preallocate", .type = ConfigType::boolean, .initial = "false"},
       {.name = "segment.bytes", .type = ConfigType::size_bytes, .initial = "1073741824", .valid = at_least(14)},
       {.name = "compression.type",
        .initial = "producer",
        .valid = one_of({"producer", "zstd"}),
        .kafka = "Kafka has more."}});
  return it;
}

std::string error_of(const ConfigValues& values) {
  try {
    Config config(table(), values);
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST(Config, gives_the_default_of_what_was_not_set) {
  Config config(table(), {});
  EXPECT_EQ(config.duration("retention.ms"), Duration(604800000));
  EXPECT_EQ(config.integer("segment.bytes"), 1073741824);
  EXPECT_EQ(config.real("min.cleanable.dirty.ratio"), 0.5);
  EXPECT_FALSE(config.boolean("preallocate"));
  EXPECT_EQ(config.string("compression.type"), "producer");
  EXPECT_THAT(config.list("cleanup.policy"), ElementsAre("delete"));
  EXPECT_FALSE(config.is_set("retention.ms"));
}

TEST(Config, gives_what_was_set) {
  Config config(table(), {{"retention.ms", "-1"}, {"cleanup.policy", "compact , delete"}, {"preallocate", "TRUE"}});
  EXPECT_EQ(config.duration("retention.ms"), Duration(-1));
  EXPECT_THAT(config.list("cleanup.policy"), ElementsAre("compact", "delete"));
  EXPECT_TRUE(config.boolean("preallocate"));
  EXPECT_TRUE(config.is_set("preallocate"));
}

TEST(Config, an_unknown_key_is_refused_with_the_nearest_known_one) {
  EXPECT_EQ(error_of({{"retension.ms", "1"}}),
            "there is no configuration key retension.ms; did you mean retention.ms?");
  EXPECT_EQ(error_of({{"dirty.ratio", "1"}}),
            "there is no configuration key dirty.ratio; the nearest is min.cleanable.dirty.ratio");
  EXPECT_THAT(error_of({{"something.else", "1"}}),
              HasSubstr("there is no configuration key something.else; the nearest"));
}

TEST(Config, a_refused_value_is_named_with_what_is_valid) {
  EXPECT_EQ(error_of({{"retention.ms", "7 days"}}),
            "retention.ms=7 days is not valid: expected duration (ms), at least -1");
  EXPECT_EQ(error_of({{"retention.ms", "-2"}}), "retention.ms=-2 is not valid: expected duration (ms), at least -1");
  EXPECT_EQ(error_of({{"segment.bytes", "1e6"}}), "segment.bytes=1e6 is not valid: expected size (bytes), at least 14");
  EXPECT_EQ(error_of({{"min.cleanable.dirty.ratio", "1.5"}}),
            "min.cleanable.dirty.ratio=1.5 is not valid: expected double, between 0 and 1");
  EXPECT_THAT(error_of({{"min.cleanable.dirty.ratio", "nan"}}), HasSubstr("is not valid"));
  EXPECT_EQ(error_of({{"cleanup.policy", "compact,forget"}}),
            "cleanup.policy=compact,forget is not valid: expected list, one of delete, compact");
  EXPECT_EQ(error_of({{"preallocate", "yes"}}), "preallocate=yes is not valid: expected boolean");
  EXPECT_THAT(error_of({{"retention.ms", "9223372036854775808"}}), HasSubstr("is not valid"));
}

TEST(Config, a_required_key_that_is_missing_is_refused) {
  ConfigTable required("Streams",
                       {{.name = "application.id", .required = true, .valid = not_empty(), .doc = "Names it."}});
  EXPECT_THROW(Config(required, {}), ConfigError);
  EXPECT_THROW(Config(required, {{"application.id", ""}}), ConfigError);
  EXPECT_EQ(Config(required, {{"application.id", "a"}}).string("application.id"), "a");
}

TEST(Config, parse_returns_what_the_constructor_would_throw) {
  auto parsed = Config::parse(table(), {{"retention.ms", "x"}});
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code(), ErrorCode::invalid_config);
}

TEST(ConfigTable, prints_a_row_a_key_in_order_of_names) {
  std::string text = table().markdown();
  EXPECT_THAT(text, HasSubstr("## Topics\n"));
  EXPECT_THAT(text, HasSubstr("| `retention.ms` | duration (ms) | `604800000` | at least -1 | How long. |\n"));
  EXPECT_THAT(text,
              HasSubstr("| `compression.type` | string | `producer` | one of producer, zstd |  *Kafka has more.* |\n"));
  EXPECT_LT(text.find("cleanup.policy"), text.find("retention.ms"));
}

TEST(EditDistance, counts_insertions_removals_replacements_and_swaps) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("abc", "abc"), 0);
  EXPECT_EQ(edit_distance("abc", "abxc"), 1);
  EXPECT_EQ(edit_distance("abc", "ac"), 1);
  EXPECT_EQ(edit_distance("abc", "axc"), 1);
  EXPECT_EQ(edit_distance("abc", "acb"), 1);
  EXPECT_EQ(edit_distance("", "abc"), 3);
}

}  // namespace
}  // namespace millrace
