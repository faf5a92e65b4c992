#include "tests/simulation/application.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "millrace/base/metrics.h"
#include "millrace/base/sim/sim_env.h"
#include "millrace/connectors/embedded/embedded_client.h"
#include "millrace/connectors/simulated/simulated_client.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/streams.h"
#include "millrace/runtime/streams_config.h"
#include "millrace/statestore/rocksdb/task_database.h"
#include "tests/simulation/feed.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/topology.h"

namespace millrace::test {
namespace {

using sim::SeededRandom;
using sim::Side;
using sim::SimEnv;

constexpr int most_lives = 4;
constexpr std::uint64_t most_operations = 4000;  // into a life, for what is to go wrong

// What goes wrong in one life.
struct Fate {
  std::uint64_t operation = 0;  // 0: nothing on the way
  std::string sync_site;        // if not empty: what fails is the sync here, the `operation`-th time
  enum class What { kill_before, kill_after, fail } what = What::kill_before;
  bool power_cut = false;  // at its end
  bool closes = false;     // in good order, if it gets there
  int steps = 3;
};

const char* name_of(Fate::What what) {
  return what == Fate::What::fail ? "fails" : what == Fate::What::kill_before ? "is not done" : "is the last";
}

class Run {
 public:
  explicit Run(const ApplicationRun& run)
      : run_(run),
        draw_(run.seed * 0x9e3779b97f4a7c15u + 1),
        env_(sim::SimOptions{.seed = run.seed, .keep_trace_text = run.keeps_trace, .untraced_content = "rocksdb."}) {
    config_["commit.interval.ms"] = std::to_string(5 + draw_.below(100));
    // Some write none but at a close: what a start finds is old.
    config_["state.checkpoint.interval.ms"] = std::to_string(draw_.chance(0.2) ? 3'600'000 : draw_.below(300));
    config_["statestore.cache.max.bytes"] = draw_.chance(0.5) ? "0" : "100000";
    config_["state.value.cache.max.bytes"] = draw_.chance(0.3) ? "0" : "1000000";
    outcome_.facts.push_back("commit every " + config_["commit.interval.ms"] + " ms, checkpoint every " +
                             config_["state.checkpoint.interval.ms"] + " ms, record cache " +
                             config_["statestore.cache.max.bytes"] + ", value cache " +
                             config_["state.value.cache.max.bytes"]);
    shape_.reuses_source = run.seed % 3 == 0;
    if (shape_.reuses_source) config_["topology.optimization"] = "reuse.ktable.source.topics";
    config_["num.stream.threads"] = "3";
    config_["state.memory.bytes"] = "1073741824";  // RocksDB's cache evicts by what its ids hash to: never, here
    exactly_once_ = !draw_.chance(0.25);
    config_["processing.guarantee"] = exactly_once_ ? "exactly_once_v2" : "at_least_once";
    shape_.has_baskets = draw_.chance(0.4);
    shape_.has_visits = draw_.chance(0.4);
    if (draw_.chance(0.3)) shape_.delete_retention_ms = "7200000";  // two hours: a checkpoint lives for one of them
    outcome_.facts.push_back(config_["processing.guarantee"] + (shape_.has_baskets ? ", baskets" : "") +
                             (shape_.has_visits ? ", visits" : "") +
                             (shape_.reuses_source ? ", the table reads its own topic" : "") +
                             ", tombstones live for " + shape_.delete_retention_ms + " ms");
    updates_held_back_ = config_["statestore.cache.max.bytes"] != "0";
    is_calm_ = draw_.chance(0.05);
    has_network_ = !is_calm_ && draw_.chance(0.4);
    is_long_ = draw_.chance(0.1);
    fail_at_update(!is_calm_ && draw_.chance(0.3) ? 1 + static_cast<int>(draw_.below(40)) : 0,
                   1 + static_cast<int>(run.seed % 4));
  }

  ApplicationOutcome run() {
    const int lives = 1 + static_cast<int>(draw_.below(most_lives));
    for (int i = 0; i < lives && outcome_.problems.empty(); ++i) live(draw_fate());
    env_.faults().clear();
    if (outcome_.problems.empty()) last_life();
    outcome_.sync_sites = env_.faults().sync_sites();
    outcome_.passes = env_.faults().passes();
    outcome_.trace = env_.trace().lines();
    return std::move(outcome_);
  }

