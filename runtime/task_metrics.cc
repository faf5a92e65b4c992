#include "millrace/runtime/task_metrics.h"

#include <algorithm>

namespace millrace {

namespace {
constexpr const char *thread = "stream-thread-metrics", *task_group = "stream-task-metrics",
                     *node = "stream-processor-node-metrics", *topic_group = "stream-topic-metrics",
                     *own = "task-metrics";
constexpr double ms_per_ns = 1e-6;
}  // namespace

TaskMetrics::TaskMetrics(StreamsMetrics& metrics, Task& task, const RecordCollector& output, const Topology& topology,
                         const TaskDatabase* database, const std::vector<std::string>& rows, VisibleEnd visible_end)
    : metrics_(metrics), task_(task), output_(output), tags_(metrics.task_tags(task.id().text())) {
  DocumentedMetrics& d = metrics.documented();
  const StreamsMetrics::Tags all = metrics.thread_tags();
  thread_processed_ = d.meter(thread, "process", all);
  thread_polled_ = d.meter(thread, "poll", all);
  process_ratio_ = d.ratio(thread, "process-ratio", all, metrics.workers());
  poll_ratio_ = d.ratio(thread, "poll-ratio", all, metrics.workers());
  commit_ratio_ = d.ratio(thread, "commit-ratio", all, metrics.workers());
  thread_process_latency_ = d.recent(thread, "process-latency", all);
  thread_process_records_ = d.recent(thread, "process-records", all);
  thread_poll_latency_ = d.recent(thread, "poll-latency", all);
  thread_poll_records_ = d.recent(thread, "poll-records", all);
  processed_ = d.meter(task_group, "process", tags_);
  dropped_ = d.meter(task_group, "dropped-records", tags_);
  commits_ = d.meter(task_group, "commit", tags_);
  restored_ = d.meter(task_group, "restore", tags_);
  process_latency_ = d.recent(task_group, "process-latency", tags_);
  lateness_ = d.recent(task_group, "record-lateness", tags_);
  buffered_ = d.gauge(task_group, "active-buffer-count", tags_);
  cache_bytes_ = d.gauge(task_group, "cache-size-bytes-total", tags_);
  restore_remaining_ = d.gauge(task_group, "restore-remaining-records-total", tags_);
  const StreamsMetrics::Tags of_task{{"task-id", task.id().text()}};
  value_cache_bytes_ = d.gauge(own, "value-cache-bytes", of_task);
  held_bytes_ = d.gauge(own, "held-bytes", of_task);
  busy_ns_ = d.unshown_meter();
  asked_.push_back(d.callback(task_group, "active-process-ratio", tags_, metrics.add_busy(task.id().text(), busy_ns_)));
  add_inputs(visible_end);
  add_outputs(topology);
  for (const Task::Store& store : task.stores()) {
    const auto row = std::find(rows.begin(), rows.end(), store.spec->name);
    stores_.push_back(std::make_unique<StoreMetrics>(metrics, task.id().text(), store,
                                                     row == rows.end() ? nullptr : database,
                                                     static_cast<std::size_t>(row - rows.begin())));
  }
}

void TaskMetrics::add_inputs(const VisibleEnd& visible_end) {
  DocumentedMetrics& d = metrics_.documented();
  for (const auto& queue : task_.inputs()) {
    StreamsMetrics::Tags node_tags = tags_;
    node_tags["processor-node-id"] = queue->source().name;
    StreamsMetrics::Tags topic_tags = node_tags;
    topic_tags["topic-name"] = queue->partition().topic;
    Input input{queue.get(),
                {},
                d.meter(node, "process", node_tags),
                d.meter(topic_group, "records-consumed", topic_tags),
                d.meter(topic_group, "bytes-consumed", topic_tags),
                d.recent(node, "record-e2e-latency", node_tags),
                std::make_shared<std::atomic<Offset>>(-1)};
    const TopicPartition& partition = queue->partition();
    auto lag = [visible_end, partition, at = input.position] {
      const Offset end = visible_end(partition), reached = at->load(std::memory_order_relaxed);
      return end < 0 || reached < 0 ? 0.0 : static_cast<double>(std::max<Offset>(end - reached, 0));
    };
    StreamsMetrics::Tags lag_tags = metrics_.client_tags();
    lag_tags["topic"] = partition.topic;
    lag_tags["partition"] = std::to_string(partition.partition);
    asked_.push_back(d.callback("consumer-fetch-manager-metrics", "records-lag", lag_tags, lag));
    metrics_.add_lag(task_.id().text(), lag);
    inputs_.push_back(std::move(input));
  }
}

// A topic's sink is the first that writes to it, as in Kafka. Changelogs have none and are not shown.
void TaskMetrics::add_outputs(const Topology& topology) {
  DocumentedMetrics& d = metrics_.documented();
  for (std::size_t t = 0; t < output_.topic_count(); ++t) {
    if (output_.produced(t).is_unlogged) continue;
    const std::string& name = output_.produced(t).topic;
    for (const TopologyNode& sink : topology.nodes) {
      if (sink.kind != TopologyNode::Kind::sink || sink.sub_topology != task_.id().sub_topology) continue;
      if (task_.topic_name(sink, sink.topics.at(0)) != name) continue;
      StreamsMetrics::Tags node_tags = tags_;
      node_tags["processor-node-id"] = sink.name;
      StreamsMetrics::Tags topic_tags = node_tags;
      topic_tags["topic-name"] = name;
      outputs_.push_back({t, 0, 0, d.meter(topic_group, "records-produced", topic_tags),
                          d.meter(topic_group, "bytes-produced", topic_tags),
                          d.recent(node, "record-e2e-latency", node_tags)});
      break;
    }
  }
}

void TaskMetrics::publish_positions() {
  for (Input& input : inputs_) input.position->store(input.queue->next_offset(), std::memory_order_relaxed);
}

void TaskMetrics::record_latency(RecentValues& window, Timestamp of, std::int64_t now_ns) {
  if (wall_clock_ms_ < 0) wall_clock_ms_ = metrics_.clock().now().ms;
  window.record(static_cast<double>(wall_clock_ms_ - of.ms), now_ns);
}

void TaskMetrics::publish_inputs(std::int64_t now_ns) {
  std::int64_t waiting = 0;
  for (Input& input : inputs_) {
    const InputCounters& counted = input.queue->input_counters();
    waiting += input.queue->batches().records_waiting();
    if (counted.records != input.published.records) {
      input.records.add(counted.records - input.published.records, now_ns);
      input.bytes.add(counted.bytes - input.published.bytes, now_ns);
    }
    if (counted.processed != input.published.processed) {
      input.processed.add(counted.processed - input.published.processed, now_ns);
      record_latency(input.latency, input.queue->context().timestamp, now_ns);
    }
    input.published = counted;
  }
  buffered_.set(static_cast<double>(waiting));
}

void TaskMetrics::publish_outputs(std::int64_t now_ns) {
  for (Output& output : outputs_) {
    const RecordCollector::Produced produced = output_.produced(output.topic);
    if (produced.records != output.records_published) {
      output.records.add(produced.records - output.records_published, now_ns);
      record_latency(output.latency, produced.last, now_ns);
      output.records_published = produced.records;
    }
    if (produced.bytes != output.bytes_published) {
      output.bytes.add(produced.bytes - output.bytes_published, now_ns);
      output.bytes_published = produced.bytes;
    }
  }
}

void TaskMetrics::slice_ended(std::int64_t started_ns, std::int64_t ended_ns, std::size_t held_bytes) {
  const TaskCounters& counted = task_.counters();
  const std::int64_t records = counted.processed - published_.processed;
  const std::int64_t busy_ns = ended_ns - started_ns - std::exchange(fetch_ns_, 0);
  wall_clock_ms_ = -1;
  busy_ns_.add(busy_ns, ended_ns);
  process_ratio_.add(busy_ns, ended_ns);
  if (records) {
    thread_processed_.add(records, ended_ns);
    thread_process_records_.record(static_cast<double>(records), ended_ns);
    thread_process_latency_.record(static_cast<double>(busy_ns) * ms_per_ns, ended_ns);
    processed_.add(records, ended_ns);
    process_latency_.record(static_cast<double>(busy_ns) / static_cast<double>(records), ended_ns);
    lateness_.record(static_cast<double>(counted.lateness_ms - published_.lateness_ms),
                     static_cast<double>(task_.take_largest_lateness_ms()), records, ended_ns);
  }
  if (counted.dropped != published_.dropped) dropped_.add(counted.dropped - published_.dropped, ended_ns);
  published_ = counted;
  publish_positions();
  publish_inputs(ended_ns);
  publish_outputs(ended_ns);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < stores_.size(); ++i) {
    stores_[i]->publish(ended_ns);
    bytes += task_.stores()[i].core->memory_bytes();
  }
  value_cache_bytes_.set(static_cast<double>(bytes));
  cache_bytes_.set(static_cast<double>(task_.record_cache_bytes()));
  held_bytes_.set(static_cast<double>(held_bytes));
}

void TaskMetrics::fetched(std::int64_t records, std::int64_t started_ns, std::int64_t ended_ns) {
  fetch_ns_ += ended_ns - started_ns;
  poll_ratio_.add(ended_ns - started_ns, ended_ns);
  if (records == 0) return;
  thread_polled_.add(1, ended_ns);
  thread_poll_latency_.record(static_cast<double>(ended_ns - started_ns) * ms_per_ns, ended_ns);
  thread_poll_records_.record(static_cast<double>(records), ended_ns);
}

void TaskMetrics::cut(std::int64_t started_ns, std::int64_t ended_ns) {
  commit_ratio_.add(ended_ns - started_ns, ended_ns);
}

void TaskMetrics::committed() { commits_.add(1, metrics_.clock().monotonic_ns()); }

void TaskMetrics::restoring(std::int64_t records, std::int64_t remaining) {
  restored_.add(records, metrics_.clock().monotonic_ns());
  restore_remaining_.set(static_cast<double>(remaining));
}

void TaskMetrics::restored(std::size_t store, std::int64_t took_ns) {
  stores_[store]->restored(took_ns, metrics_.clock().monotonic_ns());
}

}  // namespace millrace
