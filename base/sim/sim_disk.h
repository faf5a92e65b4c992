// A disk that remembers what was synced, and what a power cut may do to the rest.
//
// It is stricter than any one filesystem, and allows what some do:
//   - un-synced content is lost by the 4 KiB page, in any subset; a page may be torn at a 512-byte sector;
//   - an un-synced size may be the old one, the new one, or anything between, with zeroes where no page arrived;
//   - syncing a file does not make its name durable; names (made, renamed, removed) are lost one by one unless their
//   directory is synced.
//     A rename is atomic: it has happened or it has not. A folder that was lost takes what is below with it;
//   - after a failed sync the pages count as clean: a later sync reports success and does not write them (as Linux
//   does).
// It knows no errors but those of names; failures on order are base/sim/sim_faults.h's.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/result.h"
#include "millrace/base/sim/seeded_random.h"

namespace millrace::sim {

// The content of one file, as programs see it and as it is on the medium. One thread.
class SimFileContent {
 public:
  static constexpr std::size_t page_size = 4096;
  static constexpr std::size_t sector_size = 512;

  const std::string& current() const { return current_; }
  const std::string& durable() const { return durable_; }
  bool is_synced() const {
    return dirty_.empty() && dropped_.empty() && current_.size() == durable_.size() && lowest_size_ == durable_.size();
  }
  void write(std::uint64_t offset, std::string_view bytes);  // zeroes between the end and `offset`
  void truncate(std::uint64_t size);
  void sync();
  // A sync that failed: what was to be written is forgotten, not kept for the next.
  void fail_sync();
  // What is there after the power came back.
  void cut_power(SeededRandom& random);

 private:
  std::string current_;
  std::string durable_;
  std::set<std::uint64_t> dirty_;    // pages
  std::set<std::uint64_t> dropped_;  // clean, but not on the medium: of a sync that failed
  std::uint64_t lowest_size_ = 0;    // since the last sync: what was cut off must not come back when it is synced
};

struct SimNode {
  bool is_directory = false;
  std::map<std::string, std::shared_ptr<SimNode>> entries;          // of a folder, as programs see it
  std::map<std::string, std::shared_ptr<SimNode>> durable_entries;  // of a folder, on the medium
  SimFileContent content;                                           // of a file
};
using SimNodePtr = std::shared_ptr<SimNode>;

// Paths: '/' separates, "." and empty parts are dropped, relative ones start at the root. One thread.
class SimDisk {
 public:
  SimDisk();
  // Null if there is none.
  SimNodePtr find(std::string_view path) const;
  // Makes an empty file. Error: the parent is missing, or the name exists.
  Result<SimNodePtr> create(const std::string& path);
  Result<> make_directories(const std::string& path);
  Result<> rename(const std::string& from, const std::string& to);
  Result<> remove(const std::string& path);
  Result<> remove_all(const std::string& path);
  Result<> sync_directory(const std::string& path);
  // Everything.
  void sync_all();
  // A sync of all that failed: what was written to files below `directory` is forgotten.
  void fail_sync_below(const std::string& directory);
  // Loses what was not synced, or part of it, as drawn; what is left is then durable.
  void power_cut(SeededRandom& random);
  // Bytes in files that have a name.
  std::uint64_t used_bytes() const;
  // "/a/b.log 120 <hash>" a line, in order of paths: what two runs of a seed must agree on.
  std::string listing() const;

 private:
  // A change of names that is not durable yet. A creation has no `from`, a removal no `to`.
  struct NameChange {
    SimNodePtr from_directory;
    std::string from;
    SimNodePtr to_directory;
    std::string to;
    SimNodePtr node;
  };
  struct Place {
    SimNodePtr directory;  // null: there is none
    std::string name;
  };
  Place place_of(std::string_view path) const;
  void change(NameChange change);
  static void apply(const NameChange& change, std::map<std::string, SimNodePtr> SimNode::* view);

  SimNodePtr root_;
  std::vector<NameChange> pending_;  // in the order they were made
};

}  // namespace millrace::sim
