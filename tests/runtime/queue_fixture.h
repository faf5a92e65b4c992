// QueueFixture: record queues fed with batches, without a log.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "millrace/base/record_batch.h"
#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/record_queue.h"

namespace millrace {

struct QueuedRecord {
  std::optional<std::string> key, value;
  std::int64_t timestamp = 0;
  Headers headers = {};
};

// One batch of them from `base` on.
inline Bytes batch_of(Offset base, const std::vector<QueuedRecord>& records, RecordBatchBuilder::Stamp stamp = {}) {
  RecordBatchBuilder builder;
  auto view = [](const std::optional<std::string>& text) { return text ? BytesView(*text) : BytesView(); };
  for (const QueuedRecord& r : records) builder.append({r.timestamp}, view(r.key), view(r.value), &r.headers);
  stamp.base_offset = base;
  return Bytes(builder.seal(stamp));
}

inline FetchedBatches fetched(const std::vector<Bytes>& batches, std::vector<FetchedBatches::Aborted> aborted = {}) {
  Bytes all;
  for (const Bytes& b : batches) all += b;
  FetchedBatches result;
  result.bytes = std::make_shared<const Bytes>(std::move(all));
  result.aborted = std::move(aborted);
  return result;
}

// Of a topology that has one.
inline const TopologyNode& only_source(const Topology& topology) {
  return *std::find_if(topology.nodes.begin(), topology.nodes.end(),
                       [](const TopologyNode& node) { return node.kind == TopologyNode::Kind::source; });
}

class QueueFixture : public ::testing::Test {
 protected:
  // A queue of the topology's only source.
  template <class F>
  RecordQueue& queue(F topology, OnError on_error = OnError::fail) {
    StreamsBuilder builder;
    topology(builder);
    topologies_.push_back(builder.build());
    return queues_.emplace_back(only_source(topologies_.back()), "in", 3, on_error, counters_);
  }
  RecordQueue& strings(OnError on_error = OnError::fail) {
    return queue(
        [](StreamsBuilder& builder) {
          builder.stream(Topic<std::optional<std::string>, std::optional<std::string>>{"in"})
              .for_each([](const std::string*) {});
        },
        on_error);
  }
  // "key=value@timestamp#offset" of all that is there, taken away.
  static std::string drain(RecordQueue& queue) {
    std::string out;
    auto text = [](const void* object) { return object ? *static_cast<const std::string*>(object) : "null"; };
    while (queue.has_head()) {
      out += (out.empty() ? "" : " ") + text(queue.key()) + "=" + text(queue.value()) + "@" +
             std::to_string(queue.context().timestamp.ms) + "#" + std::to_string(queue.context().offset);
      queue.pop();
    }
    return out;
  }
  TaskCounters counters_;
  std::deque<Topology> topologies_;
  std::deque<RecordQueue> queues_;
};

}  // namespace millrace
