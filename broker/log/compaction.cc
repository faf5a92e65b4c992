#include "millrace/broker/log/compaction.h"

#include <algorithm>
#include <limits>
#include <set>
#include <unordered_map>

namespace millrace::broker {
namespace {

using Segments = std::vector<std::shared_ptr<Segment>>;

// Which transactions the batches of a pass belong to, as it meets them in order. (Kafka's CleanedTransactionMetadata.)
class TransactionsOfPass {
 public:
  explicit TransactionsOfPass(std::vector<AbortedTransaction> aborted) : aborted_(std::move(aborted)) {
    std::sort(aborted_.begin(), aborted_.end(),
              [](const auto& a, const auto& b) { return a.first_offset < b.first_offset; });
  }
  // Whether this data batch belongs to an aborted transaction.
  bool is_aborted(const RecordBatchView& batch) {
    advance(batch);
    if (!batch.is_transactional()) return false;
    auto found = open_aborted_.find(batch.producer_id());
    if (found == open_aborted_.end()) {
      open_committed_.insert(batch.producer_id());
      return false;
    }
    found->second.has_records = true;
    return true;
  }
  // Whether nothing is left of the transaction that this marker ends; fills `aborted` if the index needs to know it.
  bool is_needless(const RecordBatchView& marker, ControlType type, std::optional<AbortedTransaction>& aborted) {
    advance(marker);
    if (type == ControlType::commit) return open_committed_.erase(marker.producer_id()) == 0;
    auto found = open_aborted_.find(marker.producer_id());
    if (found == open_aborted_.end()) return true;
    bool has_records = found->second.has_records;
    if (has_records) aborted = found->second.transaction;
    open_aborted_.erase(found);
    return !has_records;
  }

 private:
  void advance(const RecordBatchView& batch) {
    for (; next_ < aborted_.size() && aborted_[next_].first_offset <= batch.last_offset(); ++next_) {
      open_aborted_[aborted_[next_].producer_id] = {aborted_[next_], false};
    }
  }
  struct OpenAborted {
    AbortedTransaction transaction;
    bool has_records = false;
  };
  std::vector<AbortedTransaction> aborted_;
  std::size_t next_ = 0;
  std::map<ProducerId, OpenAborted> open_aborted_;
  std::set<ProducerId> open_committed_;
};

class Compaction {
 public:
  Compaction(PartitionLog& log, Offset first_dirty, std::size_t key_bytes_max)
      : log_(log), first_dirty_(first_dirty), key_bytes_max_(key_bytes_max), now_(log.logs().env().clock().now()) {}

  Result<CompactionResult> run() {
    auto cleanable = log_.cleanable();
    segments_ = std::move(cleanable.segments);
    end_ = cleanable.end;
    synced_ = cleanable.synced;
    CompactionResult result;
    result.first_dirty = first_dirty_;
    if (segments_.empty()) return result;
    MR_TRY(note_keys());
    if (auto synced = sync_noted(); !synced) {
      if (!log_.is_deleted()) log_.logs().fence(synced.error());  // of a deleted topic the files may be gone
      return std::move(synced).error();
    }
    last_batches_ = log_.last_batches();
    MR_ASSIGN(auto aborted, log_.aborted_transactions());
    TransactionsOfPass transactions(std::move(aborted));
    for (std::size_t from = 0; from < segments_.size() && segments_[from]->base_offset() < noted_to_;) {
      std::size_t to = group_end(from);
      Segments old(segments_.begin() + static_cast<std::ptrdiff_t>(from),
                   segments_.begin() + static_cast<std::ptrdiff_t>(to));
      MR_ASSIGN(auto cleaned, clean(old, transactions));
      const auto bytes = cleaned->size();
      MR_ASSIGN(bool replaced, log_.replace(old, std::move(cleaned)));
      if (!replaced) return result;  // the next pass begins where this one did: what is left of these is not clean
      for (const auto& segment : old) result.bytes_before += segment->size();
      result.bytes_after += bytes;
      result.segments_before += static_cast<int>(old.size());
      ++result.segments_after;
      from = to;
    }
    result.first_dirty = noted_to_;
    return result;
  }

 private:
  Error damaged(const Segment& segment, std::uint64_t position) const {
    return Error(ErrorCode::corrupt_message, log_.partition().text() + ": " + segment.path() + ", byte " +
                                                 std::to_string(position) + ": damaged; not compacted");
  }

