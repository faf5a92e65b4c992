#include "millrace/runtime/global_task.h"

#include <mutex>

#include "millrace/base/log.h"
#include "millrace/base/thrown.h"

namespace millrace {

namespace {
constexpr std::size_t fetch_bytes_max = 512 << 10;
constexpr const char* task_id = "-1_-1";  // Kafka's
}  // namespace

GlobalTask::GlobalTask(const Topology& topology, OnError on_deserialization_error, Consumer& consumer,
                       Scheduler& scheduler, std::shared_mutex& lock, StreamsMetrics& metrics,
                       std::function<void(std::string)> on_failure)
    : topology_(topology),
      on_error_(on_deserialization_error),
      consumer_(consumer),
      scheduler_(scheduler),
      lock_(lock),
      metrics_(metrics),
      on_failure_(std::move(on_failure)) {}

GlobalTask::~GlobalTask() {
  for (auto& input : inputs_) (void)consumer_.notify(input->rows.partition(), {});
}

Result<> GlobalTask::load(Admin& admin) {
  for (const auto& [node, spec] : topology_.global_tables()) {
    if (stores_.empty())
      dropped_ = metrics_.documented().meter("stream-task-metrics", "dropped-records", metrics_.global_tags(task_id));
    owned_.push_back(std::make_unique<GlobalKeyValueStore>(spec));
    GlobalKeyValueStore* store = owned_.back().get();
    stores_[store->name()] = store;
    MR_ASSIGN(TopicDescription topic, admin.describe_topic(node.topics.at(0)));
    for (PartitionId p = 0; p < topic.partitions; ++p) {
      inputs_.push_back(std::make_unique<Input>(node, TopicPartition{topic.name, p}, *store, *this));
      Input& input = *inputs_.back();
      MR_ASSIGN(PartitionOffsets offsets, admin.describe_partition(input.rows.partition()));
      input.passed = offsets.log_start_offset;
      input.batches.reset(input.passed);
      for (;;) {
        MR_ASSIGN(bool more, apply_next(input));
        if (!more) break;
      }
    }
  }
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

void GlobalTask::publish_dropped() {
  const std::int64_t more = counters_.dropped - std::exchange(dropped_published_, counters_.dropped);
  if (more > 0) dropped_.add(static_cast<double>(more), metrics_.clock().monotonic_ns());
}

// Fetches and applies one piece; false when there was nothing.
Result<bool> GlobalTask::apply_next(Input& input) {
  FetchRequest request{input.rows.partition(), input.batches.end(), fetch_bytes_max};
  request.isolation = Isolation::read_committed;
  MR_ASSIGN(FetchedBatches fetched, consumer_.fetch(request));
  if (fetched.bytes->empty()) return false;
  input.batches.add(std::move(fetched));
  Bytes scratch;
  for (;;) {
    MR_ASSIGN(bool more, input.batches.next(input.passed));
    if (!more) break;
    RecordReader reader(input.batches.batch(), scratch);
    RecordView record;
    try {
      while (reader.next(record))
        if (record.offset >= input.passed && (is_loaded_ || record.has_key())) input.rows.apply(record);
    } catch (...) {
      return Error(ErrorCode::corrupt_message, thrown());
    }
    MR_TRY(reader.status());
    input.passed = input.batches.batch().last_offset() + 1;
  }
  publish_dropped();
  return true;
}

Result<> GlobalTask::follow() {
  for (auto& input : inputs_) {
    Input* i = input.get();
    MR_TRY(consumer_.notify(i->rows.partition(), [this, i] {
      i->arrived.store(true);
      scheduler_.wake(*this);
    }));
  }
  if (!inputs_.empty()) scheduler_.wake(*this);  // for what has arrived since the load
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
