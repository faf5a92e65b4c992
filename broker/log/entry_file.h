// A file of entries of one size, in order: what the three indexes of a segment are made of.
//
// The active segment's entries live in memory and are written out at a checkpoint, when the segment is rolled, and on
// close: a crash loses only what recovery computes anew from the segment. A sealed segment's stay on disk and are read
// one by one (a binary search is 18 reads for the largest index), so that memory does not grow with the log. It is kept
// open: a reader goes on with the file that belongs to its segment while a compaction puts another in its place, and
// what is synced is what was written. No mmap: Kafka's indexes are mapped, and a disk error then is a signal and not an
// error.
#pragma once
#include <memory>
#include <string>

#include "millrace/base/env.h"

namespace millrace::broker {

// Threads: the owner's to order; reads of a sealed one from any.
class EntryFile {
 public:
  // `is_optional`: a missing file is an empty one.
  EntryFile(FileSystem& files, std::string path, std::size_t entry_size, bool is_optional = false)
      : files_(files), path_(std::move(path)), entry_size_(entry_size), is_optional_(is_optional) {}

  // Takes what is on disk (a torn last entry is left out). `sealed`: leaves it there.
  Result<> load(bool sealed);
  // Forgets everything; the next write() replaces the file, as one.
  void clear();
  void push(BytesView entry);
  // Keeps the first `count` entries. Precondition: not sealed.
  void truncate(std::size_t count);
  // What was loaded ended in a part of an entry.
  bool was_torn() const { return was_torn_; }
  std::size_t count() const { return sealed_ ? sealed_count_ : entries_.size() / entry_size_; }
  // Precondition: i < count().
  Result<Bytes> entry(std::size_t i) const;
  // The first i for which !before(entry i); count() if there is none. The entries must be in that order.
  template <class Before>
  Result<std::size_t> lower_bound(Before before) const {
    std::size_t low = 0, high = count();
    if (!sealed_) {
      while (low < high) {
        std::size_t middle = (low + high) / 2;
        if (before(entries_.data() + middle * entry_size_))
          low = middle + 1;
        else
          high = middle;
      }
      return low;
    }
    if (high == 0) return low;
    Bytes bytes(std::string(entry_size_, '\0'));
    while (low < high) {
      std::size_t middle = (low + high) / 2;
      MR_ASSIGN(std::size_t size, file_->read_at(middle * entry_size_, bytes.data(), entry_size_));
      if (size != entry_size_) return Error(ErrorCode::kafka_storage_error, path_ + " has become shorter");
      if (before(bytes.data()))
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
  // Writes what is not in the file yet. What the file has and keeps is not touched: it may be what recovery rests on.
  Result<> write(Site site);
  // What is to be synced since it was last taken; null: nothing.
  std::shared_ptr<File> take_unsynced();
  // Leaves the entries to the disk in two steps, so that several files are sealed or none: the first does what may
  // fail.
  Result<> prepare_seal(Site site);
  void seal();
  const std::string& path() const { return path_; }
  // After the file was renamed.
  void set_path(std::string path) { path_ = std::move(path); }

 private:
  FileSystem& files_;
  std::string path_;
  std::size_t entry_size_;
  bool is_optional_;
  std::shared_ptr<File> file_;  // where it was written, or is sealed
  Bytes entries_;
  std::size_t written_ = 0;  // bytes of entries_ that are in the file
  bool cut_ = false;         // the file holds something else behind them
  bool replace_ = false;     // the file holds something else altogether
  bool is_unsynced_ = false;
  bool was_torn_ = false;
  bool sealed_ = false;
  std::size_t sealed_count_ = 0;
};

}  // namespace millrace::broker