  // Calls `each` with every batch of `segment`; all of it must be good.
  Result<> scan(Segment& segment, const std::function<Result<>(const RecordBatchView&)>& each) {
    Result<> outcome;
    MR_ASSIGN(auto end,
              scan_batches(segment.file(), 0, segment.size(), [&](const RecordBatchView& batch, std::uint64_t) {
                if (!batch.crc_matches()) return false;
                outcome = each(batch);
                return outcome.has_value();
              }));
    if (!outcome) return outcome;
    if (end != segment.size()) return damaged(segment, end);
    return {};
  }

  Offset segment_end(std::size_t i) const { return i + 1 < segments_.size() ? segments_[i + 1]->base_offset() : end_; }

  // First pass: the last offset of every key from first_dirty_ on, whole segments at a time until the memory is used.
  Result<> note_keys() {
    MR_ASSIGN(auto aborted, log_.aborted_transactions());
    TransactionsOfPass transactions(std::move(aborted));
    Bytes scratch;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      Offset end = segment_end(i);
      bool is_clean = end <= first_dirty_;
      if (!is_clean && bytes > key_bytes_max_) break;
      noted_to_ = end;
      if (is_clean) continue;
      MR_TRY(scan(*segments_[i], [&](const RecordBatchView& batch) -> Result<> {
        if (batch.is_control()) {
          if (batch.count() == 0) return {};
          MR_ASSIGN(auto type, decode_control(batch));
          std::optional<AbortedTransaction> ended;
          transactions.is_needless(batch, type, ended);
          return {};
        }
        if (transactions.is_aborted(batch) || batch.last_offset() < first_dirty_) return {};
        RecordReader reader(batch, scratch);
        RecordView record;
        while (reader.next(record)) {
          if (!record.has_key() || record.offset < first_dirty_) continue;
          auto [entry, is_new] = last_offsets_.try_emplace(std::string(record.key), record.offset);
          entry->second = record.offset;
          if (is_new) bytes += record.key.size() + 64;
        }
        return reader.status();
      }));
    }
    return {};
  }

  // The records for which older ones go: with flush=os they may be with the kernel only, and their names too.
  Result<> sync_noted() {
    bool any = false;
    for (std::size_t i = 0; i < segments_.size() && segments_[i]->base_offset() < noted_to_; ++i) {
      if (segment_end(i) <= synced_) continue;
      MR_TRY(segments_[i]->file().sync("log.segment.sync"));
      any = true;
    }
    return any ? log_.logs().files().sync_directory(log_.directory(), "log.directory.sync") : Result<>();
  }

  // Segments that fit into one: their sizes, and their range of offsets in 32 bits.
  std::size_t group_end(std::size_t from) const {
    std::uint64_t size = 0;
    std::size_t to = from;
    for (; to < segments_.size() && segments_[to]->base_offset() < noted_to_; ++to) {
      size += segments_[to]->size();
      bool fits = size <= static_cast<std::uint64_t>(log_.config().segment_bytes) &&
                  segment_end(to) - segments_[from]->base_offset() <= std::numeric_limits<std::int32_t>::max();
      if (to > from && !fits) break;
    }
    return to;
  }

  // Second pass, of one group.
  Result<std::shared_ptr<Segment>> clean(const Segments& old, TransactionsOfPass& transactions) {
    Offset base = old.front()->base_offset();
    auto& files = log_.logs().files();
    for (std::string_view kind : {".log", ".index", ".timeindex", ".txnindex"}) {
      std::string path = segment_path(log_.directory(), base, std::string(kind) + ".cleaned");
      if (files.exists(path)) MR_TRY(files.remove(path, "compaction.cleaned.remove"));
    }
    MR_ASSIGN(auto cleaned, Segment::open(log_.logs(), log_.directory(), base, log_.config(), false, ".cleaned"));
    for (const auto& segment : old) {
      MR_TRY(scan(*segment, [&](const RecordBatchView& batch) -> Result<> {
        return batch.is_control() ? keep_marker(*cleaned, batch, transactions)
                                  : keep_batch(*cleaned, batch, transactions);
      }));
    }
    MR_TRY(cleaned->prepare_seal());
    cleaned->seal();
    MR_TRY(cleaned->file().sync("compaction.cleaned.sync"));
    cleaned->dirty = false;
    MR_TRY(cleaned->sync_indexes(cleaned->take_unsynced_indexes()));
    return cleaned;
  }

