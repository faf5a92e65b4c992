// MetricTable: every metric there is, with unit and meaning; docs/metrics.md is written from the tables.
//
// DocumentedMetrics is the only way in which a layer makes metrics: a name that no table has is our mistake and aborts,
// so that what is shown is documented. The other way round, a test runs an application and finds every name of the
// tables.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/metrics.h"

namespace millrace {

// metrics.recording.level: what a program that is looked at needs, beyond what one that is watched needs.
enum class RecordingLevel : std::uint8_t { info, debug };

struct MetricSpec {
  std::string_view group, name;
  MetricKind kind = MetricKind::gauge;
  std::string_view unit;  // "records", "ms", "1/s"; empty: a number of what the doc says
  RecordingLevel level = RecordingLevel::info;
  std::string_view tags;  // "thread-id, task-id"
  std::string_view doc;   // a sentence, in Markdown
};

// Immutable. Threads: any.
class MetricTable {
 public:
  // `title` heads the table's section in docs/metrics.md. A name twice is our mistake: aborts.
  MetricTable(std::string title, std::vector<MetricSpec> specs);
  const std::vector<MetricSpec>& specs() const { return specs_; }
  // Null if there is none.
  const MetricSpec* find(std::string_view group, std::string_view name) const;
  // A section of docs/metrics.md: a heading a group, a row a metric, in the order written.
  std::string markdown() const;

 private:
  std::string title_;
  std::vector<MetricSpec> specs_;
};

// Makes the metrics of a table in a registry of its own. What is above its level is recorded by nobody: the handles
// work and are not shown. Threads: any.
class DocumentedMetrics {
 public:
  using Tags = std::map<std::string, std::string>;
  // Both arguments outlive it.
  DocumentedMetrics(const MetricTable& table, RecordingLevel level, Clock& clock);

  bool records(RecordingLevel level) const { return level <= level_; }
  // "<base>-total" and "<base>-rate", whichever the table has.
  Meter meter(std::string_view group, std::string_view base, const Tags& tags);
  // A meter that is not shown: for what is computed from it.
  Meter unshown_meter() { return registry_.meter(nullptr, nullptr); }
  // A meter of nanoseconds, shown as the ratio `name`: the part of the last minute, divided by `of`.
  Meter ratio(std::string_view group, std::string_view name, const Tags& tags, double of = 1);
  // "<base>-avg", "<base>-min" and "<base>-max", whichever the table has.
  RecentValues recent(std::string_view group, std::string_view base, const Tags& tags);
  Gauge gauge(std::string_view group, std::string_view name, const Tags& tags);
  CallbackGauge callback(std::string_view group, std::string_view name, const Tags& tags, std::function<double()> read);
  Histogram histogram(std::string_view group, std::string_view name, const Tags& tags);
  std::vector<MetricValue> read() const { return registry_.read(); }

 private:
  struct Named;
  Named named(std::string_view group, std::string_view name, const Tags& tags) const;
  const MetricTable& table_;
  const RecordingLevel level_;
  Metrics registry_;
  Metrics hidden_;  // what is above the level
};

}  // namespace millrace