 private:
  Fate draw_fate() {
    Fate fate;
    if (draw_.chance(0.8))
      fate.operation = 1 + draw_.below(1 + draw_.below(is_long_ ? 10 * most_operations : most_operations));
    fate.what = draw_.chance(0.1)   ? Fate::What::fail
                : draw_.chance(0.5) ? Fate::What::kill_before
                                    : Fate::What::kill_after;
    fate.power_cut = !run_.lie.empty() || draw_.chance(0.7);
    if (fate.operation > 0 && draw_.chance(0.15)) draw_failing_sync(fate);
    fate.closes = draw_.chance(0.4);
    if (is_calm_) fate.operation = 0, fate.closes = true;
    fate.steps = 1 + static_cast<int>(draw_.below(is_long_ ? 60 : 8));
    return fate;
  }
  // Most of these live on with the kernel's cache, which shows what the disk never got.
  void draw_failing_sync(Fate& fate) {
    const auto& sites = env_.faults().sync_sites();
    if (sites.empty()) return;
    fate.what = Fate::What::fail;
    fate.sync_site = *std::next(sites.begin(), static_cast<std::ptrdiff_t>(draw_.below(sites.size())));
    fate.operation = 1 + draw_.below(8);
    fate.power_cut = !run_.lie.empty() || draw_.chance(0.3);
  }
  void problem(const std::string& text) { outcome_.problems.push_back(text); }
  // An error is one only while the machine is well.
  bool is_excused(const Fate& fate) const {
    return env_.is_killed() || (fate.operation > 0 && fate.what == Fate::What::fail);
  }

  void order(const Fate& fate) {
    env_.faults().clear();
    if (run_.lie == "*")
      env_.faults().lie_about_all();
    else if (!run_.lie.empty())
      env_.faults().lie_about(run_.lie);
    if (fate.operation == 0) return;
    switch (fate.what) {
      case Fate::What::kill_before:
        return env_.faults().kill_operation(fate.operation, Side::before);
      case Fate::What::kill_after:
        return env_.faults().kill_operation(fate.operation, Side::after);
      case Fate::What::fail:
        return fate.sync_site.empty() ? env_.faults().fail_operation(fate.operation)
                                      : env_.faults().fail(fate.sync_site, fate.operation);
    }
  }

  void live(const Fate& fate) {
    ++outcome_.lives;
    outcome_.facts.push_back("life " + std::to_string(outcome_.lives) + ": operation " +
                             std::to_string(fate.operation) +
                             (fate.sync_site.empty() ? " " : " of " + fate.sync_site + " ") + name_of(fate.what) +
                             (fate.power_cut ? ", power cut" : "") + (fate.closes ? ", closes" : "") + ", " +
                             std::to_string(fate.steps) + " steps");
    order(fate);
    auto worked = work(fate);
    if (!worked && !is_excused(fate)) problem("life " + std::to_string(outcome_.lives) + ": " + worked.error().text());
    if (!env_.is_killed() && !fate.closes) env_.kill();
    end_stay();
    stop();
    if (!env_.is_killed()) env_.kill();
    if (fate.power_cut) {
      env_.power_cut();
      ++outcome_.power_cuts;
    }
    env_.reboot();
    // Some come back after hours, when checkpoints are too old and tombstones may go.
    if (draw_.chance(0.2)) env_.advance(Duration(static_cast<std::int64_t>(draw_.below(3 * 3'600'000))));
  }

  void stop() {
    feed_.close();
    client_.reset();
    log_.reset();
  }

  Result<> work(const Fate& fate) {
    MR_TRY(open());
    for (int step = 0; step < fate.steps; ++step) {
      MR_TRY(feed_.feed());
      env_.run_for(Duration(1 + static_cast<std::int64_t>(draw_.below(150))));
      if (streams_->state() == StreamsState::error) return streams_->wait();
    }
    if (!fate.closes) return {};
    return close_streams();
  }

  Result<> open_log() {
    EmbeddedConfig config;
    config.data_dir = "/data";
    config.housekeeping_interval = Duration(20 + static_cast<std::int64_t>(draw_.below(200)));
    config.report = [](const std::string&) {};
    MR_ASSIGN(log_, open_embedded(env_, config));
    return {};
  }

