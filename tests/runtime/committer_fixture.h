// CommitterFixture: a committer over tasks that run when a test says so, a ScriptedLog and simulated time.
#pragma once
#include "millrace/runtime/committer.h"
#include "tests/runtime/runner_fixture.h"

namespace millrace {

// The last value of each key of "in", in a store "rows" and to "out".
inline void table_to_out(StreamsBuilder& builder) {
  constexpr Topic<std::string, std::string> in{"in"};
  constexpr Topic<std::string, std::string> out{"out"};
  builder.stream(in)
      .group_by_key()
      .reduce([](const std::string&, const std::string& b) { return b; }, {.as = "rows"})
      .to_stream()
      .to(out);
}

class CommitterFixture : public RunnerFixture {
 protected:
  CommitterFixture() {
    log_.create("in", 2);
    log_.create("out");
    log_.create("app-rows-changelog", 2);
    environment_.on_cut = [this](TaskRunner&) { committer_->on_cut(); };
    committer_settings_.group_id = "app";
  }
  ~CommitterFixture() override {
    env_.run_until_idle();  // what jobs refer to outlives them
    io_->drain();
  }
  Committer& commit_with(bool exactly_once = true) {
    environment_.exactly_once = committer_settings_.exactly_once = exactly_once;
    while (members_.size() < runners_.size()) members_.push_back({runners_[members_.size()].get(), nullptr, {}});
    committer_ = std::make_unique<Committer>(env_, *io_, log_, log_, log_, committer_settings_, members_,
                                             members_mutex_, [this](const Error& e) { errors_.push_back(e); });
    for (auto& r : runners_) r->wake();
    work();  // from here on they are told of input
    return *committer_;
  }
  // A task with a store on disk.
  TaskRunner& make_stored(PartitionId partition = 0) {
    auto opened =
        TaskDatabase::open(env_, "/state/0_" + std::to_string(partition), {"rows"}, make_database_memory(8 << 20));
    EXPECT_TRUE(opened) << opened.error().text();
    TaskDatabase& database = *databases_.emplace_back(*std::move(opened));
    settings_.cache_max_bytes = 0;
    TaskRunner& runner = make(table_to_out, partition, database.rows(0));
    Member member{&runner, &database, {}};
    Member::StoreTail tail;
    tail.topic = runner.output().topic("app-rows-changelog");
    runner.output().keep(tail.topic);
    tail.topic_id = {1, 2};
    member.tails.push_back(std::move(tail));
    members_.push_back(std::move(member));
    return runner;
  }
  // Tasks run until they have nothing to do.
  void work() { workers_.run_all(); }
  // Everybody does what there is to do; time stands still.
  void settle() {
    while (workers_.run_all() + static_cast<int>(env_.run_until_idle()) > 0) {
    }
  }
  // Tasks run by themselves from here on.
  void let_tasks_run() { workers_.let_run(*io_); }
  void put(const std::string& key, const std::string& value, PartitionId partition = 0) {
    log_.put({"in", partition}, {{key, value}});
    runners_[runners_.size() == 1 ? 0 : static_cast<std::size_t>(partition)]->input_arrived(0);
  }
  std::string row(std::size_t database, const std::string& key) {
    std::string value;
    auto found = databases_[database]->rows(0)->get(key, value);
    return found && *found ? value.substr(8) : "none";
  }

  std::unique_ptr<Executor> io_ = env_.make_io_executor(2, "io");
  CommitterSettings committer_settings_;
  std::deque<std::unique_ptr<TaskDatabase>> databases_;
  std::vector<Member> members_;
  std::mutex members_mutex_;
  std::vector<Error> errors_;
  std::unique_ptr<Committer> committer_;
};

}  // namespace millrace
