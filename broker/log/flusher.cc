#include "millrace/broker/log/flusher.h"

#include <algorithm>

namespace millrace::broker {

Result<> Flusher::sync(const std::vector<std::shared_ptr<PartitionLog>>& partitions) {
  MR_TRY(logs_.check());
  std::unique_lock lock(mutex_);
  waiting_.insert(waiting_.end(), partitions.begin(), partitions.end());
  std::int64_t mine = started_ + 1;  // the next round to start takes what I have added
  while (finished_ < mine) {
    if (running_) {
      round_done_.wait(lock);
      continue;
    }
    running_ = true;
    ++started_;
    auto round = std::move(waiting_);
    waiting_.clear();
    lock.unlock();
    const std::int64_t started_ns = logs_.metrics().now_ns();
    auto result = sync_round(round);
    result ? logs_.metrics().synced(logs_.metrics().now_ns() - started_ns) : logs_.metrics().sync_failed();
    if (!result) logs_.fence(result.error());
    lock.lock();
    running_ = false;
    finished_ = started_;
    round_done_.notify_all();
  }
  lock.unlock();
  return logs_.check();
}

Result<> Flusher::sync_round(const std::vector<std::shared_ptr<PartitionLog>>& partitions) {
  auto logs = partitions;
  // By name, not by address: what happens in what order is the same in every run.
  std::sort(logs.begin(), logs.end(), [](auto& a, auto& b) { return a->partition() < b->partition(); });
  logs.erase(std::unique(logs.begin(), logs.end()), logs.end());
  std::vector<PartitionLog::Unsynced> unsynced;
  std::size_t files = 0;
  for (auto& log : logs) {
    unsynced.push_back(log->take_unsynced());
    files += unsynced.back().segments.size();
  }
  if (files > files_synced_one_by_one) {
    MR_TRY(logs_.filesystem().sync_filesystem("log.filesystem.sync"));
  } else {
    for (std::size_t i = 0; i < logs.size(); ++i) {
      auto result = sync_log(*logs[i], unsynced[i]);
      if (!result && !logs[i]->is_deleted()) return result;  // of a deleted topic the files may be gone
    }
  }
  for (std::size_t i = 0; i < logs.size(); ++i) logs[i]->synced(unsynced[i].end);
  return {};
}

Result<> Flusher::sync_log(const PartitionLog& log, const PartitionLog::Unsynced& unsynced) {
  for (const auto& segment : unsynced.segments) MR_TRY(segment->file().sync("log.segment.sync"));
  if (unsynced.directory) MR_TRY(logs_.files().sync_directory(log.directory(), "log.directory.sync"));
  return {};
}

std::int64_t Flusher::rounds() const {
  std::lock_guard lock(mutex_);
  return finished_;
}

}  // namespace millrace::broker
