#include "millrace/runtime/task.h"

#include <algorithm>

#include "millrace/base/log.h"
#include "millrace/base/thrown.h"
#include "millrace/runtime/offset_metadata.h"
#include "millrace/runtime/sink.h"
#include "millrace/statestore/store_error.h"

namespace millrace {

namespace {

// A source node's place in the graph: records enter here.
class Entrance final : public Operator {
 public:
  void process(const RecordRef& record) override { forward(record); }
};

class LogWriter final : public ChangelogWriter {
 public:
  LogWriter(TaskOutput& output, int topic, PartitionId partition)
      : output_(output), topic_(topic), partition_(partition) {}
  void log(BytesView key, BytesView value, Timestamp timestamp) override {
    output_.send(topic_, partition_, timestamp, key, value, nullptr);
  }

 private:
  TaskOutput& output_;
  const int topic_;
  const PartitionId partition_;
};

std::string where(const RecordContext& c) { return place_of({std::string(c.topic), c.partition}, c.offset); }

StreamsError failure(TaskId task, const RecordContext& c, const std::string& what) {
  return StreamsError("task " + task.text() + ", " + where(c) + ": " + what);
}

}  // namespace

Task::Task(TaskId id, const Topology& topology, const std::vector<int>& sub_topologies, const TaskSettings& settings,
           TaskOutput& output, const GlobalStores& global_stores,
           const std::function<Checkpoint*(const StoreSpec&)>& checkpoint_of)
    : id_(id), topology_(topology), settings_(settings), output_(output), global_stores_(global_stores) {
  record_cache_.max_bytes = settings.cache_max_bytes;
  std::vector<int> nodes;
  std::vector<std::string> connected;
  for (int i = 0; i < static_cast<int>(topology.nodes.size()); ++i) {
    const TopologyNode& node = topology.nodes[static_cast<std::size_t>(i)];
    if (std::find(sub_topologies.begin(), sub_topologies.end(), node.sub_topology) == sub_topologies.end()) continue;
    nodes.push_back(i);
    connected.insert(connected.end(), node.stores.begin(), node.stores.end());
  }
  for (const StoreSpec& spec : topology.stores)
    if (!spec.is_global && std::find(connected.begin(), connected.end(), spec.name) != connected.end())
      add_store(spec, checkpoint_of(spec));
  add_operators(nodes);
}

Task::~Task() = default;

void Task::add_store(const StoreSpec& spec, Checkpoint* checkpoint) {
  Store s;
  s.spec = &spec;
  s.changelog_topic = spec.source_changelog;
  if (spec.has_own_changelog()) {
    s.changelog_topic = settings_.application_id + "-" + spec.name + "-changelog";
    s.changelog = std::make_unique<LogWriter>(output_, output_.topic(s.changelog_topic), id_.partition);
  } else if (checkpoint && !spec.in_memory) {
    s.changelog = std::make_unique<LogWriter>(output_, output_.unlogged(spec.name), 0);
  }
  StoreEnvironment environment;
  environment.record_cache = &record_cache_;
  environment.changelog = s.changelog.get();
  environment.checkpoint = spec.in_memory ? nullptr : checkpoint;
  environment.changelog_topic = s.changelog_topic;
  if (auto known = settings_.message_bytes_max.find(s.changelog_topic); known != settings_.message_bytes_max.end())
    environment.max_message_bytes = known->second;
  if (!spec.has_own_changelog()) environment.max_message_bytes = SIZE_MAX;  // no log refuses what is not logged
  environment.clock = settings_.store_clock;
  if (spec.kind == StoreSpec::Kind::key_value) {
    auto store = std::make_unique<TaskKeyValueStore>(spec, environment);
    s.core = &store->task_store();
    s.store = std::move(store);
  } else {
    auto store = std::make_unique<TaskWindowStore>(spec, environment);
    s.core = &store->task_store();
    s.store = std::move(store);
  }
  stores_.push_back(std::move(s));
}

std::string Task::topic_name(const TopologyNode& node, const std::string& topic) const {
  return node.internal_topic ? settings_.application_id + "-" + topic : topic;
}

void Task::add_operators(const std::vector<int>& nodes) {
  std::map<int, Operator*> by_node;
  for (int i : nodes) {
    const TopologyNode& node = topology_.nodes[static_cast<std::size_t>(i)];
    std::unique_ptr<Operator> made;
    switch (node.kind) {
      case TopologyNode::Kind::source:
        made = std::make_unique<Entrance>();
        break;
      case TopologyNode::Kind::sink:
        made = std::make_unique<Sink>(node, topic_name(node, node.topics.at(0)), output_);
        break;
      case TopologyNode::Kind::processor:
        made = node.make();
        break;
    }
    by_node[i] = made.get();
    operators_.push_back(std::move(made));
  }
  for (int i : nodes)
    for (int child : topology_.nodes[static_cast<std::size_t>(i)].children)
      if (by_node.contains(child)) by_node[i]->add_child(by_node[child]);
  for (int i : nodes) {
    const TopologyNode& node = topology_.nodes[static_cast<std::size_t>(i)];
    if (node.kind != TopologyNode::Kind::source) continue;
    for (const std::string& topic : node.topics) {
      auto known = settings_.partitions.find(topic_name(node, topic));
      if (known != settings_.partitions.end() && id_.partition >= known->second) continue;
      inputs_.push_back(std::make_unique<RecordQueue>(node, topic_name(node, topic), id_.partition,
                                                      settings_.on_deserialization_error, counters_));
      source_of_[inputs_.back().get()] = by_node[i];
      group_.add_input(inputs_.back().get());
    }
  }
  if (inputs_.size() == 1) only_source_ = source_of_.begin()->second;
  for (auto& o : operators_) {
    if (settings_.on_processing_error == OnError::skip) o->handle_failures(this);
    o->init(*this);
  }
}

RecordQueue* Task::input(std::string_view topic) {
  for (auto& q : inputs_)
    if (q->partition().topic == topic) return q.get();
  return nullptr;
}

StateStore* Task::store(std::string_view name) {
  for (Store& s : stores_)
    if (s.spec->name == name) return s.store.get();
  return nullptr;
}

bool Task::process_one() {
  RecordQueue* queue = group_.next();
  if (!queue) return false;
  const RecordContext& context = queue->context();
  const Timestamp stream_time = std::max(group_.stream_time(), context.timestamp);
  group_.set_stream_time(stream_time);
  if (stream_time != context.timestamp) note_lateness(stream_time - context.timestamp);
  Operator* source = only_source_ ? only_source_ : source_of_[queue];
  const auto failed = [&](const std::string& what) {
    queue->note_failure();
    return failure(id_, context, what);
  };
  try {
    source->process({queue->key(), queue->value(), nullptr, context.timestamp, context.headers, &context});
  } catch (const StreamsError& e) {
    if (e.code()) throw;  // the log's, whatever the record
    throw failed(e.what());
  } catch (const StoreError& e) {
    // Of the disk or a serde: no handler may skip it, the store would be wrong in silence.
    throw failed(e.what());
  } catch (...) {
    throw failed("a processor failed: " + thrown() +
                 ". Set processing.exception.handler to continue, to skip and count such records");
  }
  ++counters_.processed;
  group_.taken(queue);
  return true;
}

void Task::processing_failed(const RecordRef& record, std::exception_ptr what) {
  try {
    std::rethrow_exception(what);
  } catch (const StreamsError&) {
    throw;
  } catch (const StoreError&) {
    throw;  // of the disk or a serde: no handler may skip it, the store would be wrong in silence
  } catch (...) {
    if (counters_.drop())
      log_warn("a processor failed; the record is skipped",
               {{"task", id_.text()}, {"where", where(*record.context)}, {"why", thrown()}});
  }
}

void Task::note_lateness(Duration lateness) {
  counters_.lateness_ms += lateness.count();
  counters_.largest_lateness_ms = std::max<std::int64_t>(counters_.largest_lateness_ms, lateness.count());
}

void Task::flush_caches() {
  try {
    for (Store& s : stores_) s.core->flush();
  } catch (const StreamsError&) {
    throw;
  } catch (...) {
    throw StreamsError("task " + id_.text() + ", on commit: " + thrown());
  }
}

std::size_t Task::memory_bytes() const {
  std::size_t n = 0;
  for (const Store& s : stores_)
    if (s.core->is_cache()) n += s.core->memory_bytes();
  return n;
}

std::size_t Task::trim(std::size_t bytes) {
  const double share = static_cast<double>(bytes) / static_cast<double>(std::max<std::size_t>(memory_bytes(), 1));
  std::size_t pinned = 0;
  for (Store& s : stores_) {
    const auto own = static_cast<double>(s.core->memory_bytes());
    pinned += s.core->trim(share < 1 && s.core->is_cache() ? static_cast<std::size_t>(own * share) : SIZE_MAX);
  }
  return pinned;
}

OffsetsToCommit Task::offsets() const {
  OffsetsToCommit result;
  for (const auto& q : inputs_) {
    OffsetMetadata metadata;
    metadata.partition_time = q->partition_time();
    result[q->partition()] = {q->next_offset(), q->leader_epoch(), encode(metadata)};
  }
  return result;
}

bool Task::has_failed_record() const {
  return std::any_of(inputs_.begin(), inputs_.end(), [](const auto& q) { return q->has_failed(); });
}

std::vector<Offset> Task::offsets_to_pass() const {
  const bool of_record = has_failed_record();
  std::vector<Offset> result;
  for (const auto& q : inputs_)
    result.push_back(q->has_failed() ? q->next_offset() + 1 : (of_record ? 0 : q->next_offset()));
  return result;
}

void Task::close() {
  if (std::exchange(is_closed_, true)) return;
  for (auto& o : operators_) o->close();
}

KeyValueStore* Task::key_value_store(std::string_view name) {
  if (auto global = global_stores_.find(name); global != global_stores_.end()) return global->second;
  auto* found = dynamic_cast<KeyValueStore*>(store(name));
  MR_ASSERT(found, "an operator asks for a key-value store that its task does not have");
  return found;
}

WindowStore* Task::window_store(std::string_view name) {
  auto* found = dynamic_cast<WindowStore*>(store(name));
  MR_ASSERT(found, "an operator asks for a window store that its task does not have");
  return found;
}

void Task::record_dropped(const RecordRef& record, std::string_view why) {
  if (!counters_.drop()) return;
  log_warn("record dropped",
           {{"task", id_.text()}, {"where", record.context ? where(*record.context) : "?"}, {"why", std::string(why)}});
}

}  // namespace millrace
