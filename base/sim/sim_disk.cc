#include "millrace/base/sim/sim_disk.h"

#include <algorithm>
#include <functional>

#include "millrace/base/sim/trace.h"

namespace millrace::sim {
namespace {

Error failed(std::string_view what, std::string_view path, std::string_view why) {
  return Error(ErrorCode::kafka_storage_error, std::string(what) + " " + std::string(path) + ": " + std::string(why));
}
constexpr std::string_view no_such_file = "No such file or directory";

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    std::size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    if (part == ".." && !parts.empty())
      parts.pop_back();
    else if (!part.empty() && part != "." && part != "..")
      parts.emplace_back(part);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  return parts;
}

using Visit = std::function<void(const std::string& path, SimNode&)>;
void walk(SimNode& directory, const std::string& path, const Visit& visit) {
  for (auto& [name, node] : directory.entries) {
    visit(path + "/" + name, *node);
    if (node->is_directory) walk(*node, path + "/" + name, visit);
  }
}

}  // namespace

// ---------------------------------------------------------------- SimFileContent

void SimFileContent::write(std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  std::uint64_t from = std::min<std::uint64_t>(offset, current_.size());
  std::uint64_t to = offset + bytes.size();
  if (to > current_.size()) current_.resize(to);
  bytes.copy(current_.data() + offset, bytes.size());
  for (std::uint64_t page = from / page_size; page <= (to - 1) / page_size; ++page) dirty_.insert(page);
}

void SimFileContent::truncate(std::uint64_t size) {
  if (size > current_.size()) return write(size - 1, std::string_view("\0", 1));
  current_.resize(size);
  lowest_size_ = std::min(lowest_size_, size);
  const std::uint64_t first_cut_off = (size + page_size - 1) / page_size;
  dirty_.erase(dirty_.lower_bound(first_cut_off), dirty_.end());
  dropped_.erase(dropped_.lower_bound(first_cut_off), dropped_.end());
}

void SimFileContent::sync() {
  durable_.resize(std::min<std::uint64_t>(durable_.size(), lowest_size_));
  durable_.resize(current_.size());
  for (std::uint64_t page : dirty_) {
    std::size_t at = page * page_size;
    if (at < current_.size()) current_.copy(durable_.data() + at, page_size, at);
    dropped_.erase(page);
  }
  dirty_.clear();
  lowest_size_ = durable_.size();
}

void SimFileContent::fail_sync() {
  dropped_.merge(dirty_);
  dirty_.clear();
}

void SimFileContent::cut_power(SeededRandom& random) {
  if (is_synced()) return;
  std::size_t old_size = durable_.size(), new_size = current_.size();
  std::uint64_t how = random.below(4);  // nothing arrived, everything did, or half of it, twice as often
  double arrives = how == 0 ? 0.0 : how == 1 ? 1.0 : 0.5;
  std::string left = durable_;
  if (lowest_size_ < old_size && how != 0 && (how == 1 || random.chance(0.5))) {  // a truncation, before what followed
    old_size = lowest_size_;
    left.resize(old_size);
  }
  for (std::uint64_t page : dirty_) {
    if (!random.chance(arrives)) continue;
    std::size_t at = page * page_size;
    std::size_t size = std::min(page_size, new_size - std::min(at, new_size));
    if (how >= 2 && random.chance(0.25)) size = std::min(size, random.below(page_size / sector_size) * sector_size);
    if (left.size() < at + size) left.resize(at + size);
    current_.copy(left.data() + at, size, at);
  }
  std::size_t size = how == 0 ? old_size : new_size;
  if (how >= 2) {
    std::size_t lower = std::min(old_size, new_size), upper = std::max(old_size, new_size);
    std::uint64_t which = random.below(3);
    size = which == 0 ? old_size : which == 1 ? new_size : lower + random.below(upper - lower + 1);
  }
  left.resize(size);
  current_ = durable_ = std::move(left);
  dirty_.clear();
  dropped_.clear();
  lowest_size_ = size;
}

// ---------------------------------------------------------------- SimDisk

SimDisk::SimDisk() : root_(std::make_shared<SimNode>()) { root_->is_directory = true; }

SimNodePtr SimDisk::find(std::string_view path) const {
  SimNodePtr node = root_;
  for (const std::string& part : parts_of(path)) {
    auto found = node->entries.find(part);
    if (found == node->entries.end()) return nullptr;
    node = found->second;
  }
  return node;
}

SimDisk::Place SimDisk::place_of(std::string_view path) const {
  std::vector<std::string> parts = parts_of(path);
  if (parts.empty()) return {};
  SimNodePtr node = root_;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    auto found = node->entries.find(parts[i]);
    if (found == node->entries.end() || !found->second->is_directory) return {};
    node = found->second;
  }
  return {node, parts.back()};
}

