// The directory that holds all logs of a broker: its lock, its format number, and whether it is fenced.
//
//   <data_dir>/millrace.format      "1\n": the layout of everything below; a newer one is refused
//   <data_dir>/millrace.lock        held as long as the broker runs
//   <data_dir>/topics.log           broker/topics.h
//   <data_dir>/recovery-point-offset-checkpoint, log-start-offset-checkpoint     Kafka's text files
//   <data_dir>/synced-offsets       broker/log/synced_offsets.h
//   <data_dir>/<topic>-<partition>/ broker/log/partition_log.h
// (docs/formats/directory.md)
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "millrace/base/env.h"
#include "millrace/base/result.h"
#include "millrace/base/types.h"
#include "millrace/broker/log/log_metrics.h"
#include "millrace/broker/log/read_buffers.h"
#include "millrace/broker/log/synced_offsets.h"

namespace millrace::broker {

// What an acknowledgement means. group: on disk, one sync for all who wait. os: in the kernel, as with Kafka.
enum class FlushMode { group, os };

// Receives sentences that an operator must read: data lost, a directory fenced, a long recovery. Threads: any.
using Report = std::function<void(const std::string& sentence)>;

// Threads: any.
class LogDirectory {
 public:
  static constexpr int format_number = 1;

  // Makes the directory if it is missing, locks it, checks its format.
  // Errors: KAFKA_STORAGE_ERROR (held by another process, which is named), UNSUPPORTED_VERSION (written by a newer
  // Millrace).
  static Result<std::unique_ptr<LogDirectory>> open(Env& env, const std::string& path, FlushMode flush, Report report);

  Env& env() { return env_; }
  FileSystem& files() { return env_.files(); }
  // A file of the directory's filesystem, open since before anything was written.
  File& filesystem() { return *filesystem_; }
  const std::string& path() const { return path_; }
  FlushMode flush_mode() const { return flush_; }
  void report(const std::string& sentence) const { report_(sentence); }

  // A failed sync or a torn write that could not be undone: from here on nothing is written. Not retried, since the
  // kernel has dropped the pages and calls them clean: a restart writes them once more (recovery.h).
  void fence(const Error& cause);
  // Error: KAFKA_STORAGE_ERROR with the first cause, once fenced.
  Result<> check() const;

  // Up to where partitions were synced.
  SyncedOffsets& synced_offsets() { return *synced_offsets_; }

  LogMetrics& metrics() { return metrics_; }
  ReadBuffers& read_buffers() { return read_buffers_; }

  // Kafka's checkpoint files: one offset a partition. A missing file is an empty map.
  using Offsets = std::map<TopicPartition, Offset>;
  Result<Offsets> read_offsets(const std::string& file);
  Result<> write_offsets(const std::string& file, const Offsets& offsets, Site site);
  static constexpr const char* recovery_point_file = "recovery-point-offset-checkpoint";
  static constexpr const char* cleaner_file = "cleaner-offset-checkpoint";
  static constexpr const char* log_start_file = "log-start-offset-checkpoint";

 private:
  LogDirectory(Env& env, std::string path, FlushMode flush, Report report)
      : env_(env), path_(std::move(path)), flush_(flush), report_(std::move(report)), metrics_(env.clock()) {}
  Result<> check_format();

  Env& env_;
  std::string path_;
  FlushMode flush_;
  Report report_;
  LogMetrics metrics_;
  ReadBuffers read_buffers_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<File> filesystem_;
  std::unique_ptr<SyncedOffsets> synced_offsets_;
  std::atomic<bool> fenced_{false};
  mutable std::mutex mutex_;
  std::string cause_;  // under mutex_
};

}  // namespace millrace::broker
