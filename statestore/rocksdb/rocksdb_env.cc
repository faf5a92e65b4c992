#include "millrace/statestore/rocksdb/rocksdb_env.h"

#include <rocksdb/file_system.h>
#include <rocksdb/system_clock.h>

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <optional>

#include "millrace/base/log.h"

namespace millrace {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

struct Sites {
  Site append, sync, truncate;
};
constexpr Sites sst{"rocksdb.sst.append", "rocksdb.sst.sync", "rocksdb.sst.truncate"};
constexpr Sites manifest{"rocksdb.manifest.append", "rocksdb.manifest.sync", "rocksdb.manifest.truncate"};
constexpr Sites current{"rocksdb.current.append", "rocksdb.current.sync", "rocksdb.current.truncate"};
constexpr Sites options{"rocksdb.options.append", "rocksdb.options.sync", "rocksdb.options.truncate"};
constexpr Sites wal{"rocksdb.wal.append", "rocksdb.wal.sync", "rocksdb.wal.truncate"};
constexpr Sites other{"rocksdb.other.append", "rocksdb.other.sync", "rocksdb.other.truncate"};

const Sites& sites_of(const std::string& path) {
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  if (name.ends_with(".sst")) return sst;
  if (name.starts_with("MANIFEST-")) return manifest;
  if (name.starts_with("OPTIONS-")) return options;
  if (name.ends_with(".log")) return wal;
  if (name.ends_with(".dbtmp")) return current;  // CURRENT, IDENTITY and OPTIONS are written so, then renamed
  return other;
}

thread_local FailedReads failed_reads;

IOStatus failed_read(const Error& error) {
  ++failed_reads.count;
  failed_reads.last = error.message();
  return IOStatus::IOError(error.message());
}

// Once a call for a database has failed, nothing of it is changed any more. What the disk has of a change that failed
// is not known, and RocksDB, which takes it for undone, would tidy up after it: remove a file that the manifest may
// name. So a failure leaves what a crash at its place leaves, and the next start goes on from there.
//
// Reads of tables that the database has are the exception: flushes and compactions look at each read's status and enter
// nothing that rests on a failed one, and a look-up enters nothing. The reads of a file that is taken in count: RocksDB
// does not see one fail while it looks for the file's first and last key, and would enter it with the wrong ones. So do
// those that make out what there is when a database is opened, which then does not open.
class Fence {
 public:
  template <class Change>
  IOStatus change(Change change) {
    if (auto first = first_failure())
      return IOStatus::IOError("nothing is changed after an earlier failure: " + *first);
    const Result<> done = change();
    return done ? IOStatus::OK() : failure(done.error());
  }  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): the status owns its message
  IOStatus failure(const Error& error) {
    std::lock_guard lock(mutex_);
    if (!first_failure_) first_failure_ = error.message();
    return IOStatus::IOError(error.message());
  }

 private:
  std::optional<std::string> first_failure() {
    std::lock_guard lock(mutex_);
    return first_failure_;
  }

  std::mutex mutex_;
  std::optional<std::string> first_failure_;
};

class Sequential final : public rocksdb::FSSequentialFile {
 public:
  Sequential(std::unique_ptr<File> file, Fence& fence) : file_(std::move(file)), fence_(fence) {}
  IOStatus Read(std::size_t n, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    auto read = file_->read_at(at_, scratch, n);
    if (!read) return fence_.failure(read.error());
    at_ += *read;
    *result = Slice(scratch, *read);
    return IOStatus::OK();
  }
  IOStatus Skip(std::uint64_t n) override {
    at_ += n;
    return IOStatus::OK();
  }

 private:
  std::unique_ptr<File> file_;
  Fence& fence_;
  std::uint64_t at_ = 0;
};

