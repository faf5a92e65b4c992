#include "millrace/broker/log/recovery.h"

#include <algorithm>
#include <charconv>

namespace millrace::broker {
namespace {

std::optional<Offset> offset_of_name(const std::string& name, std::string_view suffix) {
  if (name.size() != 20 + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  Offset offset = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + 20, offset);
  if (error != std::errc() || end != name.data() + 20) return std::nullopt;
  return offset;
}

std::vector<Offset> offsets_of(const std::vector<std::string>& names, std::string_view suffix) {
  std::vector<Offset> offsets;
  for (const auto& name : names) {
    if (auto offset = offset_of_name(name, suffix)) offsets.push_back(*offset);
  }
  return offsets;
}

// One recovery of one log, a step a function.
class Recovery {
 public:
  Recovery(LogDirectory& logs, const std::string& partition, const std::string& directory, const TopicConfig& config,
           Offset recovery_point, Offset synced, Offset log_start)
      : logs_(logs),
        partition_(partition),
        directory_(directory),
        config_(config),
        recovery_point_(recovery_point),
        synced_(std::max(synced, recovery_point)),
        log_start_(log_start),
        log_{{}, 0, ProducerState(partition), {}} {}

  Result<RecoveredLog> run() {
    MR_TRY(finish_swaps());
    MR_TRY(open_segments());
    MR_TRY(load_epochs());
    MR_TRY(load_producers());
    MR_TRY(scan());
    for (std::size_t i = 0; i + 1 < log_.segments.size(); ++i) {
      MR_TRY(log_.segments[i]->prepare_seal());
      log_.segments[i]->seal();
    }
    log_.epochs.truncate_from_end(log_.log_end);
    MR_TRY(drop_snapshots_after(log_.log_end));
    return std::move(log_);
  }

 private:
  // A compaction writes .cleaned files, which are nothing until the .log among them is renamed to .swap; from then on
  // the new segment replaces every old one in its range. (Kafka's scheme.)
  Result<> finish_swaps() {
    auto& files = logs_.files();
    MR_ASSIGN(auto names, files.list(directory_));
    bool changed = false;
    for (const auto& name : names) {
      if (name.ends_with(".cleaned") || name.ends_with(".deleted") || name.ends_with(".tmp")) {
        MR_TRY(files.remove(directory_ + "/" + name, "log.recovery.remove"));
        changed = true;
      }
    }
    for (const auto& name : names) {  // an index whose log never became .swap
      if (!name.ends_with("index.swap")) continue;
      if (files.exists(directory_ + "/" + name.substr(0, 20) + ".log.swap")) continue;
      MR_TRY(files.remove(directory_ + "/" + name, "log.recovery.remove"));
      changed = true;
    }
    for (Offset base : offsets_of(names, ".log.swap")) {
      MR_TRY(finish_swap(base, names));
      changed = true;
    }
    if (changed) MR_TRY(files.sync_directory(directory_, "log.recovery.directory"));
    return {};
  }

  Result<> finish_swap(Offset base, const std::vector<std::string>& names) {
    MR_ASSIGN(auto swap, Segment::open(logs_, directory_, base, config_, false, ".swap"));
    Offset end = base;
    MR_TRY(scan_batches(swap->file(), 0, swap->size(), [&](const RecordBatchView& batch, std::uint64_t) {
      end = batch.last_offset() + 1;
      return true;
    }));
    for (Offset old : offsets_of(names, ".log")) {
      if (old < base || old >= std::max(end, base + 1)) continue;
      for (std::string_view kind : {".log", ".index", ".timeindex", ".txnindex"}) {
        std::string path = segment_path(directory_, old, kind);
        bool replaced = old == base && logs_.files().exists(path + ".swap");
        if (!replaced && logs_.files().exists(path)) MR_TRY(logs_.files().remove(path, "log.recovery.remove"));
      }
    }
    // The old ones are gone for good before the new one has its name: a restart never finds both.
    MR_TRY(logs_.files().sync_directory(directory_, "log.recovery.directory"));
    return swap->rename(".swap", "", "log.recovery.swap");
  }

  Result<> open_segments() {
    MR_ASSIGN(auto names, logs_.files().list(directory_));
    auto bases = offsets_of(names, ".log");
    MR_TRY(remove_strays(bases));
    if (bases.empty()) bases.push_back(std::max<Offset>(log_start_, 0));
    for (Offset base : bases) {
      bool last = base == bases.back();
      bool sealed = !last && next_base(bases, base) <= recovery_point_;
      MR_ASSIGN(auto segment, Segment::open(logs_, directory_, base, config_, sealed));
      sound_.push_back(segment->indexes_look_sound());
      if (sealed && !sound_.back()) {  // its indexes are built anew
        MR_ASSIGN(segment, Segment::open(logs_, directory_, base, config_, false));
      }
      log_.segments.push_back(std::move(segment));
    }
    return {};
  }