  Result<> open() {
    MR_TRY(open_log());
    MR_TRY(make_topics());
    MR_ASSIGN(auto problems, problems_at_start(*log_, exactly_once_));
    for (const std::string& text : problems) problem("before life " + std::to_string(outcome_.lives) + ": " + text);
    LogClient* log = log_.get();
    if (has_network_) {
      SimulatedNetwork network;
      network.seed = draw_.next();
      network.unknown_outcome = 0.1;
      network.wait = [this](Duration d) { env_.advance(d); };
      client_ = std::make_unique<SimulatedClient>(env_, *log_, network);
      log = client_.get();
    }
    MR_TRY(feed_.open(*log_));
    MR_TRY(feed_.fill_tables());
    if (draw_.chance(0.1)) MR_TRY(run_log_alone());
    return start(*log);
  }
  // The application is away, the log is not: it compacts.
  Result<> run_log_alone() {
    MR_TRY(feed_.feed());
    env_.run_for(300ms);
    env_.advance(Duration(static_cast<std::int64_t>(draw_.below(3 * 3'600'000))));
    env_.run_for(300ms);
    return feed_.feed();
  }
  Result<> start(LogClient& log) {
    StreamsBuilder builder;
    sales(builder, shape_);
    streams_ = std::make_unique<Streams>("sales", builder.build(topology_config(streams_config(with_id()))),
                                         StreamsOptions{config_, "/state", "/data"}, env_, log);
    streams_->set_uncaught_exception_handler(
        [](const Error&) { return StreamThreadExceptionResponse::replace_thread; });
    stays_.emplace_back();
    MR_ASSIGN(stays_.back().from, committed_orders(*log_));
    auto started = streams_->start();
    if (shape_.has_visits) take_counts(stays_.back().emptied);
    return started;
  }
  // What the application has counted. Costs as much as a start of a small store: asked for once or twice a start.
  void take_counts(int& emptied) {
    Stay& stay = stays_.back();
    emptied = stay.outdated = 0;
    stay.dropped = 0;
    for (const MetricValue& m : streams_->metrics()) {
      const auto value = static_cast<int>(m.value);
      if (m.name.name == "redo-total") stay.redone = value;
      if (m.name.name == "dropped-records-total") stay.dropped += value;
      if (m.name.name != "restores-total") continue;
      if (m.name.tags.at("reason") == "no-changelog") emptied = value;
      if (m.name.tags.at("reason") == "expired") stay.outdated = value;
    }
  }
  Result<> close_streams() {
    auto closed = streams_->close();
    // What could not be committed is done again; all else is as ever.
    if (!closed && closed.error().text().find("not all that was processed is committed") == std::string::npos)
      return closed;
    stays_.back().ended_well = true;
    MR_ASSIGN(stays_.back().to, committed_orders(*log_));
    return {};
  }
  // Of what ran, whether it died or not.
  void end_stay() {
    if (!streams_) return;
    Stay& stay = stays_.back();
    int emptied = 0;
    take_counts(emptied);
    if (emptied != stay.emptied) problem("a redo has emptied a store without a changelog");
    streams_.reset();
    outcome_.facts.push_back(
        "ran from " + std::to_string(stay.from[0]) + " and " + std::to_string(stay.from[1]) +
        (stay.ended_well ? " to " + std::to_string(stay.to[0]) + " and " + std::to_string(stay.to[1]) : " and died") +
        ", redone " + std::to_string(stay.redone) + ", emptied " + std::to_string(stay.emptied) + ", dropped " +
        std::to_string(stay.dropped));
  }
  ConfigValues with_id() const {
    ConfigValues values = config_;
    values["application.id"] = "sales";
    return values;
  }

  Result<> make_topics() {
    for (const auto& [name, partitions] : {std::pair("orders", 2),
                                           {"customers", 2},
                                           {"prices", 1},
                                           {"copies", 2},
                                           {"totals", 2},
                                           {"windows", 2},
                                           {"baskets", 2},
                                           {"visits", 2},
                                           {"joined", 2},
                                           {"priced", 2}}) {
      if (!shape_.has_baskets && name == std::string_view("baskets")) continue;
      if (!shape_.has_visits && name == std::string_view("visits")) continue;
      auto made = log_->admin().create_topic({name, partitions, {{"segment.bytes", "4096"}, {"retention.ms", "-1"}}});
      if (!made && made.error().code() != ErrorCode::topic_already_exists) return made;
    }
    return {};
  }

