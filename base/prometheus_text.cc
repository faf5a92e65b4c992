// Written here: it is forty lines, and the library would be a dependency of every program.
#include "millrace/base/prometheus_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <tuple>

namespace millrace {
namespace {

constexpr std::string_view kind_names[] = {"counter", "gauge", "histogram"};

std::string prometheus_name(std::string_view text) {
  std::string name;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    name += plain ? c : '_';
  }
  return name;
}

std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quotes)
      out += "\\\"";
    else
      out += c;
  }
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

// "{a="1",b="2"}", or nothing; `le` is a histogram bucket's bound.
std::string labels(const std::map<std::string, std::string>& tags, const std::string& le = "") {
  std::string out;
  for (const auto& [name, value] : tags)
    out += (out.empty() ? "" : ",") + prometheus_name(name) + "=\"" + escaped(value, true) + "\"";
  if (!le.empty()) out += (out.empty() ? "" : ",") + ("le=\"" + le + "\"");
  return out.empty() ? "" : "{" + out + "}";
}

void append_histogram(std::string& out, const std::string& name, const MetricValue& metric) {
  const HistogramSnapshot& h = *metric.histogram;
  std::int64_t below = 0;
  for (int i = 0; i < HistogramSnapshot::bucket_count; ++i) {
    if (h.in_bucket(i) == 0) continue;  // cumulative, so empty buckets add nothing
    below += h.in_bucket(i);
    out += name + "_bucket" + labels(metric.name.tags, std::to_string(HistogramSnapshot::upper_bound(i))) + " " +
           std::to_string(below) + "\n";
  }
  out += name + "_bucket" + labels(metric.name.tags, "+Inf") + " " + std::to_string(h.count()) + "\n";
  out += name + "_sum" + labels(metric.name.tags) + " " + std::to_string(h.sum()) + "\n";
  out += name + "_count" + labels(metric.name.tags) + " " + std::to_string(h.count()) + "\n";
}

}  // namespace

std::string prometheus_text(std::vector<MetricValue> metrics) {
  std::stable_sort(metrics.begin(), metrics.end(), [](const MetricValue& a, const MetricValue& b) {
    return std::tie(a.name.group, a.name.name) < std::tie(b.name.group, b.name.name);
  });
  std::string out, last;
  for (const MetricValue& metric : metrics) {
    const char* prefix = metric.name.group.starts_with("kafka.") ? "" : "millrace_";
    std::string name = prefix + prometheus_name(metric.name.group + "_" + metric.name.name);
    if (name != last) {
      if (!metric.name.doc.empty()) out += "# HELP " + name + " " + escaped(metric.name.doc, false) + "\n";
      out += "# TYPE " + name + " " + std::string(kind_names[static_cast<std::size_t>(metric.kind)]) + "\n";
      last = name;
    }
    if (metric.histogram)
      append_histogram(out, name, metric);
    else
      out += name + labels(metric.name.tags) + " " + number(metric.value) + "\n";
  }
  return out;
}

}  // namespace millrace
