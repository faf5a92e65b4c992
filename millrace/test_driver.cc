#include "millrace/test_driver.h"

#include <stdexcept>

#include "millrace/base/config.h"
#include "millrace/dsl/streams_builder.h"
#include "millrace/runtime/streams_config.h"

namespace millrace {

TopologyTestDriver::TopologyTestDriver(const TopologyFunction& topology, const DriverOptions& options) {
  StreamsBuilder builder;
  topology(builder);
  topics_ = std::make_unique<TestTopics>(builder.build(topology_config(streams_config(options.config))), options);
}
TopologyTestDriver::~TopologyTestDriver() = default;

void TopologyTestDriver::advance_wall_clock(Duration by) {
  if (by < Duration::zero()) throw std::invalid_argument("time goes forward");
  topics_->driver().advance_wall_clock(by);
}

std::int64_t TopologyTestDriver::metric(const std::string& name) const {
  const auto all = topics_->driver().metrics();
  auto found = all.find(name);
  if (found != all.end()) return found->second;
  std::string known;
  for (const auto& [metric, value] : all) known += (known.empty() ? "" : ", ") + metric;
  throw std::invalid_argument("there is no metric " + name + "; there are: " + known);
}

const Topology& TopologyTestDriver::topology() const { return topics_->driver().topology(); }

}  // namespace millrace
