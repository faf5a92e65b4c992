#include "simulated_run.h"

#include <algorithm>
#include <memory>

#include "comparison.h"
#include "millrace/base/sim/sim_env.h"
#include "millrace/connectors/embedded/embedded_client.h"
#include "millrace/connectors/simulated/simulated_client.h"
#include "millrace/runtime/streams.h"
#include "millrace/statestore/window_key.h"
#include "recorded_case.h"

namespace millrace::conformance {
namespace {

using sim::Side;
using sim::SimEnv;
using Produced = TopologyDriver::Produced;

constexpr std::uint64_t most_operations = 150;  // into what follows, for a kill

// Inputs have times of about a thousand seconds; what is older than days would be taken by retention.
sim::SimOptions sim_options(std::uint64_t seed) {
  return {.seed = seed, .start = Timestamp{2'000'000}, .untraced_content = "rocksdb."};
}

template <class T>
T need(Result<T> result, const char* what) {
  if (!result) throw Difference{std::string(what) + ": " + result.error().text()};
  return std::move(result).value();
}
void need(Result<> result, const char* what) {
  if (!result) throw Difference{std::string(what) + ": " + result.error().text()};
}

class Run {
 public:
  Run(const nlohmann::json& the_case, const RunPlan& plan, const Inputs& inputs, RunStory& story)
      : case_(the_case),
        plan_(plan),
        inputs_(inputs),
        story_(story),
        id_(plan.config.at("application.id")),
        draw_(plan.seed * 0x9e3779b97f4a7c15u + 3),
        env_(sim_options(plan.seed)) {}

  Findings run(const Findings& expected) {
    need(open(), "the first start");
    for (std::size_t i = 0; i < inputs_.size();) {
      if (i > 0 && i >= plan_.first_stop) stop_between(i);
      i = give(i);
      settle();
      take_outputs(static_cast<int>(i) - 1);
    }
    take_rows(expected);
    take_changelogs();
    need(close(), "the last close");
    return std::move(found_);
  }

 private:
  // ---- the machine

  Result<> open() {
    if (!log_) MR_TRY(open_log());
    Topology topology = build_topology(case_, plan_.config);
    MR_TRY(make_topics(topology));
    MR_ASSIGN(producer_, log_->make_producer({.linger = 0ms}));
    LogClient* log = log_.get();
    if (plan_.loses_answers) {
      SimulatedNetwork network{.seed = draw_.next(), .unknown_outcome = 0.05};
      network.wait = [this](Duration d) { env_.advance(d); };
      network_ = std::make_unique<SimulatedClient>(env_, *log_, network);
      log = network_.get();
    }
    streams_ = std::make_unique<Streams>(id_, std::move(topology), StreamsOptions{plan_.config, "/state", "/data"},
                                         env_, *log);
    return streams_->start();
  }
  Result<> close() {
    auto closed = streams_->close();
    // What could not be committed is done again.
    if (!closed && plan_.loses_answers &&
        closed.error().text().find("not all that was processed is committed") != std::string::npos)
      return {};
    return closed;
  }
  Result<> open_log() {
    EmbeddedConfig config;
    config.data_dir = "/data";
    config.housekeeping_interval = Duration(50);
    config.report = [](const std::string&) {};
    MR_ASSIGN(log_, open_embedded(env_, config));
    return {};
  }
  Result<> make_topics(const Topology& topology) {
    topics_in_.clear();
    topics_out_.clear();
    for (const TopologyNode& node : topology.nodes) {
      if (node.kind == TopologyNode::Kind::processor) continue;
      const bool is_source = node.kind == TopologyNode::Kind::source;
      for (const std::string& topic : node.topics) {
        if (is_source && node.sub_topology >= 0) topics_in_.insert(node.internal_topic ? id_ + "-" + topic : topic);
        if (node.internal_topic) continue;
        if (!is_source) topics_out_.insert(topic);
        MR_TRY(make_topic(topic, {{"retention.ms", "-1"}}));
      }
    }
    if (!plan_.compacts) return {};
    // As the application would make them, but that compaction finds something to do.
    for (const auto& topic : topology.internal_topics(id_)) {
      if (topic.type != Topology::InternalTopic::Type::changelog) continue;
      auto settings = topic.config;
      settings["segment.bytes"] = "1024";
      settings["min.cleanable.dirty.ratio"] = "0.01";
      MR_TRY(make_topic(topic.name, settings));
    }
    return {};
  }
  Result<> make_topic(const std::string& name, const std::map<std::string, std::string>& settings) {
    auto made = log_->admin().create_topic({name, plan_.partitions, settings});
    if (!made && made.error().code() == ErrorCode::topic_already_exists) return {};
    return made;
  }
  void stop_application() {
    streams_.reset();
    network_.reset();
    producer_.reset();
  }
  void take_state_away() {
    if (expect_alive(env_.files().remove_all("/state", "test"), "removing the state")) ++story_.deleted;
  }
  // False: the machine died, and what fails on a dead one is no error.
  bool expect_alive(Result<> result, const char* what) {
    if (!env_.is_killed()) need(std::move(result), what);
    return !env_.is_killed();
  }
  void order_kill(std::uint64_t operation) {
    env_.faults().kill_operation(operation, draw_.chance(0.5) ? Side::before : Side::after);
  }
  void stop_between(std::size_t i) {
    const bool deletes = draw_.chance(plan_.deletes);
    if (!deletes && !draw_.chance(plan_.closes)) return;
    story_.text += (deletes ? " close and delete before " : " close before ") + std::to_string(i) + ";";
    if (draw_.chance(plan_.kills)) order_kill(1 + draw_.below(3 * most_operations));
    if (!restart(deletes)) revive();
  }
  bool restart(bool deletes) {
    if (!expect_alive(close(), "a close")) return false;
    ++story_.closed;
    stop_application();
    if (draw_.chance(0.5)) log_.reset();
    if (deletes) take_state_away();
    return expect_alive(open(), "a start after a close");
  }
  // Of a machine that died, or is made to die here. What comes next may die, too.
  void revive() {
    for (bool again = true; again;) {
      if (!env_.is_killed()) env_.kill();
      stop_application();
      log_.reset();
      const bool power_cut = draw_.chance(0.5);
      if (power_cut) env_.power_cut();
      story_.text += power_cut ? " cut;" : " killed;";
      ++story_.killed;
      env_.reboot();
      env_.faults().clear();
      if (plan_.deletes > 0 && draw_.chance(plan_.deletes)) take_state_away();
      again = draw_.chance(0.2);
      if (again) order_kill(1 + draw_.below(4 * most_operations));
      again = !expect_alive(open(), "a start after a kill");
    }
  }

