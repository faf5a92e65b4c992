#include "millrace/runtime/global_task.h"

#include <algorithm>

#include "millrace/base/log.h"
#include "millrace/base/thrown.h"

namespace millrace {

namespace {
constexpr std::size_t fetch_bytes_max = 512 << 10;
constexpr const char* task_id = "-1_-1";  // Kafka's
}  // namespace

GlobalTask::GlobalTask(const Topology& topology, OnError on_deserialization_error, Consumer& consumer,
                       Scheduler& scheduler, GlobalGate& gate, StreamsMetrics& metrics,
                       std::function<void(std::string)> on_failure)
    : topology_(topology),
      on_error_(on_deserialization_error),
      consumer_(consumer),
      scheduler_(scheduler),
      gate_(gate),
      metrics_(metrics),
      on_failure_(std::move(on_failure)) {}

GlobalTask::~GlobalTask() { (void)ignore_inputs(); }

Result<> GlobalTask::ignore_inputs() {
  Result<> all;
  for (auto& input : inputs_)
    if (auto quiet = consumer_.notify(input->rows.partition(), {}); !quiet && all) all = std::move(quiet);
  return all;
}

void GlobalTask::stop() {
  is_stopped_.store(true);
  gate_.close();
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
        MR_ASSIGN(std::size_t bytes, fetch(input));
        if (bytes == 0) break;
        MR_TRY(apply(input));
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
  GlobalVisit visit(gate_);
  visitor(found->second->get(key));
  return true;
}

void GlobalTask::publish_dropped() {
  const std::int64_t more = counters_.dropped - std::exchange(dropped_published_, counters_.dropped);
  if (more > 0) dropped_.add(static_cast<double>(more), metrics_.clock().monotonic_ns());
}

// One piece: how many bytes; 0 when there was nothing.
Result<std::size_t> GlobalTask::fetch(Input& input) {
  FetchRequest request{input.rows.partition(), input.batches.end(), fetch_bytes_max};
  request.isolation = Isolation::read_committed;
  MR_ASSIGN(FetchedBatches fetched, consumer_.fetch(request));
  const std::size_t bytes = fetched.bytes->size();
  input.is_fetched = bytes > 0;
  if (input.is_fetched) input.batches.add(std::move(fetched));
  return bytes;
}

// What was fetched.
Result<> GlobalTask::apply(Input& input) {
  input.is_fetched = false;
  Bytes scratch;
  for (;;) {
    MR_ASSIGN(bool more, input.batches.next(input.passed));
    if (!more) break;
    RecordReader reader(input.batches.batch(), scratch);
    RecordView record;
    try {
      while (reader.next(record))
        if (record.offset >= input.passed && (is_loaded_ || record.has_key())) input.rows.apply(record);
    } catch (const StreamsError& e) {
      return Error(ErrorCode::corrupt_message, e.what());
    } catch (...) {
      return Error(ErrorCode::corrupt_message, place_of(input.rows.partition(), record.offset) + ": " + thrown());
    }
    MR_TRY(reader.status());
    input.passed = input.batches.batch().last_offset() + 1;
  }
  publish_dropped();
  return {};
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

// Of the inputs in turn, until it is a piece's worth; unless what was fetched before still waits. False: there is
// nothing.
Result<bool> GlobalTask::fetch_arrived() {
  bool any = std::any_of(inputs_.begin(), inputs_.end(), [](const auto& input) { return input->is_fetched; });
  if (any) return true;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < inputs_.size() && bytes < fetch_bytes_max; ++i) {
    Input& input = *inputs_[next_++ % inputs_.size()];
    if (!input.arrived.exchange(false)) continue;
    MR_ASSIGN(const std::size_t more, fetch(input));
    if (more == 0) continue;
    input.arrived.store(true);  // there may be more behind
    any = true;
    bytes += more;
  }
  return any;
}

Result<> GlobalTask::apply_fetched() {
  for (auto& input : inputs_)
    if (input->is_fetched) MR_TRY(apply(*input));
  return {};
}

void GlobalTask::fail(const Error& why) {
  stop();
  on_failure_("global table: " + why.text());
}

// The log is asked before anybody is kept out.
bool GlobalTask::run_slice() {
  if (is_stopped_.load()) return false;
  const auto any = fetch_arrived();
  if (!any) return fail(any.error()), false;
  if (!*any || !gate_.enter_alone()) return false;
  const auto applied = apply_fetched();
  gate_.leave_alone();
  if (!applied) return fail(applied.error()), false;
  return true;
}

}  // namespace millrace
