#include "millrace/broker/logs.h"

#include "millrace/base/base64.h"
#include "millrace/base/parallel.h"
#include "millrace/broker/log/compaction.h"

namespace millrace::broker {
namespace {

constexpr const char* metadata_file = "/partition.metadata";

// Kafka's partition.metadata: which topic, by id, a directory belongs to.
std::string metadata_of(const Topic& topic) { return "version: 0\ntopic_id: " + text_of(topic.id); }

}  // namespace

Result<std::unique_ptr<Logs>> Logs::open(LogDirectory& directory, Topics& topics) {
  std::unique_ptr<Logs> logs(new Logs(directory));
  MR_ASSIGN(logs->recovery_points_, directory.read_offsets(LogDirectory::recovery_point_file));
  MR_ASSIGN(logs->log_starts_, directory.read_offsets(LogDirectory::log_start_file));
  MR_ASSIGN(logs->cleaned_to_, directory.read_offsets(LogDirectory::cleaner_file));
  MR_TRY(logs->remove_strays(topics));
  for (const auto& topic : topics.list()) {
    MR_ASSIGN(TopicConfig config, TopicConfig::parse(topic.configs));
    for (PartitionId p = 0; p < topic.partitions; ++p) {
      MR_ASSIGN(logs->logs_[TopicPartition(topic.name, p)], logs->open_partition(topic, p, config));
    }
  }
  return logs;
}

// What has metadata and no topic is what a crash left of a creation (it has no records yet) or of a deletion (the topic
// is among those removed). Anything else was a topic once: whoever removed it here would finish what damage began.
Result<> Logs::check_is_stray(const std::string& path, const std::set<std::string>& removed) const {
  auto& files = directory_.files();
  MR_ASSIGN(Bytes metadata, files.read_file(path + metadata_file));
  if (removed.contains(metadata)) return {};
  MR_ASSIGN(auto content, files.list(path));
  for (const auto& name : content) {
    if (!name.ends_with(".log")) continue;
    MR_ASSIGN(auto file, files.open(path + "/" + name, OpenMode::read));
    if (file->size() == 0) continue;
    return Error(ErrorCode::kafka_storage_error,
                 path + " holds records of a topic that " + directory_.path() +
                     "/topics.log does not know: that file is damaged or was replaced. Nothing was changed. Bring " +
                     "back the right one, or move the folder away to go on without its records");
  }
  return {};
}

// A directory is a partition's if it bears the name of one and its metadata has the topic's id.
Result<> Logs::remove_strays(Topics& topics) {
  std::map<std::string, std::string> wanted;
  for (const auto& topic : topics.list()) {
    for (PartitionId p = 0; p < topic.partitions; ++p) {
      wanted[TopicPartition{topic.name, p}.text()] = metadata_of(topic);
    }
  }
  auto& files = directory_.files();
  MR_ASSIGN(auto names, files.list(directory_.path()));
  std::set<std::string> removed;
  for (const auto& topic : topics.removed()) removed.insert(metadata_of(topic));
  std::vector<std::string> strays;
  for (const auto& name : names) {
    std::string path = directory_.path() + "/" + name;
    if (!files.is_directory(path) || name.find('-') == std::string::npos) continue;
    bool has_metadata = files.exists(path + metadata_file);
    if (auto found = wanted.find(name); found != wanted.end()) {
      MR_ASSIGN(Bytes metadata, has_metadata ? files.read_file(path + metadata_file) : Result<Bytes>(Bytes()));
      if (metadata == found->second) continue;
      return Error(ErrorCode::kafka_storage_error,
                   path + metadata_file + " says \"" + metadata + "\", expected \"" + found->second + "\"");
    }
    if (!has_metadata) {  // cut short before its metadata, or none of ours
      MR_ASSIGN(auto content, files.list(path));
      if (!content.empty()) continue;
    } else {
      MR_TRY(check_is_stray(path, removed));
    }
    strays.push_back(path);
  }
  for (const auto& [name, metadata] : wanted) {
    if (!files.exists(directory_.path() + "/" + name)) {
      return Error(ErrorCode::kafka_storage_error, directory_.path() + "/" + name + " is missing");
    }
  }
  if (strays.empty()) return {};
  MR_TRY(topics.sync_last_change());  // it may be what makes them strays
  directory_.report(strays[0] + (strays.size() == 1 ? " belongs to no topic and is removed"
                                                    : " and " + std::to_string(strays.size() - 1) +
                                                          " more folders belong to no topic and are removed"));
  for (const auto& path : strays) MR_TRY(files.remove_all(path, "logs.stray.remove"));
  return files.sync_directory(directory_.path(), "logs.stray.directory");
}

Result<std::shared_ptr<PartitionLog>> Logs::open_partition(const Topic& topic, PartitionId partition,
                                                           const TopicConfig& config) {
  PartitionLog::Options options;
  options.partition = {topic.name, partition};
  options.topic_id = topic.id;
  options.directory = path_of(options.partition);
  options.config = config;
  options.internal = topic.internal();
  if (auto found = recovery_points_.find(options.partition); found != recovery_points_.end()) {
    options.recovery_point = found->second;
  }
  if (auto found = log_starts_.find(options.partition); found != log_starts_.end()) options.log_start = found->second;
  return PartitionLog::open(directory_, std::move(options));
}

Result<Logs::LogList> Logs::create(const Topic& topic) {
  MR_ASSIGN(TopicConfig config, TopicConfig::parse(topic.configs));
  auto& files = directory_.files();
  LogList logs;
  {
    // An earlier topic of this name may have left its offsets behind.
    std::lock_guard lock(checkpoint_mutex_);
    auto points = recovery_points_, starts = log_starts_, cleaned = cleaned_to_;
    std::size_t stale = 0;
    for (PartitionId p = 0; p < topic.partitions; ++p) {
      TopicPartition key{topic.name, p};
      stale += points.erase(key) + starts.erase(key) + cleaned.erase(key);
    }
    if (stale > 0) {
      MR_TRY(directory_.write_offsets(LogDirectory::recovery_point_file, points, "logs.recovery_points"));
      MR_TRY(directory_.write_offsets(LogDirectory::log_start_file, starts, "logs.log_starts"));
      MR_TRY(directory_.write_offsets(LogDirectory::cleaner_file, cleaned, "logs.cleaned"));
      recovery_points_ = std::move(points);
      log_starts_ = std::move(starts);
      cleaned_to_ = std::move(cleaned);
    }
  }
  for (PartitionId p = 0; p < topic.partitions; ++p) {
    std::string path = path_of({topic.name, p});
    if (files.exists(path)) MR_TRY(files.remove_all(path, "logs.stray.remove"));
    MR_TRY(files.make_directories(path));
    MR_TRY(files.write_file_atomically(path + metadata_file, metadata_of(topic), "logs.metadata.write"));
    MR_ASSIGN(auto log, open_partition(topic, p, config));
    logs.push_back(std::move(log));
  }
  MR_TRY(files.sync_directory(directory_.path(), "logs.create.directory"));
  return logs;
}

void Logs::publish(LogList logs) {
  std::unique_lock lock(mutex_);
  for (auto& log : logs) logs_[log->partition()] = std::move(log);
}

Result<> Logs::remove(const Topic& topic) {
  LogList removed;
  {
    std::unique_lock lock(mutex_);
    for (PartitionId p = 0; p < topic.partitions; ++p) {
      auto found = logs_.find({topic.name, p});
      if (found == logs_.end()) continue;
      removed.push_back(std::move(found->second));
      logs_.erase(found);
    }
  }
  for (const auto& log : removed) log->mark_deleted();
  for (const auto& log : removed) MR_TRY(directory_.files().remove_all(log->directory(), "logs.topic.remove"));
  return {};
}

std::shared_ptr<PartitionLog> Logs::find(const TopicPartition& partition) const {
  std::shared_lock lock(mutex_);
  auto found = logs_.find(partition);
  return found == logs_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<PartitionLog>> Logs::all() const {
  std::shared_lock lock(mutex_);
  std::vector<std::shared_ptr<PartitionLog>> all;
  for (const auto& [partition, log] : logs_) all.push_back(log);
  return all;
}

Result<> Logs::checkpoint(Executor* at_once) {
  std::lock_guard lock(checkpoint_mutex_);
  MR_TRY(directory_.check());
  std::vector<std::function<Result<>()>> jobs;
  for (const auto& log : all()) {
    const Offset start = log->offsets().log_start_offset;
    is_unwritten_ |= std::exchange(log_starts_[log->partition()], start) != start;
    Offset& point = recovery_points_.try_emplace(log->partition(), -1).first->second;
    if (point == log->offsets().log_end_offset && !log->needs_checkpoint()) continue;
    jobs.emplace_back([log, &point]() -> Result<> {
      auto reached = log->checkpoint();
      if (!reached && log->is_deleted()) return {};  // deleted meanwhile
      if (!reached) return std::move(reached).error();
      point = *reached;
      return {};
    });
  }
  if (jobs.empty() && !is_unwritten_) return {};
  is_unwritten_ = true;
  if (at_once) {
    MR_TRY(run_all(directory_.env(), *at_once, jobs));
  } else {
    for (const auto& job : jobs) MR_TRY(job());
  }
  MR_TRY(directory_.check());
  MR_TRY(directory_.write_offsets(LogDirectory::log_start_file, log_starts_, "logs.log_starts"));
  directory_.env().fault_point("logs.checkpoint");
  MR_TRY(directory_.write_offsets(LogDirectory::recovery_point_file, recovery_points_, "logs.recovery_points"));
  is_unwritten_ = false;
  return {};
}

Result<> Logs::write_log_starts() {
  std::lock_guard lock(checkpoint_mutex_);
  for (const auto& log : all()) log_starts_[log->partition()] = log->offsets().log_start_offset;
  is_unwritten_ = true;
  return directory_.write_offsets(LogDirectory::log_start_file, log_starts_, "logs.log_starts");
}

Result<int> Logs::compact() {
  int count = 0;
  for (const auto& log : all()) {
    if (!log->config().compacts) continue;
    Offset first_dirty = 0;
    {
      std::lock_guard lock(checkpoint_mutex_);
      if (auto found = cleaned_to_.find(log->partition()); found != cleaned_to_.end()) first_dirty = found->second;
    }
    if (!wants_compaction(*log, first_dirty)) continue;
    auto result = broker::compact(*log, first_dirty);
    if (!result && log->is_deleted()) continue;  // deleted meanwhile
    if (!result && result.error().code() == ErrorCode::corrupt_message) {
      directory_.report("ERROR " + result.error().text());
      continue;
    }
    if (!result) return std::move(result).error();
    std::lock_guard lock(checkpoint_mutex_);
    if (log->is_deleted()) continue;  // its name may be another topic's by now
    cleaned_to_[log->partition()] = result->first_dirty;
    MR_TRY(directory_.write_offsets(LogDirectory::cleaner_file, cleaned_to_, "logs.cleaned"));
    ++count;
  }
  return count;
}

Result<int> Logs::enforce_retention() {
  int removed = 0;
  for (const auto& log : all()) {
    auto count = log->enforce_retention();
    if (!count && log->is_deleted()) continue;
    if (!count) return std::move(count).error();
    removed += *count;
  }
  if (removed > 0) MR_TRY(write_log_starts());
  return removed;
}

}  // namespace millrace::broker
