#include "millrace/base/metric_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/env_real.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

const MetricTable& table() {
  static const MetricTable t("Things", {{.group = "g",
                                         .name = "process-total",
                                         .kind = MetricKind::counter,
                                         .unit = "records",
                                         .level = RecordingLevel::info,
                                         .tags = "task-id",
                                         .doc = "Records processed."},
                                        {.group = "g",
                                         .name = "process-rate",
                                         .unit = "records/s",
                                         .level = RecordingLevel::debug,
                                         .tags = "task-id",
                                         .doc = "The same, a second."},
                                        {.group = "g", .name = "size", .unit = "bytes", .doc = "How large."}});
  return t;
}

std::vector<std::string> names(const DocumentedMetrics& metrics) {
  std::vector<std::string> all;
  for (const MetricValue& m : metrics.read()) all.push_back(m.name.name);
  return all;
}

TEST(MetricTable, is_written_as_a_section_a_group) {
  EXPECT_THAT(table().markdown(), HasSubstr("## Things\n\n### g\n\nTags: task-id.\n"));
  EXPECT_THAT(table().markdown(), HasSubstr("| `process-rate` | gauge | records/s | DEBUG | The same, a second. |"));
}

TEST(DocumentedMetrics, shows_what_its_level_allows_and_lets_the_rest_be_recorded_by_nobody) {
  DocumentedMetrics info(table(), RecordingLevel::info, real_env().clock());
  Meter meter = info.meter("g", "process", {{"task-id", "0_0"}});
  meter.add(3, 0);
  EXPECT_EQ(names(info), (std::vector<std::string>{"process-total"}));
  DocumentedMetrics debug(table(), RecordingLevel::debug, real_env().clock());
  Meter both = debug.meter("g", "process", {{"task-id", "0_0"}});
  EXPECT_EQ(names(debug), (std::vector<std::string>{"process-rate", "process-total"}));
}

TEST(DocumentedMetricsDeathTest, a_metric_that_no_table_has_is_our_mistake) {
  DocumentedMetrics metrics(table(), RecordingLevel::debug, real_env().clock());
  EXPECT_DEATH(metrics.gauge("g", "no-such-thing", {}), "no table has");
}

}  // namespace
}  // namespace millrace
