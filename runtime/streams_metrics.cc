#include "millrace/runtime/streams_metrics.h"

#include <algorithm>

namespace millrace {

namespace {
constexpr double ms_per_ns = 1e-6;
constexpr const char *client = "stream-metrics", *thread = "stream-thread-metrics", *checkpoint = "checkpoint-metrics";
}  // namespace

StreamsMetrics::StreamsMetrics(const std::string& application_id, RecordingLevel level, Clock& clock)
    : application_id_(application_id),
      clock_(clock),
      documented_(streams_metric_table(), level, clock),
      commits_(documented_.meter(thread, "commit", thread_tags())),
      checkpoints_(documented_.meter(checkpoint, "checkpoint", client_tags())),
      checkpoint_rows_(documented_.meter(checkpoint, "checkpoint-rows", client_tags())),
      created_(documented_.meter(thread, "task-created", thread_tags())),
      closed_(documented_.meter(thread, "task-closed", thread_tags())),
      redone_(documented_.meter("redo-metrics", "redo", client_tags())),
      commit_latency_(documented_.recent(thread, "commit-latency", thread_tags())),
      checkpoint_latency_(documented_.recent(checkpoint, "checkpoint-latency", client_tags())) {
  auto fact = [&](const char* group, const char* name, Tags tags, double value) {
    facts_.push_back(documented_.gauge(group, name, tags));
    facts_.back().set(value);
  };
  fact(client, "version", {{"client-id", application_id_}, {"version", MILLRACE_VERSION}}, 1);
  fact(client, "application-id", {{"client-id", application_id_}, {"application-id", application_id_}}, 1);
  fact(client, "recording-level", client_tags(), static_cast<double>(level));
  fact(thread, "thread-start-time", thread_tags(), static_cast<double>(clock.now().ms));
  for (std::string_view reason : restore_reasons) {
    Tags tags = client_tags();
    tags["reason"] = reason;
    restores_.push_back(documented_.meter("restore-metrics", "restores", tags));
  }
  asked_.push_back(documented_.callback("consumer-fetch-manager-metrics", "records-lag-max", client_tags(),
                                        [this] { return largest_lag(); }));
}

StreamsMetrics::Tags StreamsMetrics::task_tags(const std::string& task) const {
  Tags tags = thread_tags();
  tags["task-id"] = task;
  return tags;
}

void StreamsMetrics::watch_state(std::function<std::pair<int, std::string>()> state) {
  constexpr int running = 2, error = 6;
  auto ask = [&](const char* name, Tags tags, std::function<double()> read) {
    asked_.push_back(documented_.callback(client, name, tags, std::move(read)));
  };
  ask("client-state", client_tags(), [state] { return state().first; });
  ask("alive-stream-threads", client_tags(), [state, this] { return state().first == running ? workers() : 0; });
  ask("failed-stream-threads", client_tags(), [state] { return state().first == error ? 1 : 0; });
  for (std::string name : {"CREATED", "RUNNING", "PENDING_SHUTDOWN", "NOT_RUNNING", "ERROR"}) {
    Tags tags = client_tags();
    tags["state"] = name;
    ask("state", tags, [state, name] { return state().second == name ? 1 : 0; });
  }
}

void StreamsMetrics::watch_tail(std::function<double()> bytes) {
  asked_.push_back(documented_.callback(checkpoint, "changelog-tail-bytes", client_tags(), std::move(bytes)));
}

void StreamsMetrics::committed(std::int64_t took_ns) {
  const std::int64_t now_ns = clock_.monotonic_ns();
  std::lock_guard lock(mutex_);
  commits_.add(1, now_ns);
  commit_latency_.record(static_cast<double>(took_ns) * ms_per_ns, now_ns);
}

void StreamsMetrics::checkpoint_written(std::int64_t rows, std::int64_t took_ns) {
  const std::int64_t now_ns = clock_.monotonic_ns();
  std::lock_guard lock(mutex_);
  checkpoints_.add(1, now_ns);
  checkpoint_rows_.add(rows, now_ns);
  checkpoint_latency_.record(static_cast<double>(took_ns) * ms_per_ns, now_ns);
}

void StreamsMetrics::restored(std::size_t reason) {
  std::lock_guard lock(mutex_);
  restores_[reason].add(1, clock_.monotonic_ns());
}

void StreamsMetrics::tasks_created(std::int64_t n) {
  std::lock_guard lock(mutex_);
  created_.add(n, clock_.monotonic_ns());
}

void StreamsMetrics::tasks_closed(std::int64_t n) {
  std::lock_guard lock(mutex_);
  closed_.add(n, clock_.monotonic_ns());
}

void StreamsMetrics::redone() {
  std::lock_guard lock(mutex_);
  redone_.add(1, clock_.monotonic_ns());
}

void StreamsMetrics::forget_task(const std::string& task) {
  std::lock_guard lock(mutex_);
  busy_.erase(task);
  lags_.erase(task);
}

std::function<double()> StreamsMetrics::add_busy(const std::string& task, Meter busy_ns) {
  std::lock_guard lock(mutex_);
  busy_.emplace(task, busy_ns);
  return [this, busy_ns] {
    const double all = busy_in_all_.load();
    return all > 0 ? std::min(busy_ns.rate(clock_.monotonic_ns()) / all, 1.0) : 0;
  };
}

double StreamsMetrics::busy_in_all() const {
  const std::int64_t now_ns = clock_.monotonic_ns();
  double all = 0;
  std::lock_guard lock(mutex_);
  for (const auto& [id, busy] : busy_) all += busy.rate(now_ns);
  return all;
}

std::vector<MetricValue> StreamsMetrics::read() const {
  busy_in_all_.store(busy_in_all());
  return documented_.read();
}

void StreamsMetrics::add_lag(const std::string& task, std::function<double()> lag) {
  std::lock_guard lock(mutex_);
  lags_.emplace(task, std::move(lag));
}

double StreamsMetrics::largest_lag() const {
  double largest = 0;
  std::lock_guard lock(mutex_);
  for (const auto& [id, lag] : lags_) largest = std::max(largest, lag());
  return largest;
}

}  // namespace millrace
