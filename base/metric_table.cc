#include "millrace/base/metric_table.h"

#include <algorithm>
#include <optional>

#include "millrace/base/assert.h"

namespace millrace {

MetricTable::MetricTable(std::string title, std::vector<MetricSpec> specs)
    : title_(std::move(title)), specs_(std::move(specs)) {
  for (const MetricSpec& s : specs_) MR_ASSERT(find(s.group, s.name) == &s, "a metric stands in a table twice");
}

const MetricSpec* MetricTable::find(std::string_view group, std::string_view name) const {
  for (const MetricSpec& s : specs_)
    if (s.group == group && s.name == name) return &s;
  return nullptr;
}

std::string MetricTable::markdown() const {
  static constexpr std::string_view kinds[] = {"counter", "gauge", "histogram"};
  std::string out = "## " + title_ + "\n";
  std::string_view group;
  for (const MetricSpec& s : specs_) {
    if (s.group != group) {
      group = s.group;
      out += "\n### " + std::string(group) + "\n\nTags: " + std::string(s.tags) +
             ".\n\n| metric | kind | unit | level | |\n|---|---|---|---|---|\n";
    }
    out += "| `" + std::string(s.name) + "` | " + std::string(kinds[static_cast<std::size_t>(s.kind)]) + " | " +
           std::string(s.unit) + " | " + (s.level == RecordingLevel::debug ? "DEBUG" : "INFO") + " | " +
           std::string(s.doc) + " |\n";
  }
  return out;
}

DocumentedMetrics::DocumentedMetrics(const MetricTable& table, RecordingLevel level, Clock& clock)
    : table_(table), level_(level), registry_(&clock), hidden_(&clock) {}

// A name that is to be shown, or not: because the table has none, or because it is above the level.
struct DocumentedMetrics::Named {
  std::optional<MetricName> name;
  bool known = false;
  const MetricName* shown() const { return name ? &*name : nullptr; }
};

DocumentedMetrics::Named DocumentedMetrics::named(std::string_view group, std::string_view name,
                                                  const Tags& tags) const {
  const MetricSpec* spec = table_.find(group, name);
  if (!spec) return {};
  if (!records(spec->level)) return {std::nullopt, true};
  return {MetricName{std::string(group), std::string(name), tags, std::string(spec->doc)}, true};
}

Meter DocumentedMetrics::meter(std::string_view group, std::string_view base, const Tags& tags) {
  Named total = named(group, std::string(base) + "-total", tags),
        rate = named(group, std::string(base) + "-rate", tags);
  MR_ASSERT(total.known || rate.known, "a meter that no table has");
  return total.name || rate.name ? registry_.meter(total.shown(), rate.shown()) : Meter();
}

Meter DocumentedMetrics::ratio(std::string_view group, std::string_view name, const Tags& tags, double of) {
  Named ratio = named(group, name, tags);
  MR_ASSERT(ratio.known, "a ratio that no table has");
  return registry_.meter(nullptr, ratio.shown(), 1e-9 / of);
}

RecentValues DocumentedMetrics::recent(std::string_view group, std::string_view base, const Tags& tags) {
  const std::string name(base);
  Named average = named(group, name + "-avg", tags), smallest = named(group, name + "-min", tags),
        largest = named(group, name + "-max", tags);
  MR_ASSERT(average.known || largest.known, "recent values that no table has");
  return registry_.recent(average.shown(), smallest.shown(), largest.shown());
}

Gauge DocumentedMetrics::gauge(std::string_view group, std::string_view name, const Tags& tags) {
  Named gauge = named(group, name, tags);
  MR_ASSERT(gauge.known, "a gauge that no table has");
  return gauge.name ? registry_.gauge(*gauge.name) : hidden_.gauge({std::string(group), std::string(name)});
}

CallbackGauge DocumentedMetrics::callback(std::string_view group, std::string_view name, const Tags& tags,
                                          std::function<double()> read) {
  Named gauge = named(group, name, tags);
  MR_ASSERT(gauge.known, "a gauge that no table has");
  return gauge.name ? registry_.callback_gauge(*gauge.name, std::move(read)) : CallbackGauge();
}

Histogram DocumentedMetrics::histogram(std::string_view group, std::string_view name, const Tags& tags) {
  Named histogram = named(group, name, tags);
  MR_ASSERT(histogram.known, "a histogram that no table has");
  return histogram.name ? registry_.histogram(*histogram.name)
                        : hidden_.histogram({std::string(group), std::string(name)});
}

}  // namespace millrace
