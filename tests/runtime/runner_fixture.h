// RunnerFixture: tasks with their runners over a ScriptedLog and simulated time, without the rest of an application. A
// test runs slices itself, or lets the scheduler do so.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "millrace/base/sim/sim_env.h"
#include "millrace/dsl/streams_builder.h"
#include "millrace/runtime/task_runner.h"
#include "millrace/topology_function.h"
#include "tests/runtime/scripted_log.h"
#include "tests/runtime/step_executor.h"

namespace millrace {

class RunnerFixture : public ::testing::Test {
 protected:
  RunnerFixture() {
    environment_.clock = &env_.clock();
    environment_.consumer = &log_;
    environment_.producer = &log_;
    environment_.scheduler = &scheduler_;
    environment_.globals = &gate_;
    environment_.on_cut = [this](TaskRunner& r) { log_.calls.push_back("cut " + r.task().id().text()); };
    environment_.on_failure = [this](TaskRunner&, const TaskFailure& f) { failures_.push_back(f); };
    environment_.wake_at = [this](TaskId, std::int64_t ns) { wake_at_.push_back(ns); };
    environment_.on_full_tail = [this] { ++full_tails_; };
    environment_.on_full_memory = [this](TaskRunner&) { ++full_memories_; };
    settings_.application_id = "app";
  }
  // Task 0_<partition> of the topology. Its topics must exist.
  TaskRunner& make(const TopologyFunction& topology, PartitionId partition = 0, Checkpoint* checkpoint = nullptr) {
    StreamsBuilder builder;
    topology(builder);
    topologies_.push_back(builder.build());
    auto runner = std::make_unique<TaskRunner>(std::make_unique<RecordCollector>(log_, log_, pool_), 0, environment_);
    runner->set_task(std::make_unique<Task>(TaskId{0, partition}, topologies_.back(), std::vector<int>{0}, settings_,
                                            runner->output(), global_stores_,
                                            [&](const StoreSpec&) { return checkpoint; }));
    return *runners_.emplace_back(std::move(runner));
  }
  // Slices until the task has nothing more to do.
  static void run(TaskRunner& runner) {
    while (runner.run_slice()) {
    }
  }

  sim::SimEnv env_{1};
  ScriptedLog log_;
  StepExecutor workers_;
  Scheduler scheduler_{workers_};
  GlobalGate gate_{env_,
                   [this](TaskId id) {
                     for (auto& r : runners_)
                       if (r->task().id() == id) r->wake();
                   },
                   [](std::int64_t) {}};
  BuilderPool pool_;
  GlobalStores global_stores_;
  TaskSettings settings_;
  RunnerEnvironment environment_;
  std::deque<Topology> topologies_;
  std::vector<TaskFailure> failures_;
  std::vector<std::int64_t> wake_at_;
  int full_tails_ = 0, full_memories_ = 0;
  std::vector<std::unique_ptr<TaskRunner>> runners_;
};

// "in" to "out", as it is.
inline void copy(StreamsBuilder& builder) {
  constexpr Topic<std::string, std::string> in{"in"}, out{"out"};
  builder.stream(in).to(out);
}

}  // namespace millrace
