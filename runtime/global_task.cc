#include "millrace/runtime/global_task.h"

#include <mutex>

#include "millrace/base/log.h"

namespace millrace {

namespace {
constexpr std::size_t fetch_bytes_max = 512 << 10;
constexpr const char* task_id = "-1_-1";  // Kafka's
}  // namespace

GlobalTask::GlobalTask(const Topology& topology, Consumer& consumer, Scheduler& scheduler, std::shared_mutex& lock,
                       StreamsMetrics& metrics, std::function<void(std::string)> on_failure)
    : topology_(topology),
      consumer_(consumer),
      scheduler_(scheduler),
      lock_(lock),
      metrics_(metrics),
      on_failure_(std::move(on_failure)) {}

GlobalTask::~GlobalTask() {
  for (auto& input : inputs_) (void)consumer_.notify(input->partition, {});
}

Result<> GlobalTask::load(Admin& admin) {
  for (const TopologyNode& node : topology_.nodes) {
    if (node.sub_topology >= 0 || node.kind != TopologyNode::Kind::source) continue;
    const TopologyNode& reader = topology_.nodes[static_cast<std::size_t>(node.children.at(0))];
    owned_.push_back(std::make_unique<GlobalKeyValueStore>(*topology_.store(reader.stores.at(0))));
    GlobalKeyValueStore* store = owned_.back().get();
    stores_[store->name()] = store;
    MR_ASSIGN(TopicDescription topic, admin.describe_topic(node.topics.at(0)));
    for (PartitionId p = 0; p < topic.partitions; ++p) {
      inputs_.push_back(std::make_unique<Input>());
      Input& input = *inputs_.back();
      input.partition = {topic.name, p};
      input.store = store;
      MR_ASSIGN(PartitionOffsets offsets, admin.describe_partition(input.partition));
      input.passed = offsets.log_start_offset;
      input.batches.reset(input.passed);
      for (;;) {
        MR_ASSIGN(bool more, apply_next(input));
        if (!more) break;
      }
    }
  }
  if (!stores_.empty())
    dropped_ = metrics_.documented().meter("stream-task-metrics", "dropped-records", metrics_.global_tags(task_id));
  is_loaded_ = true;
  return {};
}

bool GlobalTask::visit(std::string_view store, BytesView key,
                       const std::function<void(ValueAndTimestamp)>& visitor) const {
  auto found = stores_.find(store);
  if (found == stores_.end()) return false;
  std::shared_lock lock(lock_);
  visitor(found->second->get(key));
  return true;
}

void GlobalTask::drop(const Input& input, Offset offset) {
  if (!is_loaded_) return;
  dropped_.add(1, metrics_.clock().monotonic_ns());
  if (counters_.drop())
    log_warn("record dropped", {{"task", task_id}, {"where", place_of(input.partition, offset)}, {"why", "null key"}});
}

// Fetches and applies one piece; false when there was nothing.
Result<bool> GlobalTask::apply_next(Input& input) {
  FetchRequest request{input.partition, input.batches.end(), fetch_bytes_max};
  request.isolation = Isolation::read_committed;
  MR_ASSIGN(FetchedBatches fetched, consumer_.fetch(request));
  if (fetched.bytes->empty()) return false;
  input.batches.add(std::move(fetched));
  Bytes scratch;
  for (;;) {
    MR_ASSIGN(bool more, input.batches.next(input.passed));
    if (!more) return true;
    RecordReader reader(input.batches.batch(), scratch);
    RecordView record;
    while (reader.next(record)) {
      if (record.offset < input.passed) continue;
      if (!record.has_key()) {
        drop(input, record.offset);
        continue;
      }
      auto applied = input.store->apply(record.key, record.value, record.timestamp, input.partition.topic);
      if (!applied)
        return std::move(applied).error().in(input.partition.text() + ", offset " + std::to_string(record.offset));
    }
    MR_TRY(reader.status());
    input.passed = input.batches.batch().last_offset() + 1;
  }
}

Result<> GlobalTask::follow() {
  for (auto& input : inputs_) {
    Input* i = input.get();
    MR_TRY(consumer_.notify(i->partition, [this, i] {
      i->arrived.store(true);
      scheduler_.wake(*this);
    }));
  }
  return {};
}

bool GlobalTask::run_slice() {
  bool more = false;
  for (auto& input : inputs_) {
    if (!input->arrived.exchange(false)) continue;
    std::unique_lock lock(lock_);
    auto applied = apply_next(*input);
    if (!applied) {
      on_failure_("global table: " + applied.error().text());
      return false;
    }
    if (*applied) input->arrived.store(true);
    more |= *applied;
  }
  return more;
}

}  // namespace millrace