class RandomAccess final : public rocksdb::FSRandomAccessFile {
 public:
  // `fence`: null if a failed read does not count.
  RandomAccess(std::unique_ptr<File> file, Fence* fence) : file_(std::move(file)), fence_(fence) {}
  IOStatus Read(std::uint64_t offset, std::size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    auto read = file_->read_at(offset, scratch, n);
    if (!read) return fence_ ? fence_->failure(read.error()) : failed_read(read.error());
    *result = Slice(scratch, *read);
    return IOStatus::OK();
  }

 private:
  std::unique_ptr<File> file_;
  Fence* const fence_;
};

class Writable final : public rocksdb::FSWritableFile {
 public:
  Writable(std::unique_ptr<File> file, Fence& fence, const Sites& sites)
      : file_(std::move(file)), fence_(fence), sites_(sites) {}
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    return fence_.change([&] { return file_->append(BytesView(data.data(), data.size()), sites_.append); });
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions&, IODebugContext*) override {
    if (size == file_->size()) return IOStatus::OK();
    return fence_.change([&] { return file_->truncate(size, sites_.truncate); });
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    return fence_.change([&] { return file_->sync(sites_.sync); });
  }
  bool IsSyncThreadSafe() const override { return true; }
  std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return file_->size(); }

 private:
  std::unique_ptr<File> file_;
  Fence& fence_;
  const Sites& sites_;
};

class Directory final : public rocksdb::FSDirectory {
 public:
  Directory(millrace::FileSystem& files, Fence& fence, std::string path)
      : files_(files), fence_(fence), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return fence_.change([&] { return files_.sync_directory(path_, "rocksdb.directory.sync"); });
  }

 private:
  millrace::FileSystem& files_;
  Fence& fence_;
  std::string path_;
};

class Lock final : public rocksdb::FileLock {
 public:
  explicit Lock(std::unique_ptr<millrace::FileLock> lock) : lock_(std::move(lock)) {}

 private:
  std::unique_ptr<millrace::FileLock> lock_;
};

