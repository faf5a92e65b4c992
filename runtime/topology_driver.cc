#include "millrace/runtime/topology_driver.h"

#include <algorithm>
#include <deque>
#include <span>
#include <stdexcept>

#include "millrace/base/env_real.h"
#include "millrace/runtime/checkpointer.h"
#include "millrace/runtime/global_input.h"
#include "millrace/runtime/streams_config.h"
#include "millrace/runtime/task.h"
#include "millrace/statestore/rocksdb/task_database.h"

namespace millrace {

namespace {

using Produced = TopologyDriver::Produced;

class Capture final : public TaskOutput {
 public:
  int topic(const std::string& topic) override { return number_of({topic, &all}); }
  int unlogged(const std::string& store) override { return number_of({store, &unlogged_rows}); }
  int partition_count(int) override { return 1; }
  void send(int topic, PartitionId, Timestamp timestamp, BytesView key, BytesView value,
            const Headers* headers) override {
    auto copy = [](BytesView v) { return v.data() ? std::optional<Bytes>(Bytes(v)) : std::nullopt; };
    const Target& target = targets_[static_cast<std::size_t>(topic)];
    target.to->push_back({target.name, copy(key), copy(value), timestamp, headers ? *headers : Headers{}, input});
  }
  std::vector<Produced> all;
  std::vector<Produced> unlogged_rows;  // their topic is the store's name
  int input = -1;

 private:
  struct Target {
    std::string name;
    std::vector<Produced>* to;
    bool operator==(const Target&) const = default;
  };
  int number_of(const Target& target) {
    auto found = std::find(targets_.begin(), targets_.end(), target);
    if (found == targets_.end()) found = targets_.insert(found, target);
    return static_cast<int>(found - targets_.begin());
  }
  std::vector<Target> targets_;
};

// One call at a time: a lambda of the topology that makes another would have its own record processed again.
class AtWork {
 public:
  explicit AtWork(bool& is_at_work) : is_at_work_(is_at_work) {
    if (is_at_work) throw std::logic_error("the driver was called from inside an operator");
    is_at_work = true;
  }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
  ~AtWork() { is_at_work_ = false; }

 private:
  bool& is_at_work_;
};

}  // namespace

struct TopologyDriver::Content {
  Topology topology;
  TaskSettings settings;
  Capture output;
  std::unique_ptr<TaskDatabase> database;
  std::vector<std::string> stored;  // names of the stores in the database
  struct Global {
    Global(const TopologyNode& source, const StoreSpec& spec, OnError on_error, TaskCounters& counters)
        : store(spec), input(source, {source.topics.at(0), 0}, store, on_error, counters) {}
    GlobalKeyValueStore store;
    GlobalInput input;
  };
  std::map<std::string, std::unique_ptr<Global>> globals;  // by topic
  GlobalStores global_stores;
  TaskCounters global_counters;
  std::unique_ptr<Task> task;
  std::map<std::string, Offset> offsets;
  std::map<std::string, std::string> committed;
  std::map<std::string, Timestamp> observed;
  std::size_t captured = 0;  // produced records that were looked at
  std::size_t checkpointed = 0;
  Timestamp wall_clock;
  bool exactly_once = false;
  bool is_at_work = false;

