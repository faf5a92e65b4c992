#include "millrace/dsl/streams_builder.h"

#include "millrace/dsl/topology.h"

namespace millrace {

StreamsBuilder::StreamsBuilder() : graph_(std::make_unique<Graph>()) {}
StreamsBuilder::~StreamsBuilder() = default;

Topology StreamsBuilder::build() { return build(TopologyConfig{}); }
Topology StreamsBuilder::build(const TopologyConfig& config) { return graph_->build(config); }

}  // namespace millrace