// Missing files are told from unreadable ones: RocksDB makes a database of the first and refuses the second.
class Files final : public rocksdb::FileSystem {
 public:
  Files(Env& env, std::string taken_in_from)
      : files_(env.files()), taken_in_from_(std::move(taken_in_from)), is_simulated_(env.is_simulated()) {}
  const char* Name() const override { return "millrace"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result, IODebugContext*) override {
    if (!files_.exists(path)) return IOStatus::PathNotFound(path);
    auto file = files_.open(path, OpenMode::read);
    if (!file) return fence_.failure(file.error());
    *result = std::make_unique<Sequential>(*std::move(file), fence_);
    return IOStatus::OK();
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result, IODebugContext*) override {
    if (!files_.exists(path)) return IOStatus::PathNotFound(path);
    auto file = files_.open(path, OpenMode::read);
    if (!file) return failed_read(file.error());
    const bool is_taken_in = path.starts_with(taken_in_from_ + "/");
    *result = std::make_unique<RandomAccess>(*std::move(file), is_taken_in ? &fence_ : nullptr);
    return IOStatus::OK();
  }
  IOStatus NewWritableFile(const std::string& path, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext*) override {
    return open_writable(path, OpenMode::replace, result);
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions&,
                              std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext*) override {
    return open_writable(path, OpenMode::append, result);
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions&, std::unique_ptr<rocksdb::FSDirectory>* result,
                        IODebugContext*) override {
    if (!files_.is_directory(path)) return IOStatus::PathNotFound(path);
    *result = std::make_unique<Directory>(files_, fence_, path);
    return IOStatus::OK();
  }
  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    return files_.exists(path) ? IOStatus::OK() : IOStatus::NotFound(path);
  }
  IOStatus GetChildren(const std::string& path, const IOOptions&, std::vector<std::string>* names,
                       IODebugContext*) override {
    if (!files_.exists(path)) return IOStatus::NotFound(path);
    auto listed = files_.list(path);
    if (!listed) return fence_.failure(listed.error());
    *names = *std::move(listed);
    return IOStatus::OK();
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    if (!files_.exists(path)) return IOStatus::NotFound(path);
    return fence_.change([&] { return files_.remove(path, "rocksdb.remove"); });
  }
  IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return fence_.change([&] { return files_.make_directories(path); });
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) override {
    return fence_.change([&] { return files_.make_directories(path); });
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return fence_.change([&] { return files_.remove_all(path, "rocksdb.remove"); });
  }
  IOStatus GetFileSize(const std::string& path, const IOOptions&, std::uint64_t* size, IODebugContext*) override {
    if (!files_.exists(path)) return IOStatus::PathNotFound(path);
    auto file = files_.open(path, OpenMode::read);
    if (!file) return fence_.failure(file.error());
    *size = (*file)->size();
    return IOStatus::OK();
  }
  // Asked for by nothing that is used here.
  IOStatus GetFileModificationTime(const std::string&, const IOOptions&, std::uint64_t*, IODebugContext*) override {
    return IOStatus::NotSupported("modification times");
  }
  // RocksDB points CURRENT at a new manifest and syncs the directory once, after: a filesystem that keeps the rename
  // and loses the manifest's name would leave nothing that opens. So names made before a rename are durable before it.
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&, IODebugContext*) override {
    const std::string directory = to.substr(0, to.rfind('/'));
    return fence_.change([&]() -> Result<> {
      MR_TRY(files_.sync_directory(directory, "rocksdb.rename.directory.sync"));
      return files_.rename(from, to, "rocksdb.rename");
    });
  }
  // Asked for by an ingestion that moves its files, which deletes the first name afterwards: here it is gone at once.
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions&, IODebugContext*) override {
    return fence_.change([&] { return files_.rename(from, to, "rocksdb.link"); });
  }
  IOStatus LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock** lock, IODebugContext*) override {
    auto held = files_.lock(path);
    if (!held) return IOStatus::IOError(held.error().message());
    *lock = new Lock(*std::move(held));
    return IOStatus::OK();
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    delete lock;
    return IOStatus::OK();
  }
  IOStatus GetTestDirectory(const IOOptions&, std::string*, IODebugContext*) override {
    return IOStatus::NotSupported("test directory");
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions& options, std::string* result,
                           IODebugContext* debug) override {
    if (!is_simulated_) return rocksdb::FileSystem::Default()->GetAbsolutePath(path, options, result, debug);
    *result = path.starts_with('/') ? path : "/" + path;
    return IOStatus::OK();
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* yes, IODebugContext*) override {
    if (!files_.exists(path)) return IOStatus::PathNotFound(path);
    *yes = files_.is_directory(path);
    return IOStatus::OK();
  }

 private:
  // Makes the file, or empties it: a change.
  IOStatus open_writable(const std::string& path, OpenMode mode, std::unique_ptr<rocksdb::FSWritableFile>* result) {
    return fence_.change([&]() -> Result<> {
      MR_ASSIGN(auto file, files_.open(path, mode));
      *result = std::make_unique<Writable>(std::move(file), fence_, sites_of(path));
      return {};
    });
  }

  millrace::FileSystem& files_;
  Fence fence_;
  const std::string taken_in_from_;
  const bool is_simulated_;
};

// Stands still: RocksDB's threads must not move virtual time, nor may anything that they write depend on it.
class StandingClock final : public rocksdb::SystemClock {
 public:
  explicit StandingClock(Timestamp at) : at_(at) {}
  const char* Name() const override { return "millrace"; }
  std::uint64_t NowMicros() override { return static_cast<std::uint64_t>(at_.ms) * 1000; }
  void SleepForMicroseconds(int) override {}
  rocksdb::Status GetCurrentTime(std::int64_t* seconds) override {
    *seconds = at_.ms / 1000;
    return rocksdb::Status::OK();
  }
  std::string TimeToString(std::uint64_t seconds) override { return std::to_string(seconds); }

