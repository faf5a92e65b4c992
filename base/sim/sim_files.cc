#include "millrace/base/sim/sim_files.h"

#include <algorithm>

namespace millrace::sim {
namespace {

Error failed(std::string_view what, const std::string& path, std::string_view why) {
  return Error(ErrorCode::kafka_storage_error, std::string(what) + " " + path + ": " + std::string(why));
}
constexpr std::string_view killed = "the simulated node is dead";
constexpr std::string_view input_output_error = "Input/output error (simulated)";

}  // namespace

Result<> SimFiles::operate(std::string_view what, const std::string& path, Site site,
                           const std::function<Result<>()>& operation, const std::function<void()>& when_failed) {
  if (!life_.alive) return failed(what, path, killed);
  SimFaults::Pass pass = faults_.pass(site);
  auto taken = operation_time_max_ns_ > 0
                   ? static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(operation_time_max_ns_)))
                   : 0;
  scheduler_.advance(taken + nanoseconds(pass.delay));
  trace_.add(std::string(site) + " " + path);
  if (pass.kills_before) {
    life_.alive = false;
    return failed(what, path, killed);
  }
  if (pass.fails) {
    if (when_failed) when_failed();
    return failed(what, path, input_output_error);
  }
  auto done = operation();
  if (pass.kills_after) {
    life_.alive = false;
    return failed(what, path, killed);
  }
  return done;
}

void SimFiles::pass(Site site) {
  (void)operate("cannot pass", std::string(site), site, [] { return Result<>(); });
}

std::uint64_t SimFiles::room() const {
  const std::optional<std::uint64_t> capacity = faults_.capacity();
  if (!capacity) return UINT64_MAX;
  const std::uint64_t used = disk_.used_bytes();
  return used >= *capacity ? 0 : *capacity - used;
}

class SimFile : public File {
 public:
  SimFile(SimFiles& files, std::string path, SimNodePtr node, bool writable)
      : files_(files), path_(std::move(path)), node_(std::move(node)), writable_(writable), life_(files.life_.number) {}

  Result<std::size_t> read_at(std::uint64_t offset, char* to, std::size_t size) override {
    std::size_t done = 0;
    MR_TRY(operate("cannot read", "read", [&]() -> Result<> {
      const std::string& content = node_->content.current();
      if (offset < content.size()) done = content.copy(to, size, offset);
      return {};
    }));
    return done;
  }

  Result<> append(std::span<const BytesView> parts, Site site) override {
    std::string bytes;
    for (BytesView part : parts) bytes += part;
    return write("cannot append to", node_->content.current().size(), bytes, site);
  }

  Result<> write_at(std::uint64_t offset, BytesView bytes, Site site) override {
    return write("cannot write to", offset, bytes, site);
  }

  Result<> truncate(std::uint64_t size, Site site) override {
    return operate("cannot truncate", site, [&]() -> Result<> {
      node_->content.truncate(size);
      return {};
    });
  }

  Result<> sync(Site site) override {
    auto when_failed = [&] { node_->content.fail_sync(); };
    return operate(
        "cannot sync", site,
        [&]() -> Result<> {
          if (!files_.faults_.is_lie(site)) node_->content.sync();
          return {};
        },
        when_failed);
  }

  Result<> sync_filesystem(Site site) override {
    return operate(
        "cannot sync the filesystem of", site,
        [&]() -> Result<> {
          if (!files_.faults_.is_lie(site)) files_.disk_.sync_all();
          return {};
        },
        [&] { files_.disk_.fail_sync_below(path_.substr(0, path_.rfind('/'))); });
  }

  std::uint64_t size() const override { return node_->content.current().size(); }

 private:
  Result<> operate(std::string_view what, Site site, const std::function<Result<>()>& operation,
                   const std::function<void()>& when_failed = {}) {
    if (life_ != files_.life_.number) return failed(what, path_, killed);
    return files_.operate(what, path_, site, operation, when_failed);
  }

