#include "millrace/broker/log/log_directory.h"

#include <sstream>

namespace millrace::broker {
namespace {

constexpr const char* format_file = "millrace.format";

}  // namespace

Result<std::unique_ptr<LogDirectory>> LogDirectory::open(Env& env, const std::string& path, FlushMode flush,
                                                         Report report) {
  MR_TRY(env.files().make_durable_directories(path, "log.directory.parent"));
  std::unique_ptr<LogDirectory> directory(new LogDirectory(env, path, flush, std::move(report)));
  MR_ASSIGN(directory->lock_, env.files().lock(path + "/millrace.lock"));
  MR_TRY(directory->check_format());
  MR_ASSIGN(directory->filesystem_, env.files().open(path + "/" + format_file, OpenMode::read));
  MR_ASSIGN(directory->synced_offsets_, SyncedOffsets::open(env.files(), path + "/synced-offsets"));
  return directory;
}

Result<> LogDirectory::check_format() {
  std::string file = path_ + "/" + format_file;
  if (!files().exists(file)) {
    return files().write_file_atomically(file, std::to_string(format_number) + "\n", "log.directory.format");
  }
  MR_ASSIGN(Bytes text, files().read_file(file));
  int number = std::atoi(text.c_str());
  if (number == format_number) return {};
  return Error(ErrorCode::unsupported_version, file + ": format " + std::to_string(number) +
                                                   "; this Millrace reads format " + std::to_string(format_number) +
                                                   (number > format_number ? ": use a newer one" : ""));
}

void LogDirectory::fence(const Error& cause) {
  {
    std::lock_guard lock(mutex_);
    if (fenced_.load()) return;
    cause_ = cause.text();
    fenced_.store(true);
  }
  report_("log directory " + path_ + " is fenced: nothing more is written until a restart. Cause: " + cause.text());
}

Result<> LogDirectory::check() const {
  if (!fenced_.load(std::memory_order_acquire)) [[likely]]
    return {};
  std::lock_guard lock(mutex_);
  return Error(ErrorCode::kafka_storage_error, "log directory " + path_ + " is fenced: " + cause_);
}

// Version, count, then "topic partition offset" lines: Kafka's OffsetCheckpointFile.
Result<LogDirectory::Offsets> LogDirectory::read_offsets(const std::string& file) {
  Offsets offsets;
  std::string path = path_ + "/" + file;
  if (!files().exists(path)) return offsets;
  MR_ASSIGN(Bytes text, files().read_file(path));
  std::istringstream in(text);
  int version = -1;
  std::size_t count = 0;
  in >> version >> count;
  if (!in) return Error(ErrorCode::kafka_storage_error, path + " does not begin with a version and a count: damaged");
  if (version != 0) {
    return Error(ErrorCode::unsupported_version,
                 path + ": version " + std::to_string(version) + "; this Millrace reads version 0");
  }
  TopicPartition partition;
  Offset offset = 0;
  while (in >> partition.topic >> partition.partition >> offset) offsets[partition] = offset;
  if (offsets.size() != count) {
    return Error(ErrorCode::kafka_storage_error,
                 path + ": says " + std::to_string(count) + " entries, has " + std::to_string(offsets.size()));
  }
  return offsets;
}

Result<> LogDirectory::write_offsets(const std::string& file, const Offsets& offsets, Site site) {
  std::string text = "0\n" + std::to_string(offsets.size()) + "\n";
  for (const auto& [partition, offset] : offsets) {
    text += partition.topic + " " + std::to_string(partition.partition) + " " + std::to_string(offset) + "\n";
  }
  return files().write_file_atomically(path_ + "/" + file, text, site);
}

}  // namespace millrace::broker