 private:
  const Timestamp at_;
};

// RocksDB still calls some of these instead of the file system's; all must reach the same files. What is not forwarded
// below is not called.
class RocksDbEnv final : public rocksdb::EnvWrapper {
 public:
  RocksDbEnv(millrace::Env& env, std::string taken_in_from) : EnvWrapper(rocksdb::Env::Default()) {
    file_system_ = std::make_shared<Files>(env, std::move(taken_in_from));
    system_clock_ = env.is_simulated() ? std::make_shared<StandingClock>(env.clock().now()) : SystemClock::Default();
  }
  using Status = rocksdb::Status;
  using SystemClock = rocksdb::SystemClock;

  // Told of every family's folder; there is nothing to prepare.
  Status RegisterDbPaths(const std::vector<std::string>&) override { return Status::OK(); }
  Status UnregisterDbPaths(const std::vector<std::string>&) override { return Status::OK(); }
  Status FileExists(const std::string& path) override { return file_system_->FileExists(path, {}, nullptr); }
  Status GetChildren(const std::string& path, std::vector<std::string>* names) override {
    return file_system_->GetChildren(path, {}, names, nullptr);
  }
  Status DeleteFile(const std::string& path) override { return file_system_->DeleteFile(path, {}, nullptr); }
  Status CreateDir(const std::string& path) override { return file_system_->CreateDir(path, {}, nullptr); }
  Status CreateDirIfMissing(const std::string& path) override {
    return file_system_->CreateDirIfMissing(path, {}, nullptr);
  }
  Status DeleteDir(const std::string& path) override { return file_system_->DeleteDir(path, {}, nullptr); }
  Status GetFileSize(const std::string& path, std::uint64_t* size) override {
    return file_system_->GetFileSize(path, {}, size, nullptr);
  }
  Status RenameFile(const std::string& from, const std::string& to) override {
    return file_system_->RenameFile(from, to, {}, nullptr);
  }
  Status IsDirectory(const std::string& path, bool* yes) override {
    return file_system_->IsDirectory(path, {}, yes, nullptr);
  }
  Status LockFile(const std::string& path, rocksdb::FileLock** lock) override {
    return file_system_->LockFile(path, {}, lock, nullptr);
  }
  Status UnlockFile(rocksdb::FileLock* lock) override { return file_system_->UnlockFile(lock, {}, nullptr); }
  Status GetAbsolutePath(const std::string& path, std::string* result) override {
    return file_system_->GetAbsolutePath(path, {}, result, nullptr);
  }
  std::uint64_t NowMicros() override { return system_clock_->NowMicros(); }
  std::uint64_t NowNanos() override { return system_clock_->NowNanos(); }
  void SleepForMicroseconds(int micros) override { system_clock_->SleepForMicroseconds(micros); }
  Status GetCurrentTime(std::int64_t* seconds) override { return system_clock_->GetCurrentTime(seconds); }
};

class ErrorLog final : public rocksdb::Logger {
 public:
  explicit ErrorLog(std::string directory)
      : Logger(rocksdb::InfoLogLevel::ERROR_LEVEL), directory_(std::move(directory)) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char text[512];
    std::vsnprintf(text, sizeof text, format, arguments);
    log_error("state store", {{"directory", directory_}, {"rocksdb", std::string(text)}});
  }

 private:
  const std::string directory_;
};

}  // namespace

std::shared_ptr<rocksdb::Env> make_rocksdb_env(Env& env, std::string taken_in_from) {
  return std::make_shared<RocksDbEnv>(env, std::move(taken_in_from));
}

const FailedReads& failed_reads_of_this_thread() { return failed_reads; }

std::shared_ptr<rocksdb::Logger> make_rocksdb_logger(std::string directory) {
  return std::make_shared<ErrorLog>(std::move(directory));
}

}  // namespace millrace