void SimDisk::apply(const NameChange& change, std::map<std::string, SimNodePtr> SimNode::* view) {
  if (change.from_directory) {
    auto& names = (*change.from_directory).*view;
    auto found = names.find(change.from);
    if (found != names.end() && found->second == change.node) names.erase(found);
  }
  if (change.to_directory) ((*change.to_directory).*view)[change.to] = change.node;
}

void SimDisk::change(NameChange change) {
  apply(change, &SimNode::entries);
  pending_.push_back(std::move(change));
}

Result<SimNodePtr> SimDisk::create(const std::string& path) {
  Place place = place_of(path);
  if (!place.directory) return failed("cannot open", path, no_such_file);
  if (place.directory->entries.contains(place.name)) return failed("cannot open", path, "File exists");
  auto node = std::make_shared<SimNode>();
  change({nullptr, "", place.directory, place.name, node});
  return node;
}

Result<> SimDisk::make_directories(const std::string& path) {
  SimNodePtr node = root_;
  for (const std::string& part : parts_of(path)) {
    auto found = node->entries.find(part);
    if (found != node->entries.end() && !found->second->is_directory) {
      return failed("cannot make directory", path, "Not a directory");
    }
    if (found == node->entries.end()) {
      auto made = std::make_shared<SimNode>();
      made->is_directory = true;
      change({nullptr, "", node, part, made});
      node = made;
    } else {
      node = found->second;
    }
  }
  return {};
}

Result<> SimDisk::rename(const std::string& from, const std::string& to) {
  SimNodePtr node = find(from);
  Place source = place_of(from), target = place_of(to);
  std::string what = "cannot rename " + from + " to";
  if (!node || !source.directory || !target.directory) return failed(what, to, no_such_file);
  auto old = target.directory->entries.find(target.name);
  if (old != target.directory->entries.end()) {
    if (old->second == node) return {};
    if (old->second->is_directory != node->is_directory)
      return failed(what, to, node->is_directory ? "Not a directory" : "Is a directory");
    if (!old->second->entries.empty()) return failed(what, to, "Directory not empty");
  }
  change({source.directory, source.name, target.directory, target.name, node});
  return {};
}

Result<> SimDisk::remove(const std::string& path) {
  SimNodePtr node = find(path);
  if (!node) return failed("cannot remove", path, no_such_file);
  if (node->is_directory) return failed("cannot remove", path, "Is a directory");
  Place place = place_of(path);
  change({place.directory, place.name, nullptr, "", node});
  return {};
}

Result<> SimDisk::remove_all(const std::string& path) {
  SimNodePtr node = find(path);
  if (!node) return {};
  auto entries = node->entries;  // each removal is a change of its own: a power cut may leave half of them
  for (const auto& [name, child] : entries) {
    if (child->is_directory) {
      MR_TRY(remove_all(path + "/" + name));
    } else {
      change({node, name, nullptr, "", child});
    }
  }
  Place place = place_of(path);
  if (place.directory) change({place.directory, place.name, nullptr, "", node});
  return {};
}

Result<> SimDisk::sync_directory(const std::string& path) {
  SimNodePtr node = find(path);
  if (!node || !node->is_directory) return failed("cannot sync directory", path, no_such_file);
  std::erase_if(pending_, [&](const NameChange& change) {
    if (change.from_directory != node && change.to_directory != node) return false;
    apply(change, &SimNode::durable_entries);
    return true;
  });
  return {};
}

void SimDisk::sync_all() {
  for (const NameChange& change : pending_) apply(change, &SimNode::durable_entries);
  pending_.clear();
  walk(*root_, "", [](const std::string&, SimNode& node) { node.content.sync(); });
}

void SimDisk::fail_sync_below(const std::string& directory) {
  if (SimNodePtr node = find(directory)) walk(*node, "", [](const std::string&, SimNode& n) { n.content.fail_sync(); });
}

void SimDisk::power_cut(SeededRandom& random) {
  std::uint64_t how = random.below(4);
  double arrives = how == 0 ? 0.0 : how == 1 ? 1.0 : 0.5;
  for (const NameChange& change : pending_) {
    if (random.chance(arrives)) apply(change, &SimNode::durable_entries);
  }
  pending_.clear();
  root_->entries = root_->durable_entries;
  // Parents are visited before their children, so each folder's names are restored before they are walked.
  walk(*root_, "", [&](const std::string&, SimNode& node) {
    node.entries = node.durable_entries;
    node.content.cut_power(random);
  });
}

std::uint64_t SimDisk::used_bytes() const {
  std::uint64_t total = 0;
  walk(*root_, "", [&](const std::string&, SimNode& node) { total += node.content.current().size(); });
  return total;
}

std::string SimDisk::listing() const {
  std::string out;
  walk(*root_, "", [&](const std::string& path, SimNode& node) {
    out += path;
    if (node.is_directory) {
      out += "/\n";
    } else {
      out += " " + std::to_string(node.content.current().size()) + " " + std::to_string(fnv1a(node.content.current())) +
             "\n";
    }
  });
  return out;
}

}  // namespace millrace::sim