  Result<> write(Segment& cleaned, BytesView bytes) {
    MR_ASSIGN(auto batch, RecordBatchView::parse(bytes));
    MR_TRY(cleaned.write(bytes));
    cleaned.publish(batch);
    return {};
  }

  // What its sequence is known by; or, when a marker began its epoch and nothing followed, its epoch.
  bool is_last_of_producer(const RecordBatchView& batch) const {
    auto found = last_batches_.find(batch.producer_id());
    if (batch.producer_id() < 0 || found == last_batches_.end()) return false;
    if (found->second.last_offset >= 0) return found->second.last_offset == batch.last_offset();
    return batch.is_control() && batch.producer_epoch() == found->second.epoch;
  }

  Result<> keep_marker(Segment& cleaned, const RecordBatchView& batch, TransactionsOfPass& transactions) {
    if (batch.count() == 0) return is_last_of_producer(batch) ? write(cleaned, batch.bytes()) : Result<>();
    MR_ASSIGN(auto type, decode_control(batch));
    std::optional<AbortedTransaction> aborted;
    bool needless = transactions.is_needless(batch, type, aborted);
    if (aborted) cleaned.add_aborted(*aborted);
    if (!needless) return write(cleaned, batch.bytes());
    if (auto horizon = batch.delete_horizon()) {
      return now_ < *horizon || is_last_of_producer(batch) ? write(cleaned, batch.bytes()) : Result<>();
    }
    return rewrite(cleaned, batch, true, [](const RecordView&) { return true; });
  }

  Result<> keep_batch(Segment& cleaned, const RecordBatchView& batch, TransactionsOfPass& transactions) {
    bool aborted = transactions.is_aborted(batch);
    auto horizon = batch.delete_horizon();
    bool tombstones_go = horizon && *horizon <= now_;
    std::int32_t kept = 0;
    bool has_tombstone = false;
    auto stays = [&](const RecordView& record) {
      if (aborted || !record.has_key()) return false;
      if (auto last = last_offsets_.find(std::string(record.key));
          last != last_offsets_.end() && record.offset < last->second) {
        return false;
      }
      return record.has_value() || !tombstones_go;
    };
    RecordReader reader(batch, scratch_);
    RecordView record;
    while (reader.next(record)) {
      if (!stays(record)) continue;
      ++kept;
      has_tombstone |= !record.has_value();
    }
    MR_TRY(reader.status());
    if (kept == 0) {
      return is_last_of_producer(batch) ? write(cleaned, batch.count() == 0 ? batch.bytes() : encode_empty_batch(batch))
                                        : Result<>();
    }
    bool new_horizon = has_tombstone && !horizon;
    if (kept == batch.count() && !new_horizon) return write(cleaned, batch.bytes());
    return rewrite(cleaned, batch, new_horizon, stays);
  }

  Result<> rewrite(Segment& cleaned, const RecordBatchView& batch, bool new_horizon,
                   const std::function<bool(const RecordView&)>& stays) {
    builder_.clear();
    auto horizon = batch.delete_horizon();
    if (new_horizon) horizon = now_ + Duration(log_.config().delete_retention_ms);
    if (horizon) builder_.set_base_timestamp(*horizon);
    RecordReader reader(batch, scratch_);
    RecordView record;
    while (reader.next(record)) {
      if (!stays(record)) continue;
      builder_.append_encoded(static_cast<std::int32_t>(record.offset - batch.base_offset()), record.timestamp,
                              record.key, record.value, record.headers, record.header_count);
    }
    MR_TRY(reader.status());
    RecordBatchBuilder::Stamp stamp{batch.base_offset(),    batch.leader_epoch(),     batch.producer_id(),
                                    batch.producer_epoch(), batch.base_sequence(),    batch.is_transactional(),
                                    batch.is_control(),     batch.last_offset_delta()};
    stamp.delete_horizon = horizon.has_value();
    if (batch.is_log_append_time()) stamp.log_append_time = batch.max_timestamp();
    return write(cleaned, builder_.seal(stamp, batch.compression()));
  }

  PartitionLog& log_;
  Offset first_dirty_;
  std::size_t key_bytes_max_;
  Timestamp now_;
  Segments segments_;    // what was sealed when the pass began, whatever is sealed beside it
  Offset end_ = 0;       // of the last of them
  Offset synced_ = 0;    // below it everything was on disk then
  Offset noted_to_ = 0;  // keys up to here are in last_offsets_
  std::unordered_map<std::string, Offset> last_offsets_;
  std::map<ProducerId, PartitionLog::LastBatch> last_batches_;
  RecordBatchBuilder builder_;
  Bytes scratch_;
};

}  // namespace