  // ---- inputs

  // Gives the input at `i`, and maybe what follows in the same topic; returns the next one.
  std::size_t give(std::size_t i) {
    if (!inputs_[i]) {
      env_.run_for(Duration(1 + static_cast<std::int64_t>(draw_.below(100))));
      return i + 1;
    }
    env_.faults().clear();
    const std::string& topic = inputs_[i]->topic;
    const std::size_t first = i;
    bool more = true;
    for (; more; ++i) {
      need(producer_->send(*inputs_[i], {}), "an input");
      need(producer_->flush(), "an input");
      if (plan_.groups) env_.run_for(Duration(static_cast<std::int64_t>(draw_.below(10))));
      more = plan_.groups && i + 1 < inputs_.size() && inputs_[i + 1] && inputs_[i + 1]->topic == topic &&
             draw_.chance(0.7);
    }
    if (first < plan_.first_stop || !draw_.chance(plan_.kills)) return i;
    const std::uint64_t operation = draw_.below(most_operations);
    story_.text += " kill at operation " + std::to_string(operation) + " behind " + std::to_string(i - 1) + ";";
    if (operation == 0) {
      revive();
    } else {
      order_kill(operation);
    }
    return i;
  }
  void settle() {
    for (int times = 0; times < 5000; ++times) {
      if (!env_.is_killed()) env_.run_for(Duration(3));
      if (!env_.is_killed() && streams_->state() == StreamsState::error) need(streams_->wait(), "the application");
      if (is_settled()) {
        env_.faults().clear();
        if (plan_.loses_answers) env_.run_for(500ms);  // global tables may hear late of what came
        env_.run_until_idle();
        return;
      }
      if (env_.is_killed()) revive();
    }
    throw Difference{"it does not come to an end"};
  }
  // Nothing that is committed is left to read.
  bool is_settled() {
    if (env_.is_killed()) return false;
    auto settled = look_for_more();
    if (env_.is_killed()) return false;
    return need(std::move(settled), "looking for more");
  }
  Result<bool> look_for_more() {
    MR_ASSIGN(auto consumer, make_consumer());
    MR_ASSIGN(const std::vector<TopicPartition> all, partitions_of(topics_in_));
    MR_ASSIGN(const OffsetsToCommit committed, consumer->committed(all));
    MR_TRY(consumer->assign(all));
    for (const auto& [partition, offset] : committed) MR_TRY(consumer->seek(partition, offset.offset));
    MR_ASSIGN(const auto records, consumer->poll(0ms));
    return records.empty();
  }
  Result<std::unique_ptr<Consumer>> make_consumer() {
    ConsumerConfig config;
    config.group_id = id_;
    config.isolation = Isolation::read_committed;
    config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
    return log_->make_consumer(config);
  }
  Result<std::vector<TopicPartition>> partitions_of(const std::set<std::string>& topics) {
    std::vector<TopicPartition> all;
    for (const std::string& topic : topics) {
      MR_ASSIGN(const TopicDescription described, log_->admin().describe_topic(topic));
      for (PartitionId p = 0; p < described.partitions; ++p) all.push_back({topic, p});
    }
    return all;
  }

