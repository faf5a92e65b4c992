// Optimisation of the logical graph: what topology.optimization asks for.
#pragma once
#include <string_view>

#include "millrace/dsl/graph/node.h"
#include "millrace/dsl/topology.h"

namespace millrace {

// Rewrites the graph as Kafka does, names and numbers included. single.store.self.join has nothing to rewrite while
// there are no joins of streams. Source: InternalStreamsBuilder.optimizeTopology.
void optimize(Graph::Parts& graph, const TopologyConfig& config);

}  // namespace millrace
