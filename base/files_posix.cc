#include "millrace/base/files_posix.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>

#include "millrace/base/fault.h"

namespace millrace {
namespace {

Error failed(std::string_view what, const std::string& path, int error_number) {
  return Error(ErrorCode::kafka_storage_error,
               std::string(what) + " " + path + ": " + std::generic_category().message(error_number));
}

// Owns a descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

Descriptor open_descriptor(const std::string& path, int flags) {
  int fd;
  do fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  while (fd < 0 && errno == EINTR);
  return Descriptor(fd);
}

// Writes all of `parts` at `offset`; 0, or errno.
int write_all(int fd, std::span<iovec> parts, std::uint64_t offset) {
  constexpr std::size_t most_parts = 1024;  // IOV_MAX
  while (!parts.empty()) {
    if (parts[0].iov_len == 0) {
      parts = parts.subspan(1);
      continue;
    }
    ssize_t n =
        ::pwritev(fd, parts.data(), static_cast<int>(std::min(parts.size(), most_parts)), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    offset += static_cast<std::uint64_t>(n);
    auto left = static_cast<std::size_t>(n);
    while (!parts.empty() && left >= parts[0].iov_len) {
      left -= parts[0].iov_len;
      parts = parts.subspan(1);
    }
    if (left > 0) {
      parts[0].iov_base = static_cast<char*>(parts[0].iov_base) + left;
      parts[0].iov_len -= left;
    }
  }
  return 0;
}

iovec as_iovec(BytesView bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

// Linux tells of a failed write once for each descriptor: of two threads that sync one, the other would take the
// dropped pages for written, and so would whoever tries again. So one at a time, and a failure is remembered.
class SyncMemory {
 public:
  // What `call` (0, or -1 and errno) gives; errno, or 0.
  template <class Call>
  int sync(Call call) {
    std::lock_guard lock(mutex_);
    if (error_ == 0 && call() != 0) error_ = errno;
    return error_;
  }

 private:
  std::mutex mutex_;
  int error_ = 0;
};

// The next file to be opened would get the number of a standard stream that is closed, and what the program prints
// would go into it. What holds the number instead can be neither read nor written, so a closed stream stays one.
void occupy_closed_standard_streams() {
  for (int fd = 0; fd <= STDERR_FILENO;) {
    fd = ::open("/dev/null", O_PATH | O_CLOEXEC);
    if (fd < 0) return;
    if (fd > STDERR_FILENO) ::close(fd);
  }
}

class PosixFile : public File {
 public:
  PosixFile(std::string path, Descriptor fd, bool writable, std::uint64_t size)
      : path_(std::move(path)), fd_(std::move(fd)), writable_(writable), size_(size) {}

  Result<std::size_t> read_at(std::uint64_t offset, char* to, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      ssize_t n = ::pread(fd_.get(), to + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed("cannot read", path_, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Result<> append(std::span<const BytesView> parts, Site site) override {
    FaultPass pass(site);
    constexpr std::size_t few = 8;
    iovec on_stack[few];
    std::vector<iovec> many;
    std::span<iovec> vectors(on_stack, std::min(parts.size(), few));
    if (parts.size() > few) {
      many.resize(parts.size());
      vectors = many;
    }
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      vectors[i] = as_iovec(parts[i]);
      total += parts[i].size();
    }
    std::uint64_t at = size_.load(std::memory_order_relaxed);
    if (int error = write_all(fd_.get(), vectors, at)) {
      (void)!::ftruncate(fd_.get(), static_cast<off_t>(at));  // the torn tail, if the disk lets us
      return failed("cannot append to", path_, error);
    }
    size_.store(at + total, std::memory_order_release);
    return {};
  }

  Result<> write_at(std::uint64_t offset, BytesView bytes, Site site) override {
    FaultPass pass(site);
    iovec one = as_iovec(bytes);
    if (int error = write_all(fd_.get(), {&one, 1}, offset)) return failed("cannot write to", path_, error);
    if (offset + bytes.size() > size_.load()) size_.store(offset + bytes.size(), std::memory_order_release);
    return {};
  }

  Result<> truncate(std::uint64_t size, Site site) override {
    FaultPass pass(site);
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return failed("cannot truncate", path_, errno);
    size_.store(size, std::memory_order_release);
    return {};
  }

  Result<> sync(Site site) override {
    FaultPass pass(site);
    if (int error = content_.sync([&] { return ::fdatasync(fd_.get()); })) return failed("cannot sync", path_, error);
    return {};
  }

  Result<> sync_filesystem(Site site) override {
    FaultPass pass(site);
    if (int error = filesystem_.sync([&] { return ::syncfs(fd_.get()); }))
      return failed("cannot sync the filesystem of", path_, error);
    return {};
  }

  std::uint64_t size() const override {
    if (writable_) return size_.load(std::memory_order_acquire);
    struct stat status;  // somebody else may be appending to it
    return ::fstat(fd_.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : size_.load();
  }

 private:
  std::string path_;
  Descriptor fd_;
  bool writable_;
  std::atomic<std::uint64_t> size_;
  SyncMemory content_, filesystem_;
};

class PosixFileLock : public FileLock {
 public:
  explicit PosixFileLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;  // closing it releases the flock
};

std::string read_short(int fd) {
  char text[256];
  ssize_t n = ::pread(fd, text, sizeof text, 0);
  std::string result(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!result.empty() && (result.back() == '\n' || result.back() == '\0')) result.pop_back();
  return result;
}

// "process 4711 (millrace)", from what the holder wrote into its lock file. One that has only just taken the lock may
// not have written yet: the file is empty then, or names a holder that is gone.
std::string holder_of(int lock_fd) {
  std::string pid, name;
  for (int looks = 0; looks < 20 && name.empty(); ++looks) {
    if (looks > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    pid = read_short(lock_fd);
    if (pid.empty()) continue;
    Descriptor comm = open_descriptor("/proc/" + pid + "/comm", O_RDONLY);
    if (comm) name = read_short(comm.get());
  }
  if (pid.empty()) return "another process";
  return "process " + pid + (name.empty() ? "" : " (" + name + ")");
}

class PosixFiles : public FileSystem {
 public:
  // A log keeps a file open for each partition; the limit that a shell sets (1024) is for programs that select().
  PosixFiles() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
      limit.rlim_cur = limit.rlim_max;
      ::setrlimit(RLIMIT_NOFILE, &limit);  // if it may not, files that cannot be opened say so
    }
  }
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    int flags = O_RDONLY;
    if (mode == OpenMode::append) flags = O_RDWR | O_CREAT;
    if (mode == OpenMode::create_new) flags = O_RDWR | O_CREAT | O_EXCL;
    if (mode == OpenMode::replace) flags = O_RDWR | O_CREAT | O_TRUNC;
    Descriptor fd = open_descriptor(path, flags);
    if (!fd) return failed("cannot open", path, errno);
    struct stat status;
    if (::fstat(fd.get(), &status) != 0) return failed("cannot open", path, errno);
    if (S_ISDIR(status.st_mode)) return failed("cannot open", path, EISDIR);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(path, std::move(fd), mode != OpenMode::read,
                                                             static_cast<std::uint64_t>(status.st_size)));
  }

  bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator entry(directory, error), end;
    for (; !error && entry != end; entry.increment(error)) names.push_back(entry->path().filename().string());
    if (error) return failed("cannot list", directory, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  bool is_directory(const std::string& path) override {
    struct stat status;
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  }

  Result<> make_directories(const std::string& directory) override {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return failed("cannot make directory", directory, error.value());
    return {};
  }

  Result<> rename(const std::string& from, const std::string& to, Site site) override {
    FaultPass pass(site);
    // A file would take the place of the device: with the rights for it, of /dev/null for the whole machine.
    struct stat status;
    if (::stat(to.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
      return Error(ErrorCode::kafka_storage_error,
                   "cannot rename " + from + " to " + to + ": it is a device or a pipe");
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("cannot rename " + from + " to", to, errno);
    return {};
  }

  Result<> remove(const std::string& path, Site site) override {
    FaultPass pass(site);
    if (::unlink(path.c_str()) != 0) return failed("cannot remove", path, errno);
    return {};
  }

  Result<> remove_all(const std::string& directory, Site site) override {
    FaultPass pass(site);
    std::error_code error;
    std::filesystem::remove_all(directory, error);
    if (error) return failed("cannot remove", directory, error.value());
    return {};
  }

  Result<> sync_directory(const std::string& directory, Site site) override {
    FaultPass pass(site);
    Descriptor fd = open_descriptor(directory, O_RDONLY | O_DIRECTORY);
    if (!fd || ::fsync(fd.get()) != 0) return failed("cannot sync directory", directory, errno);
    return {};
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    Descriptor fd = open_descriptor(path, O_RDWR | O_CREAT);
    if (!fd) return failed("cannot open lock file", path, errno);
    // flock, not fcntl: it excludes a second holder within this process too, and closing another descriptor does not
    // drop it.
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return failed("cannot lock", path, errno);
      return Error(ErrorCode::kafka_storage_error, path + " is held by " + holder_of(fd.get()));
    }
    std::string pid = std::to_string(::getpid()) + "\n";
    iovec one = as_iovec(pid);
    int error = ::ftruncate(fd.get(), 0) != 0 ? errno : write_all(fd.get(), {&one, 1}, 0);
    if (error) return failed("cannot write lock file", path, error);
    return std::unique_ptr<FileLock>(std::make_unique<PosixFileLock>(std::move(fd)));
  }
};

}  // namespace

std::unique_ptr<FileSystem> make_posix_files() {
  occupy_closed_standard_streams();
  return std::make_unique<PosixFiles>();
}

}  // namespace millrace