  // Nothing goes wrong any more: everything must come out.
  void last_life() {
    ++outcome_.lives;
    if (draw_.chance(0.2)) (void)env_.files().remove_all("/state", "test");
    auto finished = finish();
    if (finished) finished = cut_power_at_the_end();
    if (!finished) return problem("last life: " + finished.error().text());
    outcome_.orders = feed_.fed().acknowledged.size();
    gather_rows();
    Verdict verdict = verdict_of({*log_, shape_, exactly_once_, updates_held_back_, feed_.fed(), stays_, rows_});
    for (const std::string& text : verdict.problems) problem(text);
    outcome_.met = std::move(verdict.met);
    gather_facts();
  }
  Result<> finish() {
    MR_TRY(open());
    MR_TRY(feed_.feed());
    MR_TRY(close_streams());
    end_stay();
    MR_TRY(feed_.feed_last(!exactly_once_));
    MR_TRY(start(*log_));
    MR_TRY(streams_->run_until_end_of_input());
    MR_TRY(close_streams());
    end_stay();
    return {};
  }
  // What is looked at after the last life is what the disk has of it.
  Result<> cut_power_at_the_end() {
    env_.kill();
    stop();
    env_.power_cut();
    ++outcome_.power_cuts;
    env_.reboot();
    return open_log();
  }
  // Of RocksDB's own files the names only: ids in them are drawn by the system.
  void gather_facts() {
    auto& facts = outcome_.facts;
    facts.push_back("trace " + std::to_string(env_.trace().count()) + " " + std::to_string(env_.trace().hash()));
    facts.push_back("time " + std::to_string(env_.clock().now().ms));
    for (const char* topic : {"orders", "copies", "totals", "windows", "baskets", "visits", "joined", "priced"}) {
      auto records = read_topic(*log_, topic, partition_count);
      if (!records) continue;
      for (auto& partition : *records)
        for (auto& r : partition)
          facts.push_back(r.partition.text() + "@" + std::to_string(r.offset) + " " + r.key.value_or("null") + "=" +
                          r.value.value_or("null") + " " + std::to_string(r.timestamp.ms));
    }
    if (auto groups = log_->admin().describe_groups())
      for (auto& group : *groups)
        for (auto& [partition, offset] : group.committed)
          facts.push_back("committed " + partition.text() + " " + std::to_string(offset.offset) + " " +
                          offset.metadata);
    for (const auto& [store, partitions] : rows_)
      for (std::size_t p = 0; p < partitions.size(); ++p)
        for (const auto& [key, row] : partitions[p])
          facts.push_back("row " + store + "-" + std::to_string(p) + " " + key + "=" + row);
    gather_files();
  }
  void gather_rows() {
    std::vector<std::string> names = {"customers-by-name", "orders-by-window"};
    if (shape_.has_baskets) names.push_back("baskets-by-customer");
    if (shape_.has_visits) names.push_back("visits-by-customer");
    const std::vector<std::pair<std::string, std::vector<std::string>>> stores = {{"0", names},
                                                                                  {"2", {"totals-by-product"}}};
    for (const auto& [task, stored] : stores)
      for (std::size_t p = 0; p < partition_count; ++p) {
        const std::string directory = "/state/sales/" + task + "_" + std::to_string(p);
        auto database = TaskDatabase::open(env_, directory, stored, make_database_memory(256 << 20));
        for (std::size_t i = 0; i < stored.size(); ++i) {
          auto& rows = rows_[stored[i]][p];
          if (!database) continue;
          for (auto all = (*database)->rows(i)->scan({}, {}, true); all->next();)
            rows[Bytes(all->key())] = Bytes(all->value());
        }
        if (!database) problem("state: " + database.error().text());
      }
  }
  void gather_files() {
    const std::string listing = env_.disk().listing();
    for (std::size_t at = 0; at < listing.size();) {
      const std::size_t end = listing.find('\n', at);
      std::string line = listing.substr(at, end - at);
      at = end == std::string::npos ? listing.size() : end + 1;
      if (line.find("/state/sales/") != std::string::npos) line.resize(std::min(line.size(), line.rfind(' ')));
      outcome_.facts.push_back(line);
    }
  }

  const ApplicationRun run_;
  SeededRandom draw_;
  SimEnv env_;
  ConfigValues config_;
  Shape shape_;
  bool exactly_once_ = true, updates_held_back_ = false, has_network_ = false, is_long_ = false;
  bool is_calm_ = false;  // nothing goes wrong but between two lives
  std::vector<Stay> stays_;
  std::map<std::string, StoreRows> rows_;
  std::unique_ptr<LogClient> log_;
  std::unique_ptr<SimulatedClient> client_;
  Feed feed_{draw_};
  std::unique_ptr<Streams> streams_;
  ApplicationOutcome outcome_;
};

}  // namespace

ApplicationOutcome run_application(const ApplicationRun& run) { return Run(run).run(); }

}  // namespace millrace::test
