#include "millrace/runtime/store_queries.h"

#include <algorithm>
#include <atomic>

#include "millrace/base/monitor.h"
#include "millrace/statestore/window_key.h"

namespace millrace {

namespace {
constexpr Duration while_reopened{10};  // between two looks whether the tasks are there again
}  // namespace

// Keys of another kind of store would be read as what they are not.
Result<> StoreQueries::check_kind(std::string_view store, StoreSpec::Kind kind) const {
  const StoreSpec* spec = topology_.store(store);
  if (!spec || spec->kind == kind) return {};  // of a store that there is not nobody is asked
  return Error(ErrorCode::invalid_request,
               "store " + spec->name +
                   (spec->kind == StoreSpec::Kind::window ? " is a window store: ask for a key and a window's start"
                                                          : " is a key-value store: its keys have no windows"));
}

Result<> StoreQueries::ask(std::string_view store, BytesView key, const Visitor& visitor, Duration timeout) const {
  MR_TRY(check_kind(store, StoreSpec::Kind::key_value));
  if (global_.visit(store, key, visitor)) return {};
  return ask_tasks(store, key, Bytes(key), visitor, timeout);
}

Result<> StoreQueries::ask(std::string_view store, BytesView key, Timestamp window_start, const Visitor& visitor,
                           Duration timeout) const {
  MR_TRY(check_kind(store, StoreSpec::Kind::window));
  Bytes table_key;
  append_table_key(table_key, key, window_start);
  return ask_tasks(store, key, table_key, visitor, timeout);
}

// `key` says which task is likely to have it, `table_key` which entry. As in Kafka Streams the others are asked too:
// records may have come to a partition that is not their key's.
Result<> StoreQueries::ask_tasks(std::string_view store, BytesView key, const Bytes& table_key, const Visitor& visitor,
                                 Duration timeout) const {
  const std::vector<TaskId> holders = tasks_.holders(store, key);
  if (holders.empty())
    return Error(ErrorCode::invalid_config, "there is no store " + std::string(store) + " in this topology");
  const std::int64_t until_ns = later(env_.clock().monotonic_ns(), timeout);
  bool found = false;
  for (auto id = holders.begin(); id != holders.end() && !found; ++id) {
    const bool is_last = id + 1 == holders.end();
    const auto look = [&, name = std::string(store)](Task& task) {
      for (const Task::Store& s : task.stores()) {
        if (s.spec->name != name) continue;
        const ValueAndTimestamp value = s.core->peek(table_key);
        found = bool(value);
        if (found || is_last) visitor(value);
      }
    };
    MR_TRY(ask_task(*id, look, until_ns));
  }
  return {};
}

// Runs `look` in the task and waits for it. Throws what it throws.
Result<> StoreQueries::ask_task(TaskId id, const std::function<void(Task&)>& look, std::int64_t until_ns) const {
  struct Answer {
    Monitor monitor;
    bool begun = false, done = false;
    std::atomic<bool> abandoned{false};
    std::exception_ptr problem;
  };
  auto answer = std::make_shared<Answer>();
  const auto job = [answer, &look](Task& task) {
    {
      MonitorLock lock(answer->monitor);
      if (answer->abandoned.load()) return;
      answer->begun = true;
    }
    std::exception_ptr problem;
    try {
      look(task);
    } catch (...) {
      problem = std::current_exception();  // of the one who asked, not of the task
    }
    {
      MonitorLock lock(answer->monitor);
      answer->done = true;
      answer->problem = problem;
    }
    answer->monitor.notify_all();
  };
  const auto is_wanted = [answer] { return !answer->abandoned.load(); };
  const auto left = [&] {
    return Duration(std::max<std::int64_t>(until_ns - env_.clock().monotonic_ns(), 0) / 1'000'000);
  };
  bool posted = tasks_.post(id, job, is_wanted);
  while (!posted && !tasks_.is_closed() && left() > Duration{0}) {
    MonitorLock lock(answer->monitor);
    env_.wait(lock, [] { return false; }, std::min(left(), while_reopened));
    posted = tasks_.post(id, job, is_wanted);
  }
  MonitorLock lock(answer->monitor);
  if (posted) env_.wait(lock, [&] { return answer->done; }, left());
  if (answer->begun) env_.wait(lock, [&] { return answer->done; });
  if (answer->problem) std::rethrow_exception(answer->problem);
  if (answer->done) return {};
  answer->abandoned.store(true);
  return Error(ErrorCode::request_timed_out, "task " + id.text() + " did not answer in time");
}

}  // namespace millrace
