#include "millrace/broker/log/entry_file.h"

#include <algorithm>

namespace millrace::broker {

Result<> EntryFile::load(bool sealed) {
  entries_.clear();
  written_ = 0;
  sealed_ = sealed;
  sealed_count_ = 0;
  cut_ = replace_ = false;
  if (!files_.exists(path_)) return {};
  if (sealed) {
    MR_ASSIGN(auto file, files_.open(path_, OpenMode::read));
    sealed_count_ = file->size() / entry_size_;
    return {};
  }
  MR_ASSIGN(entries_, files_.read_file(path_));
  cut_ = entries_.size() % entry_size_ != 0;
  entries_.resize(entries_.size() / entry_size_ * entry_size_);
  written_ = entries_.size();
  return {};
}

void EntryFile::clear() {
  entries_.clear();
  written_ = 0;
  sealed_ = false;
  replace_ = true;
}

void EntryFile::push(BytesView entry) {
  MR_ASSERT(!sealed_ && entry.size() == entry_size_);
  entries_.append(entry);
}

void EntryFile::truncate(std::size_t count) {
  MR_ASSERT(!sealed_);
  if (count * entry_size_ >= entries_.size()) return;
  entries_.resize(count * entry_size_);
  cut_ |= written_ > entries_.size();
  written_ = std::min(written_, entries_.size());
}

Result<Bytes> EntryFile::entry(std::size_t i) const {
  MR_ASSERT(i < count());
  if (!sealed_) return Bytes(BytesView(entries_).substr(i * entry_size_, entry_size_));
  MR_ASSIGN(auto file, files_.open(path_, OpenMode::read));
  Bytes bytes(std::string(entry_size_, '\0'));
  MR_ASSIGN(std::size_t size, file->read_at(i * entry_size_, bytes.data(), entry_size_));
  if (size != entry_size_) return Error(ErrorCode::kafka_storage_error, path_ + " has become shorter");
  return bytes;
}

Result<bool> EntryFile::write(Site site) {
  const bool is_new = written_ == 0 && !files_.exists(path_);
  if (sealed_ || (!replace_ && !cut_ && !is_new && written_ == entries_.size())) return false;
  if (replace_) {
    MR_TRY(files_.write_file_atomically(path_, entries_, "log.index.rewrite"));
  } else {
    MR_ASSIGN(auto file, files_.open(path_, OpenMode::append));
    if (std::exchange(cut_, true)) MR_TRY(file->truncate(written_, site));  // also after a write that fails
    MR_TRY(file->append(BytesView(entries_).substr(written_), site));
  }
  written_ = entries_.size();
  cut_ = replace_ = false;
  return true;
}

Result<> EntryFile::seal(Site site) {
  if (sealed_) return {};
  MR_TRY(write(site));
  sealed_count_ = entries_.size() / entry_size_;
  sealed_ = true;
  Bytes().swap(entries_);
  written_ = 0;
  return {};
}

Result<> EntryFile::sync(const std::string& path, Site site) const {
  auto file = files_.open(path, OpenMode::read);
  if (!file) return files_.exists(path) ? Result<>(std::move(file).error()) : Result<>();
  return (*file)->sync(site);
}

}  // namespace millrace::broker
