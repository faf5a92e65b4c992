// Env: the only door to the world. Time, files, chance and threads come from here, so that every failure is one seed.
//
// Two implementations: real_env() (base/env_real.h: POSIX, oneTBB or plain threads) and sim::SimEnv (base/sim/: one
// thread, one seed; it loses un-synced writes, fails or delays operations, kills a node). No code outside base/ calls a
// clock, opens a file, makes a thread or draws a random number by itself; tests/tidy.py checks that.
//
// Every operation that changes something durable carries a *site*: a string literal that names the place in the code,
// such as "log.segment.sync". Fault injection counts, fails, skips or kills at sites by name; the list of sync sites is
// in docs/formats/durability.md.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/result.h"
#include "millrace/base/types.h"

namespace millrace {

// A string literal: the name of a place in the code that changes something durable.
using Site = std::string_view;

// Threads: any.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall clock.
  virtual Timestamp now() = 0;
  // Never goes back; origin unspecified.
  virtual std::int64_t monotonic_ns() = 0;
};

// One open file. Threads: reads may run beside each other and beside one append, syncs beside anything; appends and
// truncate are the caller's to order.
class File {
 public:
  virtual ~File() = default;
  // Reads up to `size` bytes at `offset` into `to`; returns how many there were (fewer only at the end of the file).
  virtual Result<std::size_t> read_at(std::uint64_t offset, char* to, std::size_t size) = 0;
  // Appends `parts` one after the other at the end of the file, whole or not at all as far as the caller can see; after
  // an error the file may hold a torn tail.
  virtual Result<> append(std::span<const BytesView> parts, Site site) = 0;
  Result<> append(BytesView bytes, Site site) { return append(std::span(&bytes, 1), site); }
  // Overwrites (or extends) at `offset`.
  virtual Result<> write_at(std::uint64_t offset, BytesView bytes, Site site) = 0;
  virtual Result<> truncate(std::uint64_t size, Site site) = 0;
  // fdatasync: content and size are on disk when it returns. After an error the file must not be synced again, by
  // another File of it either: the kernel has dropped the pages, and a second call would lie.
  virtual Result<> sync(Site site) = 0;
  // syncfs: everything written before, to any file of the filesystem that this one is on, is on disk when it returns.
  // Error: also when the kernel gave up a write of any of them since this file was opened.
  virtual Result<> sync_filesystem(Site site) = 0;
  virtual std::uint64_t size() const = 0;
};

// Held as long as the object lives; released by the kernel when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode {
  read,        // must exist
  append,      // made if missing; reads and writes
  create_new,  // must not exist
  replace,     // made, or emptied
};

// Paths use '/'. Threads: any. Errors: KAFKA_STORAGE_ERROR with the path and the system's reason, unless said
// otherwise.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual bool exists(const std::string& path) = 0;
  // Names (not paths) of files and folders in `directory`, sorted.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  virtual bool is_directory(const std::string& path) = 0;
  // Makes `directory` and its parents; no error if it exists. Syncs nothing.
  virtual Result<> make_directories(const std::string& directory) = 0;
  // Atomic replacement within one filesystem. Durable after sync_directory of the parent.
  virtual Result<> rename(const std::string& from, const std::string& to, Site site) = 0;
  virtual Result<> remove(const std::string& path, Site site) = 0;
  // Removes a folder and all in it; no error if it is missing.
  virtual Result<> remove_all(const std::string& directory, Site site) = 0;
  // Makes new names, renames and removals in `directory` durable.
  virtual Result<> sync_directory(const std::string& directory, Site site) = 0;
  // Exclusive, among processes. The error names the process that holds it (its pid is in the file).
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  // Content of a small file, whole.
  Result<Bytes> read_file(const std::string& path);
  // make_directories, and the names of all folders on the way are durable: else a power cut takes a folder with all
  // that was synced in it. Also of those that were there: who made them may have been killed before the sync.
  Result<> make_durable_directories(const std::string& directory, Site site);
  // Writes `path`.tmp, syncs it, renames it over `path`, syncs the directory: after a crash there is the old or the new
  // content.
  Result<> write_file_atomically(const std::string& path, BytesView content, Site site);
};

// Threads: any.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
};

class MonitorLock;  // base/monitor.h

using Job = std::function<void()>;

// Runs jobs. Real ones: a oneTBB arena, whose jobs must never block; plain threads (under ThreadSanitizer, and for I/O,
// whose jobs may block). Simulated: all jobs on one thread, in an order drawn from the seed.
class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `job` soon, on some worker. Threads: any.
  virtual void post(Job job) = 0;
  // Runs `job` at or after `monotonic_ns`; never, if that is INT64_MAX (see later() in types.h). Threads: any.
  virtual void post_at(std::int64_t monotonic_ns, Job job) = 0;
  // How many jobs may run at once.
  virtual int concurrency() const = 0;
  // Waits until no job runs and none is queued (timers apart), then refuses further ones silently. Called before what
  // jobs refer to is destroyed; never from a job.
  virtual void drain() = 0;
};

class Env {
 public:
  virtual ~Env() = default;
  virtual Clock& clock() = 0;
  virtual FileSystem& files() = 0;
  virtual Random& random() = 0;
  // A new executor of `concurrency` workers whose jobs never block (TBB in the real Env). 0: as many as the process has
  // cores.
  virtual std::unique_ptr<Executor> make_executor(int concurrency, std::string_view name) = 0;
  // A new executor of `concurrency` threads whose jobs may block.
  virtual std::unique_ptr<Executor> make_io_executor(int concurrency, std::string_view name) = 0;
  // A place where fault injection may stop or kill: before and after decisions that no file operation marks by itself.
  // Free in the real Env unless MILLRACE_FAULT is set.
  virtual void fault_point(Site site) = 0;
  // Waits, with the lock let go, until `done()` holds (it is called with the lock held), at most for `timeout`; returns
  // whether it holds. Who changes what `done` reads notifies the monitor. Simulated: runs other jobs meanwhile; false
  // as soon as the node is dead, or nothing is left that could run.
  virtual bool wait(MonitorLock& lock, const std::function<bool()>& done,
                    std::optional<Duration> timeout = std::nullopt) = 0;
  // Whether everything happens in one order, drawn from a seed: then what libraries below would do by themselves
  // (RocksDB's compactions) must be asked for and waited for.
  virtual bool is_simulated() const { return false; }
  // False only in the simulation, once the node was killed: what waits or tries again must give up.
  virtual bool is_alive() const { return true; }
};

}  // namespace millrace