  void configure(const DriverOptions& options);
  void open_globals();
  void open_task(const DriverOptions& options);
  void enqueue(const std::string& topic, std::optional<BytesView> key, std::optional<BytesView> value,
               Timestamp timestamp, const Headers& headers);
  void apply(GlobalInput& input, BytesView bytes);
  void commit();
  void checkpoint();
  void capture_and_enqueue();
  void complete();
};

void TopologyDriver::Content::configure(const DriverOptions& options) {
  const Config config = streams_config(options.config);
  settings = task_settings(config);
  wall_clock = options.wall_clock;
  exactly_once = is_exactly_once(config);
}

void TopologyDriver::Content::open_globals() {
  for (const auto& [node, spec] : topology.global_tables()) {
    auto made = std::make_unique<Global>(node, spec, settings.on_deserialization_error, global_counters);
    global_stores[made->store.name()] = &made->store;
    globals[node.topics.at(0)] = std::move(made);
  }
}

void TopologyDriver::Content::open_task(const DriverOptions& options) {
  for (const StoreSpec& spec : topology.stores)
    if (!spec.is_global && !spec.in_memory) stored.push_back(spec.name);
  if (!options.state_directory.empty()) {
    auto opened = TaskDatabase::open(real_env(), options.state_directory, stored, make_database_memory(8 << 20));
    if (!opened) throw StreamsError(opened.error().text());
    database = std::move(opened).value();
  }
  std::vector<int> all;
  for (int i = 0; i < topology.sub_topology_count; ++i) all.push_back(i);
  task = std::make_unique<Task>(TaskId{0, 0}, topology, all, settings, output, global_stores,
                                [&](const StoreSpec& spec) -> Checkpoint* {
                                  for (std::size_t i = 0; database && i < stored.size(); ++i)
                                    if (stored[i] == spec.name) return database->rows(i);
                                  return nullptr;
                                });
}

void TopologyDriver::Content::enqueue(const std::string& topic, std::optional<BytesView> key,
                                      std::optional<BytesView> value, Timestamp timestamp, const Headers& headers) {
  RecordBatchBuilder builder;
  builder.append(timestamp, key.value_or(BytesView()), value.value_or(BytesView()),
                 headers.empty() ? nullptr : &headers);
  auto bytes = std::make_shared<Bytes>(builder.seal({.base_offset = offsets[topic]++}));
  if (auto global = globals.find(topic); global != globals.end()) return apply(global->second->input, *bytes);
  RecordQueue* queue = task->input(topic);
  FetchedBatches batch;
  batch.bytes = std::move(bytes);
  queue->add(batch);
  task->offer(queue);
}

void TopologyDriver::Content::apply(GlobalInput& input, BytesView bytes) {
  Bytes scratch;
  const RecordBatchView batch = RecordBatchView::parse(bytes).value();
  RecordReader reader(batch, scratch);
  RecordView record;
  while (reader.next(record)) input.apply(record);
}

void TopologyDriver::Content::commit() {
  task->flush_caches();
  for (const auto& [partition, offset] : task->offsets())
    if (!exactly_once && offset.offset > 0) committed[partition.topic] = offset.metadata;
  if (database) checkpoint();
}

void TopologyDriver::Content::checkpoint() {
  std::vector<TaskDatabase::Update> updates;
  for (const Task::Store& s : task->stores()) {
    if (!s.changelog) continue;
    const bool is_logged = s.spec->has_own_changelog();
    RecordBatchBuilder builder;
    for (const Produced& p : is_logged ? std::span(output.all).subspan(checkpointed) : std::span(output.unlogged_rows))
      if (p.topic == (is_logged ? s.changelog_topic : s.spec->name))
        // NOLINTNEXTLINE(bugprone-unchecked-optional-access): no row is without a key
        builder.append(p.timestamp, *p.key, p.value ? BytesView(*p.value) : BytesView());
    for (std::size_t i = 0; i < stored.size() && !builder.empty(); ++i) {
      if (stored[i] != s.spec->name) continue;
      std::vector<Tail::Piece> piece{{std::make_shared<Bytes>(builder.seal({})), 0, 0}};
      auto rows = rows_of(*s.spec, piece, observed[stored[i]]);
      if (!rows) throw StreamsError(rows.error().text());
      updates.push_back({i, std::move(rows).value()});
    }
  }
  checkpointed = output.all.size();
  output.unlogged_rows.clear();
  if (!updates.empty())
    if (auto written = database->write(updates); !written) throw StreamsError(written.error().text());
  for (const Task::Store& s : task->stores()) {
    s.core->checkpointed(s.core->logged_sequence());
    s.core->trim(0);
  }
}

void TopologyDriver::Content::capture_and_enqueue() {
  for (; captured < output.all.size(); ++captured) {
    const Produced p = output.all[captured];
    auto view = [](const std::optional<Bytes>& b) { return b ? std::optional<BytesView>(*b) : std::nullopt; };
    // A source topic that serves as changelog is an input, never written here; what reads back is repartition topics
    // and sinks.
    if (globals.contains(p.topic) || task->input(p.topic))
      enqueue(p.topic, view(p.key), view(p.value), p.timestamp, p.headers);
  }
}

void TopologyDriver::Content::complete() {
  bool processed = false;
  while (task->process_one()) {
    processed = true;
    commit();
    capture_and_enqueue();
  }
  if (!processed) commit();  // of a record that was dropped on its way in
}

TopologyDriver::TopologyDriver(Topology topology, const DriverOptions& options)
    : content_(std::make_unique<Content>()) {
  content_->topology = std::move(topology);
  content_->configure(options);
  content_->open_globals();
  content_->open_task(options);
}
TopologyDriver::~TopologyDriver() = default;

void TopologyDriver::pipe(const std::string& topic, std::optional<BytesView> key, std::optional<BytesView> value,
                          Timestamp timestamp, const Headers& headers) {
  Content& c = *content_;
  const AtWork at_work(c.is_at_work);
  ++c.output.input;
  if (!c.globals.contains(topic) && !c.task->input(topic))
    throw std::invalid_argument("the topology reads no topic " + topic);
  c.enqueue(topic, key, value, timestamp, headers);
  c.complete();
}

void TopologyDriver::advance_wall_clock(Duration by) {
  Content& c = *content_;
  const AtWork at_work(c.is_at_work);
  ++c.output.input;
  c.wall_clock = c.wall_clock + by;
  c.commit();
  c.capture_and_enqueue();
  c.complete();
}

const std::vector<Produced>& TopologyDriver::produced() const { return content_->output.all; }
StateStore* TopologyDriver::store(std::string_view name) {
  if (auto global = content_->global_stores.find(name); global != content_->global_stores.end()) return global->second;
  return content_->task->store(name);
}
std::map<std::string, std::int64_t> TopologyDriver::metrics() const {
  return {{"dropped-records-total", content_->task->counters().dropped + content_->global_counters.dropped}};
}
std::map<std::string, std::string> TopologyDriver::committed_metadata() const { return content_->committed; }
const Topology& TopologyDriver::topology() const { return content_->topology; }

}  // namespace millrace