bool wants_compaction(const PartitionLog& log, Offset first_dirty) {
  std::uint64_t clean = 0, dirty = 0;
  for (const auto& segment : log.cleanable_segments()) {
    (segment->base_offset() < first_dirty ? clean : dirty) += segment->size();
  }
  if (dirty == 0) return false;
  return static_cast<double>(dirty) >= log.config().min_cleanable_dirty_ratio * static_cast<double>(clean + dirty);
}

Result<CompactionResult> compact(PartitionLog& log, Offset first_dirty, std::size_t key_bytes_max) {
  return Compaction(log, first_dirty, key_bytes_max).run();
}

// ---------------------------------------------------------------- what the log does for it

PartitionLog::Cleanable PartitionLog::cleanable() const {
  Cleanable cleanable;
  auto now = logs_.env().clock().now();
  std::lock_guard lock(mutex_);
  cleanable.synced = synced_;
  Offset stable = last_stable(-1);
  for (std::size_t i = 0; i + 1 < segments_.size(); ++i) {
    if (segments_[i + 1]->base_offset() > stable) break;
    if (config().min_compaction_lag_ms > 0 &&
        (now - segments_[i]->largest_timestamp()).count() < config().min_compaction_lag_ms) {
      break;
    }
    cleanable.segments.push_back(segments_[i]);
    cleanable.end = segments_[i + 1]->base_offset();
  }
  return cleanable;
}

// Of all segments: the marker of a transaction, and with it its entry, may stand in a later one than its records.
Result<std::vector<AbortedTransaction>> PartitionLog::aborted_transactions() const {
  std::lock_guard lock(mutex_);
  std::vector<AbortedTransaction> all;
  for (const auto& segment : segments_) {
    MR_ASSIGN(auto found, segment->aborted_between(0, std::numeric_limits<Offset>::max()));
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

std::map<ProducerId, PartitionLog::LastBatch> PartitionLog::last_batches() const {
  std::lock_guard lock(mutex_);
  std::map<ProducerId, LastBatch> last;
  for (const auto& [id, entry] : producers_.entries()) {
    last[id] = {entry.last() ? entry.last()->last_offset : -1, entry.epoch};
  }
  return last;
}

Result<bool> PartitionLog::replace(const std::vector<std::shared_ptr<Segment>>& old, std::shared_ptr<Segment> cleaned) {
  std::lock_guard appends(append_mutex_);
  MR_TRY(check_open());
  auto first = std::find(segments_.begin(), segments_.end(), old.front());
  bool all_there =
      static_cast<std::size_t>(segments_.end() - first) >= old.size() && std::equal(old.begin(), old.end(), first);
  if (!all_there) {  // retention or a truncation was faster
    MR_TRY(cleaned->remove(".cleaned"));
    return false;
  }
  if (auto done = swap_in(old, *cleaned); !done) {
    logs_.fence(done.error());  // to try again would mix the files of two attempts
    return std::move(done).error();
  }
  std::lock_guard lock(mutex_);
  *first = std::move(cleaned);
  segments_.erase(first + 1, first + static_cast<std::ptrdiff_t>(old.size()));
  hints_ = {};
  return true;
}

// The decision is the name .log.swap; from then on a restart finishes what is below.
Result<> PartitionLog::swap_in(const std::vector<std::shared_ptr<Segment>>& old, Segment& cleaned) {
  auto& files = logs_.files();
  MR_TRY(cleaned.rename(".cleaned", ".swap", "compaction.swap"));
  MR_TRY(files.sync_directory(directory(), "compaction.swap.directory"));
  for (std::size_t i = 1; i < old.size(); ++i) MR_TRY(old[i]->remove());
  auto old_aborted = segment_path(directory(), cleaned.base_offset(), ".txnindex");
  if (files.exists(old_aborted)) MR_TRY(files.remove(old_aborted, "compaction.remove"));
  MR_TRY(files.sync_directory(directory(), "compaction.remove.directory"));
  MR_TRY(cleaned.rename(".swap", "", "compaction.rename"));
  return files.sync_directory(directory(), "compaction.rename.directory");
}

}  // namespace millrace::broker
