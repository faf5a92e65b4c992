#include "millrace/broker/log/entry_file.h"

#include <algorithm>

namespace millrace::broker {

Result<> EntryFile::load(bool sealed) {
  file_.reset();
  entries_.clear();
  written_ = 0;
  sealed_ = sealed;
  sealed_count_ = 0;
  cut_ = replace_ = is_unsynced_ = was_torn_ = false;
  if (!files_.exists(path_)) return {};
  if (sealed) {
    MR_ASSIGN(file_, files_.open(path_, OpenMode::read));
    sealed_count_ = file_->size() / entry_size_;
    was_torn_ = file_->size() % entry_size_ != 0;
    return {};
  }
  MR_ASSIGN(entries_, files_.read_file(path_));
  cut_ = was_torn_ = entries_.size() % entry_size_ != 0;
  entries_.resize(entries_.size() / entry_size_ * entry_size_);
  written_ = entries_.size();
  return {};
}

void EntryFile::clear() {
  file_.reset();
  entries_.clear();
  written_ = 0;
  sealed_ = cut_ = false;
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
  Bytes bytes(std::string(entry_size_, '\0'));
  MR_ASSIGN(std::size_t size, file_->read_at(i * entry_size_, bytes.data(), entry_size_));
  if (size != entry_size_) return Error(ErrorCode::kafka_storage_error, path_ + " has become shorter");
  return bytes;
}

Result<> EntryFile::write(Site site) {
  if (sealed_) return {};
  const bool is_wanted = !entries_.empty() || !is_optional_;
  if (replace_ && (is_wanted || files_.exists(path_))) {
    MR_TRY(files_.write_file_atomically(path_, entries_, "log.index.rewrite"));
    file_.reset();
  } else if (cut_ || written_ < entries_.size() || (is_wanted && written_ == 0 && !file_ && !files_.exists(path_))) {
    if (!file_) {
      MR_ASSIGN(file_, files_.open(path_, OpenMode::append));
    }
    if (std::exchange(cut_, true)) MR_TRY(file_->truncate(written_, site));  // also after a write that fails
    MR_TRY(file_->append(BytesView(entries_).substr(written_), site));
    is_unsynced_ = true;
  }
  written_ = entries_.size();
  cut_ = replace_ = false;
  return {};
}

std::shared_ptr<File> EntryFile::take_unsynced() { return std::exchange(is_unsynced_, false) ? file_ : nullptr; }

Result<> EntryFile::prepare_seal(Site site) {
  MR_TRY(write(site));
  if (!file_ && files_.exists(path_)) {
    MR_ASSIGN(file_, files_.open(path_, OpenMode::read));
  }
  return {};
}

void EntryFile::seal() {
  if (sealed_) return;
  sealed_count_ = entries_.size() / entry_size_;
  sealed_ = true;
  Bytes().swap(entries_);
  written_ = 0;
}

}  // namespace millrace::broker