  Result<> write(std::string_view what, std::uint64_t offset, BytesView bytes, Site site) {
    if (!writable_) return failed(what, path_, "Bad file descriptor");
    auto write_part = [&](std::size_t size) { node_->content.write(offset, bytes.substr(0, size)); };
    auto torn = [&] { write_part(files_.random_.below(bytes.size() + 1)); };
    const bool traced = files_.untraced_content_.empty() || !site.starts_with(files_.untraced_content_);
    files_.trace_.add("content " + std::to_string(offset) + " " + std::to_string(bytes.size()) + " " +
                      (traced ? std::to_string(fnv1a(bytes)) : "-"));
    return operate(
        what, site,
        [&]() -> Result<> {
          std::uint64_t end = offset + bytes.size(), size = node_->content.current().size();
          std::uint64_t growth = end > size ? end - size : 0;
          std::uint64_t room = files_.room();
          if (growth > room) {
            write_part(bytes.size() - std::min<std::uint64_t>(bytes.size(), growth - room));
            return failed(what, path_, "No space left on device (simulated)");
          }
          write_part(bytes.size());
          return {};
        },
        torn);
  }

  SimFiles& files_;
  std::string path_;
  SimNodePtr node_;
  bool writable_;
  std::uint64_t life_;
};

class SimFileLock : public FileLock {
 public:
  SimFileLock(SimFiles& files, std::string path) : files_(files), path_(std::move(path)), life_(files.life_.number) {}
  ~SimFileLock() override {
    if (life_ == files_.life_.number) files_.locks_.erase(path_);
  }

 private:
  SimFiles& files_;
  std::string path_;
  std::uint64_t life_;
};

Result<std::unique_ptr<File>> SimFiles::open(const std::string& path, OpenMode mode) {
  SimNodePtr node;
  MR_TRY(operate("cannot open", path, "open", [&]() -> Result<> {
    node = disk_.find(path);
    if (node && node->is_directory) return failed("cannot open", path, "Is a directory");
    if (node && mode == OpenMode::create_new) return failed("cannot open", path, "File exists");
    if (!node && mode == OpenMode::read) return failed("cannot open", path, "No such file or directory");
    if (node && mode == OpenMode::replace) node->content.truncate(0);
    if (node) return {};
    MR_ASSIGN(node, disk_.create(path));
    return {};
  }));
  return std::unique_ptr<File>(std::make_unique<SimFile>(*this, path, std::move(node), mode != OpenMode::read));
}

Result<std::vector<std::string>> SimFiles::list(const std::string& directory) {
  std::vector<std::string> names;
  MR_TRY(operate("cannot list", directory, "list", [&]() -> Result<> {
    SimNodePtr node = disk_.find(directory);
    if (!node || !node->is_directory) return failed("cannot list", directory, "No such file or directory");
    for (const auto& [name, child] : node->entries) names.push_back(name);
    return {};
  }));
  return names;
}

bool SimFiles::is_directory(const std::string& path) {
  SimNodePtr node = disk_.find(path);
  return node && node->is_directory;
}

Result<> SimFiles::make_directories(const std::string& directory) {
  return operate("cannot make directory", directory, "make_directories",
                 [&] { return disk_.make_directories(directory); });
}

Result<> SimFiles::rename(const std::string& from, const std::string& to, Site site) {
  return operate("cannot rename to", to, site, [&] { return disk_.rename(from, to); });
}

Result<> SimFiles::remove(const std::string& path, Site site) {
  return operate("cannot remove", path, site, [&] { return disk_.remove(path); });
}

Result<> SimFiles::remove_all(const std::string& directory, Site site) {
  return operate("cannot remove", directory, site, [&] { return disk_.remove_all(directory); });
}

Result<> SimFiles::sync_directory(const std::string& directory, Site site) {
  return operate("cannot sync directory", directory, site,
                 [&]() -> Result<> { return faults_.is_lie(site) ? Result<>() : disk_.sync_directory(directory); });
}

Result<std::unique_ptr<FileLock>> SimFiles::lock(const std::string& path) {
  if (!life_.alive) return failed("cannot lock", path, killed);
  if (locks_.contains(path)) return Error(ErrorCode::kafka_storage_error, path + " is held by process 1 (simulated)");
  if (!disk_.find(path)) {
    MR_TRY(disk_.create(path));
  }
  locks_.insert(path);
  return std::unique_ptr<FileLock>(std::make_unique<SimFileLock>(*this, path));
}

}  // namespace millrace::sim