  // ---- what is left behind

  std::vector<ConsumedRecord> read(const std::set<std::string>& topics) {
    auto consumer = need(make_consumer(), "a consumer");
    const auto all = need(partitions_of(topics), "topics");
    need(consumer->assign(all), "topics");
    for (const TopicPartition& partition : all) need(consumer->seek(partition, positions_[partition]), "topics");
    std::vector<ConsumedRecord> records;
    for (;;) {
      auto some = need(consumer->poll(0ms), "a topic");
      if (some.empty()) return records;
      for (ConsumedRecord& r : some) {
        positions_[r.partition] = r.offset + 1;
        records.push_back(std::move(r));
      }
    }
  }
  void take_outputs(int input) {
    if (topics_out_.empty()) return;
    for (ConsumedRecord& r : read(topics_out_))
      found_.outputs.push_back({r.partition.topic, r.key, r.value, r.timestamp, r.headers, plan_.groups ? -1 : input});
  }
  void take_changelogs() {
    for (const auto& topic : streams_->topology().internal_topics(id_)) {
      if (topic.type != Topology::InternalTopic::Type::changelog) continue;
      auto& last = found_.changelogs[topic.name];
      for (ConsumedRecord& r : read({topic.name})) last[*r.key] = {r.value, r.timestamp, r.headers};
    }
  }
  // Of each store what is asked for: the keys that there should be, and all that came by.
  void take_rows(const Findings& expected) {
    for (const StoreSpec& spec : streams_->topology().stores) {
      auto& rows = found_.rows[spec.name];
      for (const Place& place : places_of(spec, expected)) {
        const auto take = [&](ValueAndTimestamp value) {
          if (value) rows[place] = text_of_row(value);
        };
        auto answered = spec.kind == StoreSpec::Kind::window
                            ? streams_->query(spec.name, place.first, Timestamp{place.second}, take)
                            : streams_->query(spec.name, place.first, take);
        if (!answered && answered.error().code() == ErrorCode::invalid_config) break;  // nothing reads it
        need(std::move(answered), "a query");
      }
    }
  }
  std::set<Place> places_of(const StoreSpec& spec, const Findings& expected) const {
    std::set<Place> asked;
    for (const auto& [place, row] : expected.rows.at(spec.name)) asked.insert(place);
    if (spec.kind != StoreSpec::Kind::window)
      for (const auto& input : inputs_)
        if (input && input->key) asked.insert({*input->key, -1});
    auto logged = expected.changelogs.find(id_ + "-" + spec.name + "-changelog");
    if (logged == expected.changelogs.end()) return asked;
    for (const auto& [key, last] : logged->second) {
      if (spec.kind == StoreSpec::Kind::window) {
        const BytesView table_key = table_key_in_store_key(key);
        asked.insert({Bytes(key_in_table_key(table_key)), start_in_table_key(table_key).ms});
      } else {
        asked.insert({key, -1});
      }
    }
    if (spec.kind != StoreSpec::Kind::window || !plan_.forgets_time) return asked;
    std::int64_t newest = -1;
    for (const auto& [key, start] : asked) newest = std::max(newest, start);
    std::erase_if(asked, [&](const Place& place) { return place.second <= newest - spec.retention.count(); });
    return asked;
  }

  const nlohmann::json& case_;
  const RunPlan& plan_;
  const Inputs& inputs_;
  RunStory& story_;
  const std::string id_;
  sim::SeededRandom draw_;
  SimEnv env_;
  std::set<std::string> topics_in_, topics_out_;
  std::map<TopicPartition, Offset> positions_;
  Findings found_;
  std::unique_ptr<LogClient> log_;
  std::unique_ptr<SimulatedClient> network_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<Streams> streams_;
};

}  // namespace

Findings findings_of_application(const nlohmann::json& the_case, const RunPlan& plan, const Inputs& inputs,
                                 const Findings& expected, RunStory& story) {
  return Run(the_case, plan, inputs, story).run(expected);
}

}  // namespace millrace::conformance