  // A roll that failed may leave an empty segment, though the one before it went on past its base.
  Result<> remove_strays(std::vector<Offset>& bases) {
    for (std::size_t i = 1; i < bases.size();) {
      MR_ASSIGN(auto file, logs_.files().open(segment_path(directory_, bases[i], ".log"), OpenMode::read));
      bool is_stray = false;
      if (file->size() == 0) {
        MR_ASSIGN(auto before, Segment::open(logs_, directory_, bases[i - 1], config_, true));
        MR_ASSIGN(auto position, before->position_for(bases[i]));
        MR_TRY(scan_batches(before->file(), position, before->size(), [&](const RecordBatchView& batch, std::uint64_t) {
          is_stray = batch.last_offset() >= bases[i] && batch.crc_matches();
          return !is_stray;
        }));
      }
      if (!is_stray) {
        ++i;
        continue;
      }
      MR_ASSIGN(auto stray, Segment::open(logs_, directory_, bases[i], config_, false));
      MR_TRY(stray->remove());
      bases.erase(bases.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return {};
  }
  static Offset next_base(const std::vector<Offset>& bases, Offset base) {
    return *std::upper_bound(bases.begin(), bases.end(), base);
  }

  Result<> load_epochs() {
    std::string path = directory_ + "/leader-epoch-checkpoint";
    if (!logs_.files().exists(path)) return {};
    MR_ASSIGN(Bytes text, logs_.files().read_file(path));
    auto epochs = LeaderEpochs::decode(text);
    if (!epochs) return std::move(epochs).error().in(path);
    log_.epochs = *std::move(epochs);
    return {};
  }

  Result<> load_producers() {
    MR_ASSIGN(auto names, logs_.files().list(directory_));
    auto offsets = offsets_of(names, ".snapshot");
    // An index that is built anew needs the aborted transactions of its whole segment, so the batches of all of it.
    Offset latest = recovery_point_;
    for (std::size_t i = 0; i < sound_.size(); ++i) {
      if (!sound_[i]) latest = std::min(latest, log_.segments[i]->base_offset());
    }
    for (auto offset = offsets.rbegin(); offset != offsets.rend(); ++offset) {
      if (*offset > latest) continue;
      std::string path = segment_path(directory_, *offset, ".snapshot");
      MR_ASSIGN(Bytes bytes, logs_.files().read_file(path));
      if (auto loaded = log_.producers.load_snapshot(bytes)) {
        snapshot_offset_ = *offset;
        return {};
      } else {
        logs_.report(path + ": " + loaded.error().text() + "; reading the log instead");
        log_.producers.clear();
      }
    }
    return {};
  }

  Result<> drop_snapshots_after(Offset end) {
    MR_ASSIGN(auto names, logs_.files().list(directory_));
    for (Offset offset : offsets_of(names, ".snapshot")) {
      if (offset > end) {
        MR_TRY(logs_.files().remove(segment_path(directory_, offset, ".snapshot"), "log.recovery.remove"));
      }
    }
    return {};
  }

  Result<> scan() {
    auto& segments = log_.segments;
    log_.log_end = segments.front()->base_offset();
    for (std::size_t i = 0; i < segments.size(); ++i) {
      bool last = i + 1 == segments.size();
      Offset end = last ? INT64_MAX : segments[i + 1]->base_offset();
      if (sound_[i] && end <= recovery_point_ && end <= snapshot_offset_) {
        log_.log_end = end;
        continue;
      }
      bool stopped = false;
      MR_TRY(scan_segment(i, end <= recovery_point_ && sound_[i], stopped));
      if (stopped) break;
      if (!last) log_.log_end = std::max(log_.log_end, end);
    }
    Offset promised = logs_.flush_mode() == FlushMode::group ? synced_ : recovery_point_;
    if (log_.log_end < promised) {
      return Error(ErrorCode::corrupt_message,
                   partition_ + ": the log ends at offset " + std::to_string(log_.log_end) + ", but was synced up to " +
                       std::to_string(promised) + ": records are missing in " + log_.segments.back()->path() +
                       ", after byte " + std::to_string(log_.segments.back()->size()) + way_out(log_.log_end));
    }
    return {};
  }

  // `trusted`: below the recovery point with sound indexes; read only for the producers.
  Result<> scan_segment(std::size_t i, bool trusted, bool& stopped) {
    auto& segment = *log_.segments[i];
    std::uint64_t start = 0;
    Offset from = std::min(recovery_point_, snapshot_offset_);
    if (sound_[i] && from > segment.base_offset()) {
      MR_ASSIGN(start, segment.position_for(from - 1));  // of a batch that is wholly below
    }
    if (!trusted) MR_TRY(prepare_indexes(segment, sound_[i], start));
    Offset expected = std::max(log_.log_end, segment.base_offset());
    const Offset limit = i + 1 < log_.segments.size() ? log_.segments[i + 1]->base_offset()
                                                      : segment.base_offset() + INT32_MAX + Offset{1};
    bool first = true;
    Result<> status;
    MR_ASSIGN(auto end, scan_batches(segment.file(), start, segment.size(), [&](const auto& batch, auto position) {
                auto fits = has_its_place(segment, batch, position, expected, limit);
                if (!fits) {
                  status = std::move(fits).error();
                  return false;
                }
                if (!*fits) return false;
                // In the middle of a segment the first batch tells where we are.
                if (first && start > 0) expected = batch.base_offset();
                first = false;
                if ((batch.base_offset() >= recovery_point_ || !sound_[i]) && !batch.crc_matches()) return false;
                if (batch.last_offset() >= synced_) status = write_again(segment, batch, position);
                if (!status) return false;
                expected = batch.last_offset() + 1;
                return take(segment, batch, position, !trusted);
              }));
    MR_TRY(status);
    log_.log_end = std::max(log_.log_end, expected);
    if (end == segment.size()) return {};
    stopped = true;
    return cut(i, end, expected);
  }

  // No checksum covers a batch's base offset. Where a compaction has left a gap the next batch may be anywhere below
  // `limit`, but the one after it goes on from there: if that lies in the gap, this one has none.
  static Result<bool> has_its_place(const Segment& segment, const RecordBatchView& batch, std::uint64_t position,
                                    Offset expected, Offset limit) {
    const Offset base = batch.base_offset();
    if (base < expected || base >= limit || batch.last_offset() >= limit) return false;
    if (base == expected) return true;
    char next[17];
    MR_ASSIGN(std::size_t size, segment.file().read_at(position + batch.bytes().size(), next, sizeof next));
    if (size < sizeof next || next[16] != 2) return true;
    auto next_base = from_big_endian<std::int64_t>(next);
    return next_base < expected || next_base >= base;
  }

  // After a sync that failed, the kernel's cache still gives what the disk never got, to the next process too, and no
  // later sync writes it: its pages count as clean. Writing the same bytes once more makes them dirty.
  static Result<> write_again(const Segment& segment, const RecordBatchView& batch, std::uint64_t position) {
    return segment.file().write_at(position, batch.bytes(), "log.recovery.unsynced");
  }

  // Below `start` the entries are good; the rest is computed anew.
  Result<> prepare_indexes(Segment& segment, bool sound, std::uint64_t& start) {
    if (!sound) {  // then no snapshot lies inside this segment, see load_producers
      start = 0;
      segment.reset_indexes();
      return {};
    }
    Offset at = segment.base_offset();
    MR_TRY(scan_batches(segment.file(), start, segment.size(), [&](const RecordBatchView& batch, std::uint64_t) {
      at = batch.base_offset();
      return false;
    }));
    return segment.cut_indexes(at, snapshot_offset_);
  }

  bool take(Segment& segment, const RecordBatchView& batch, std::uint64_t position, bool index) {
    if (index) segment.index_batch(batch, position);
    log_.epochs.assign(batch.leader_epoch(), batch.base_offset());
    if (batch.base_offset() < snapshot_offset_ || batch.producer_id() < 0) return true;
    std::optional<ControlType> marker;
    std::int32_t coordinator_epoch = -1;
    if (batch.is_control() && batch.count() > 0) {
      auto decoded = decode_end_transaction_marker(batch);
      if (!decoded) return false;
      marker = decoded->type;
      coordinator_epoch = decoded->coordinator_epoch;
    }
    auto completed = log_.producers.apply(batch, marker, coordinator_epoch);
    if (index && completed && completed->type == ControlType::abort) {
      segment.add_aborted({completed->producer_id, completed->first_offset, completed->last_offset,
                           log_.producers.first_undecided().value_or(completed->last_offset + 1)});
    }
    return true;
  }

  // What to do about records that are gone from `offset` on: without the notes of what was synced, a start takes what
  // it finds.
  std::string way_out(Offset offset) const {
    std::string notes = logs_.path() + "/synced-offsets";
    if (offset < recovery_point_)
      notes += " and " + logs_.path() + "/" + LogDirectory::recovery_point_file +
               " (every log is then read and written whole)";
    return ". Restore the file; or, to give up all records of this partition from offset " + std::to_string(offset) +
           " on, in later segments too, copy the directory and remove " + notes +
           ", which guard all other partitions as well";
  }

  Result<> cut(std::size_t i, std::uint64_t position, Offset expected) {
    auto& segment = *log_.segments[i];
    std::string where = segment.path() + ", byte " + std::to_string(position);
    if (expected < recovery_point_) {
      return Error(ErrorCode::corrupt_message, partition_ + ": " + where + ": damaged at offset " +
                                                   std::to_string(expected) + ", which was synced (recovery point " +
                                                   std::to_string(recovery_point_) + ")" + way_out(expected));
    }
    MR_ASSIGN(auto survivor, valid_batch_after(i, position + 1, expected));
    if (survivor) {
      std::string lost = "offsets " + std::to_string(expected) + " to at least " +
                         std::to_string(std::max(*survivor, log_.segments.back()->base_offset()));
      if (logs_.flush_mode() == FlushMode::group && expected < synced_) {
        return Error(ErrorCode::corrupt_message,
                     partition_ + ": " + where + ": damaged, and a valid batch follows (offset " +
                         std::to_string(*survivor) + "): acknowledged data was damaged, " + lost + way_out(expected));
      }
      logs_.report("ERROR " + partition_ + ": " + where + ": damaged; the log is truncated there and loses " + lost);
    } else if (logs_.flush_mode() == FlushMode::group && expected < synced_) {
      return Error(ErrorCode::corrupt_message, partition_ + ": " + where + ": damaged at offset " +
                                                   std::to_string(expected) +
                                                   ", which was synced, with all after it (up to " +
                                                   std::to_string(synced_) + ")" + way_out(expected));
    } else {
      logs_.report(partition_ + ": " + where + ": torn tail of " + std::to_string(segment.size() - position) +
                   " bytes truncated; the log ends at offset " + std::to_string(expected));
    }
    for (std::size_t later = i + 1; later < log_.segments.size(); ++later) MR_TRY(log_.segments[later]->remove());
    // Else a power cut may bring them back beside what is written then.
    if (i + 1 < log_.segments.size()) MR_TRY(logs_.files().sync_directory(directory_, "log.recovery.directory"));
    log_.segments.resize(i + 1);
    return segment.truncate(position, expected);
  }

  // The offset of a batch with a good CRC somewhere after `position`: at any byte, since lengths there cannot be
  // trusted.
  Result<std::optional<Offset>> valid_batch_after(std::size_t i, std::uint64_t position, Offset expected) {
    for (; i < log_.segments.size(); ++i, position = 0) {
      auto& file = log_.segments[i]->file();
      std::uint64_t end = log_.segments[i]->size();
      constexpr std::uint64_t window = 4 << 20;
      Bytes buffer;
      for (; position + batch_header_size <= end; position += window) {
        buffer.resize(std::min<std::uint64_t>(window + batch_header_size, end - position));
        MR_ASSIGN(std::size_t have, file.read_at(position, buffer.data(), buffer.size()));
        for (std::size_t at = 0; at + batch_header_size <= have && at < window; ++at) {
          if (!could_be_batch(buffer.data() + at, end - position - at, expected)) continue;
          Bytes bytes;
          bytes.resize(RecordBatchView::size_at(BytesView(buffer).substr(at)));
          MR_ASSIGN(std::size_t size, file.read_at(position + at, bytes.data(), bytes.size()));
          auto batch = RecordBatchView::parse(BytesView(bytes).substr(0, size));
          if (batch && batch->crc_matches()) return std::optional<Offset>(batch->base_offset());
        }
      }
    }
    return std::optional<Offset>();
  }
  static bool could_be_batch(const char* at, std::uint64_t left, Offset expected) {
    if (at[16] != 2) return false;
    auto offset = from_big_endian<std::int64_t>(at);
    auto length = from_big_endian<std::int32_t>(at + 8);
    return offset >= expected && offset - expected < INT32_MAX && length >= 49 &&
           batch_prefix_size + static_cast<std::uint64_t>(length) <= left;
  }

  LogDirectory& logs_;
  const std::string& partition_;
  const std::string& directory_;
  const TopicConfig& config_;
  Offset recovery_point_;
  Offset synced_;
  Offset log_start_;
  Offset snapshot_offset_ = 0;
  std::vector<bool> sound_;
  RecoveredLog log_;
};

}  // namespace

Result<RecoveredLog> recover_log(LogDirectory& logs, const std::string& partition, const std::string& directory,
                                 const TopicConfig& config, Offset recovery_point, Offset synced, Offset log_start) {
  return Recovery(logs, partition, directory, config, recovery_point, synced, log_start).run();
}

Result<> write_producer_snapshot(FileSystem& files, const std::string& directory, Offset offset, BytesView snapshot) {
  MR_TRY(files.write_file_atomically(segment_path(directory, offset, ".snapshot"), snapshot, "log.snapshot.write"));
  MR_ASSIGN(auto names, files.list(directory));
  auto offsets = offsets_of(names, ".snapshot");
  for (std::size_t i = 0; i + 2 < offsets.size(); ++i) {
    MR_TRY(files.remove(segment_path(directory, offsets[i], ".snapshot"), "log.snapshot.remove"));
  }
  return {};
}

}  // namespace millrace::broker
