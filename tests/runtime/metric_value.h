// metric_value: what a running application says of itself.
#pragma once
#include <limits>
#include <map>
#include <string>

#include "millrace/base/metrics.h"
#include "millrace/runtime/streams.h"

namespace millrace {

using MetricTags = std::map<std::string, std::string>;

// All of the name that have these tags (and perhaps more), added up; NaN if there is none.
inline double metric_value(const Streams& app, const std::string& group, const std::string& name,
                           const MetricTags& tags = {}) {
  double sum = 0;
  bool any = false;
  for (const MetricValue& m : app.metrics()) {
    if (m.name.group != group || m.name.name != name) continue;
    bool fits = true;
    for (const auto& [tag, wanted] : tags) fits &= m.name.tags.contains(tag) && m.name.tags.at(tag) == wanted;
    if (!fits) continue;
    sum += m.value;
    any = true;
  }
  return any ? sum : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace millrace
