// prometheus_text: metrics as Prometheus scrapes them.
#pragma once
#include <string>
#include <vector>

#include "millrace/base/metrics.h"

namespace millrace {

// Prometheus' text format 0.0.4: millrace_<group>_<name>{tags}, but kafka_… for a group of the broker's
// ("kafka.server.BrokerTopicMetrics"), which dashboards know by that name. Other characters than letters, digits and
// '_' become '_'. `metrics` may come from several registries; those of one name stand together in the text. Source:
// https://prometheus.io/docs/instrumenting/exposition_formats/
std::string prometheus_text(std::vector<MetricValue> metrics);

}  // namespace millrace
