#include "millrace/base/env.h"

namespace millrace {

Result<Bytes> FileSystem::read_file(const std::string& path) {
  MR_ASSIGN(auto file, open(path, OpenMode::read));
  Bytes content;
  content.resize(file->size());
  MR_ASSIGN(std::size_t size, file->read_at(0, content.data(), content.size()));
  content.resize(size);
  return content;
}

Result<> FileSystem::make_durable_directories(const std::string& directory, Site site) {
  struct Parent {
    std::string path;
    bool must_sync;
  };
  std::vector<Parent> parents;
  for (std::string at = directory; at != "." && at != "/" && !at.empty();) {
    const bool is_new = !exists(at);
    const std::size_t slash = at.rfind('/');
    at = slash == std::string::npos ? "." : slash == 0 ? "/" : at.substr(0, slash);
    parents.push_back({at, is_new});
  }
  MR_TRY(make_directories(directory));
  for (const Parent& parent : parents) {
    auto synced = sync_directory(parent.path, site);
    if (!synced && parent.must_sync) return synced;  // another folder far above may be none of ours to open
  }
  return {};
}

Result<> FileSystem::write_file_atomically(const std::string& path, BytesView content, Site site) {
  std::string temporary = path + ".tmp";
  {
    MR_ASSIGN(auto file, open(temporary, OpenMode::replace));
    MR_TRY(file->append(content, site));
    MR_TRY(file->sync(site));
  }
  MR_TRY(rename(temporary, path, site));
  std::size_t slash = path.rfind('/');
  return sync_directory(slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash), site);
}

}  // namespace millrace
