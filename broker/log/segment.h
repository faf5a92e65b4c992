// One segment of a partition: a .log file of whole batches, and what finds things in it.
//
//   <base offset, 20 digits>.log   record batches, one after the other
//   <base offset>.index            last offset (less base offset) i32, position i32 of a batch, every
//   index.interval.bytes <base offset>.timeindex        the largest timestamp so far i64, last offset (less base
//   offset) i32 of its batch <base offset>.txnindex         aborted transactions (docs/formats/indexes.md)
// All of it is Kafka's, byte for byte (docs/formats/segment.md).
//
// Read with pread, never mmap: a disk error is then an error and not a signal.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/record_batch.h"
#include "millrace/broker/log/entry_file.h"
#include "millrace/broker/log/log_directory.h"
#include "millrace/broker/topic_config.h"

namespace millrace::broker {

// A transaction that ended in an abort, as .txnindex keeps it.
struct AbortedTransaction {
  ProducerId producer_id = -1;
  Offset first_offset = 0, last_offset = 0;  // of its first record, and of its marker
  Offset last_stable_offset = 0;             // after it was written
};

constexpr std::size_t offsets_prefix = 27;  // bytes of a batch up to and including its last offset delta

// Of the batch that begins there with at least these bytes.
inline Offset last_offset_at(const char* batch) {
  return from_big_endian<std::int64_t>(batch) + from_big_endian<std::int32_t>(batch + 23);
}

// "00000000000000000042" and the suffix, in `directory`.
std::string segment_path(const std::string& directory, Offset base_offset, std::string_view suffix);

// Threads: append and the indexes are the log's to order (under its lock); file() may be read by any.
class Segment {
 public:
  // Opens the files of a segment, or makes them. `sealed`: nothing will be appended. Nothing is verified here (see
  // recovery.h).
  static Result<std::shared_ptr<Segment>> open(LogDirectory& logs, const std::string& directory, Offset base_offset,
                                               const TopicConfig& config, bool sealed, std::string_view suffix = "");

  Offset base_offset() const { return base_offset_; }
  const std::string& path() const { return path_; }
  File& file() const { return *file_; }
  // Bytes of whole batches in it.
  std::uint64_t size() const { return size_; }
  Timestamp created() const { return created_; }
  // Of the first batch; what segment.ms counts from.
  std::optional<Timestamp> first_timestamp() const { return first_timestamp_; }
  Timestamp largest_timestamp() const { return largest_timestamp_; }

  // Whether a batch of `size` bytes with this last offset and timestamp must go to a new segment.
  bool is_full_for(std::size_t size, Offset last_offset, Timestamp now) const;
  // Writes one batch, already stamped, at the end of the file. After an error the file is as before, or the directory
  // fenced.
  Result<> write(BytesView batch);
  // Makes what write() wrote part of the segment: its size, its indexes.
  void publish(const RecordBatchView& batch);
  // Notes a batch that stands at `position` in the indexes, as publish does: what recovery calls.
  void index_batch(const RecordBatchView& batch, std::uint64_t position);
  void add_aborted(const AbortedTransaction& aborted);

  // Position of a batch at or before the one that holds `offset`: scan from there. An index entry has no checksum, and
  // a wrong one would pass over records: it counts if the batch is there that it names, else the scan begins at the
  // start.
  Result<std::uint64_t> position_for(Offset offset) const;
  // Offset from which to look for the first record of at least `timestamp`.
  Result<Offset> offset_for(Timestamp timestamp) const;
  // Aborted transactions that end at or after `from`; stops once a later one cannot begin before `to`.
  Result<std::vector<AbortedTransaction>> aborted_between(Offset from, Offset to) const;

  // Writes the last index entries; seal() then leaves the indexes to the disk. Until then the segment can go on.
  Result<> prepare_seal();
  void seal();
  // Writes the indexes, under the log's lock.
  Result<> write_indexes();
  // The index files that were written since they were taken last. They must be synced, without the lock, before
  // recovery may start inside or above this segment; a sync that fails fences the directory.
  using IndexFiles = std::vector<std::shared_ptr<File>>;
  IndexFiles take_unsynced_indexes();
  Result<> sync_indexes(const IndexFiles& files) const;
  // Cuts the file and the indexes down to `size` bytes, the first of which lies at `next_offset`.
  Result<> truncate(std::uint64_t size, Offset next_offset);
  // Drops index entries of batches from `next_offset` on, and transactions aborted from `aborted_from` on.
  Result<> cut_indexes(Offset next_offset, Offset aborted_from);
  // Empties the indexes, for recovery to fill.
  void reset_indexes();
  // Whether the index files are what a crash cannot have left half written, and of the version that is read.
  bool indexes_look_sound() const;
  void set_size(std::uint64_t size) { size_ = size; }
  Result<> rename(std::string_view from_suffix, std::string_view to_suffix, Site site);
  Result<> remove(std::string_view suffix = "");

  // Written since the last sync. The log's to keep (under its lock).
  bool dirty = false;

 private:
  Segment(LogDirectory& logs, std::string directory, Offset base_offset, const TopicConfig& config);
  Result<> load(bool sealed);

  LogDirectory& logs_;
  std::string directory_;
  Offset base_offset_;
  const TopicConfig& config_;
  std::string path_;
  std::unique_ptr<File> file_;
  std::uint64_t size_ = 0;
  Timestamp created_;
  std::optional<Timestamp> first_timestamp_;
  Timestamp largest_timestamp_{-1};
  Offset offset_of_largest_ = -1;
  Timestamp last_time_entry_{-1};
  std::uint64_t bytes_since_entry_ = 0;
  EntryFile offsets_, times_, aborted_;
};

// Calls `each` with every batch of `file` from `position` to `end`, as views that live as long as the call. Stops early
// when `each` returns false, or where bytes are no batch; returns the position after the last batch that `each` has
// seen. Error: that of a read.
using BatchVisitor = std::function<bool(const RecordBatchView& batch, std::uint64_t position)>;
Result<std::uint64_t> scan_batches(File& file, std::uint64_t position, std::uint64_t end, const BatchVisitor& each);

}  // namespace millrace::broker
