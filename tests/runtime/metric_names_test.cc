// Both ways: every metric of the tables is there when an application of everything runs, and no other is.
#include "millrace/runtime/metric_names.h"

#include <gmock/gmock.h>

#include <regex>
#include <set>
#include <sstream>

#include "millrace/base/prometheus_text.h"
#include "millrace/broker/log/log_metrics.h"
#include "millrace/runtime/restorer.h"
#include "tests/runtime/metered_streams.h"

namespace millrace {
namespace {

void of_everything(StreamsBuilder& builder) {
  constexpr Topic<std::string, std::string> in{"in"};
  constexpr Topic<std::string, std::int64_t> out{"out", {.partitions = 1}};
  auto words = builder.stream(in);
  words.group_by([](const std::string& value) { return value; }).count({.as = "by-value"}).to_stream().to(out);
  words.group_by_key().count({.as = "in-memory", .in_memory = true});
  words.group_by_key().windowed_by({.size = 10s, .grace = 0s}).count({.as = "windows"});
}

std::string line(std::string_view group, std::string_view name, bool counter) {
  return std::string(group) + " " + std::string(name) + (counter ? " counter" : "");
}

std::set<std::string> documented(bool debug) {
  std::set<std::string> all;
  for (const MetricTable* table : {&streams_metric_table(), &broker::broker_metric_table()})
    for (const MetricSpec& s : table->specs())
      if (debug || s.level == RecordingLevel::info) all.insert(line(s.group, s.name, s.kind == MetricKind::counter));
  return all;
}

class MetricNames : public MeteredStreams {
 protected:
  std::set<std::string> shown() const {
    std::set<std::string> all;
    for (const MetricValue& m : app_->metrics())
      all.insert(line(m.name.group, m.name.name, m.kind == MetricKind::counter));
    return all;
  }
};

TEST_F(MetricNames, a_running_application_shows_each_metric_of_the_tables_and_no_other) {
  say("k", "v");
  run(of_everything);
  EXPECT_EQ(shown(), documented(true));
}

TEST_F(MetricNames, metrics_of_level_debug_are_not_there_at_level_info) {
  say("k", "v");
  run(of_everything, {{"metrics.recording.level", "INFO"}});
  EXPECT_EQ(shown(), documented(false));
}

// What Prometheus calls every metric that there is.
std::set<std::string> names_in_prometheus() {
  std::vector<MetricValue> all;
  for (const MetricTable* table : {&streams_metric_table(), &broker::broker_metric_table()})
    for (const MetricSpec& s : table->specs())
      all.push_back({{std::string(s.group), std::string(s.name)}, MetricKind::gauge, 0, nullptr});
  std::set<std::string> names;
  std::istringstream text(prometheus_text(all));
  for (std::string word, name, line; std::getline(text, line);)
    if (line.starts_with("# TYPE ")) names.insert(line.substr(7, line.find(' ', 7) - 7));
  return names;
}

TEST_F(MetricNames, the_guide_for_operators_names_only_metrics_that_exist) {
  const std::string guide = real_env().files().read_file(MILLRACE_SOURCE_DIR "/docs/guide/operations.md").value();
  const std::set<std::string> names = names_in_prometheus();
  const std::regex name("(millrace|kafka)_[A-Za-z0-9_]+");
  int found = 0;
  for (std::sregex_iterator at(guide.begin(), guide.end(), name), end; at != end; ++at, ++found)
    EXPECT_TRUE(names.contains(at->str())) << at->str();
  EXPECT_GT(found, 20);
}

TEST_F(MetricNames, every_reason_of_a_restore_has_its_word) {
  EXPECT_EQ(std::size(restore_reasons), static_cast<std::size_t>(RestoreReason::beyond_committed) + 1);
  EXPECT_EQ(restore_reasons[static_cast<std::size_t>(RestoreReason::topic_id)], "topic-id");
}

}  // namespace
}  // namespace millrace
