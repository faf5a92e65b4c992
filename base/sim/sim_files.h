// FileSystem over the simulated disk. Not for use outside base/sim/.
#pragma once
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "millrace/base/env.h"
#include "millrace/base/sim/scheduler.h"
#include "millrace/base/sim/sim_disk.h"
#include "millrace/base/sim/sim_faults.h"
#include "millrace/base/sim/trace.h"

namespace millrace::sim {

// A node's life: everything made in one life is dead in the next.
struct Life {
  std::uint64_t number = 1;
  bool alive = true;
};

class SimFiles : public FileSystem {
 public:
  // Takes:   `operation_time_max_ns`: each operation moves virtual time on by up to this much, drawn.
  SimFiles(SimDisk& disk, SimFaults& faults, Life& life, Scheduler& scheduler, Trace& trace, SeededRandom& random,
           std::int64_t operation_time_max_ns, std::string untraced_content)
      : disk_(disk),
        faults_(faults),
        life_(life),
        scheduler_(scheduler),
        trace_(trace),
        random_(random),
        operation_time_max_ns_(operation_time_max_ns),
        untraced_content_(std::move(untraced_content)) {}

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  bool exists(const std::string& path) override { return disk_.find(path) != nullptr; }
  Result<std::vector<std::string>> list(const std::string& directory) override;
  bool is_directory(const std::string& path) override;
  Result<> make_directories(const std::string& directory) override;
  Result<> rename(const std::string& from, const std::string& to, Site site) override;
  Result<> remove(const std::string& path, Site site) override;
  Result<> remove_all(const std::string& directory, Site site) override;
  Result<> sync_directory(const std::string& directory, Site site) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

  // Passes `site` and does `operation` unless a fault says otherwise; `when_failed` is what a failure leaves behind.
  Result<> operate(std::string_view what, const std::string& path, Site site,
                   const std::function<Result<>()>& operation, const std::function<void()>& when_failed = {});
  // A bare pass, for fault points.
  void pass(Site site);
  void drop_locks() { locks_.clear(); }

 private:
  friend class SimFile;
  friend class SimFileLock;
  // Bytes that still fit on the disk.
  std::uint64_t room() const;

  SimDisk& disk_;
  SimFaults& faults_;
  Life& life_;
  Scheduler& scheduler_;
  Trace& trace_;
  SeededRandom& random_;
  std::int64_t operation_time_max_ns_;
  std::string untraced_content_;
  std::set<std::string> locks_;
};

}  // namespace millrace::sim
