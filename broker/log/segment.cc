#include "millrace/broker/log/segment.h"

#include <algorithm>
#include <cstdio>

namespace millrace::broker {
namespace {

constexpr std::size_t offset_entry_size = 8;
constexpr std::size_t time_entry_size = 12;
constexpr std::size_t aborted_entry_size = 34;
constexpr std::int16_t aborted_entry_version = 0;

}  // namespace

std::string segment_path(const std::string& directory, Offset base_offset, std::string_view suffix) {
  char name[32];
  std::snprintf(name, sizeof name, "/%020lld", static_cast<long long>(base_offset));
  return directory + name + std::string(suffix);
}

Segment::Segment(LogDirectory& logs, std::string directory, Offset base_offset, const TopicConfig& config)
    : logs_(logs),
      directory_(std::move(directory)),
      base_offset_(base_offset),
      config_(config),
      offsets_(logs.files(), "", offset_entry_size),
      times_(logs.files(), "", time_entry_size),
      aborted_(logs.files(), "", aborted_entry_size, true) {}

Result<std::shared_ptr<Segment>> Segment::open(LogDirectory& logs, const std::string& directory, Offset base_offset,
                                               const TopicConfig& config, bool sealed, std::string_view suffix) {
  std::shared_ptr<Segment> segment(new Segment(logs, directory, base_offset, config));
  std::string end(suffix);
  segment->path_ = segment_path(directory, base_offset, ".log" + end);
  segment->offsets_.set_path(segment_path(directory, base_offset, ".index" + end));
  segment->times_.set_path(segment_path(directory, base_offset, ".timeindex" + end));
  segment->aborted_.set_path(segment_path(directory, base_offset, ".txnindex" + end));
  MR_ASSIGN(segment->file_, logs.files().open(segment->path_, OpenMode::append));
  segment->created_ = logs.env().clock().now();
  segment->size_ = segment->file_->size();
  MR_TRY(segment->load(sealed));
  return segment;
}

Result<> Segment::load(bool sealed) {
  MR_TRY(offsets_.load(sealed));
  MR_TRY(times_.load(sealed));
  MR_TRY(aborted_.load(sealed));
  if (size_ >= batch_header_size) {
    Bytes header(std::string(batch_header_size, '\0'));
    MR_ASSIGN(std::size_t n, file_->read_at(0, header.data(), header.size()));
    if (n == header.size()) first_timestamp_ = Timestamp{from_big_endian<std::int64_t>(header.data() + 35)};
  }
  if (times_.count() > 0) {
    MR_ASSIGN(Bytes last, times_.entry(times_.count() - 1));
    largest_timestamp_ = last_time_entry_ = {from_big_endian<std::int64_t>(last.data())};
    offset_of_largest_ = base_offset_ + from_big_endian<std::int32_t>(last.data() + 8);
  }
  return {};
}

bool Segment::is_full_for(std::size_t size, Offset last_offset, Timestamp now) const {
  if (size_ == 0) return false;
  if (size_ + size > static_cast<std::uint64_t>(config_.segment_bytes)) return true;
  if (last_offset - base_offset_ > INT32_MAX) return true;
  if (first_timestamp_ && (now - *first_timestamp_).count() > config_.segment_ms &&
      (now - created_).count() > config_.segment_ms) {
    return true;
  }
  return static_cast<std::int64_t>((offsets_.count() + 1) * offset_entry_size) > config_.segment_index_bytes;
}

Result<> Segment::write(BytesView batch) {
  if (auto result = file_->append(batch, "log.segment.append"); !result) {
    if (auto undone = file_->truncate(size_, "log.segment.undo"); !undone) logs_.fence(undone.error());
    return std::move(result).error().in(path_);
  }
  return {};
}

void Segment::publish(const RecordBatchView& batch) {
  index_batch(batch, size_);
  size_ += batch.bytes().size();
  dirty = true;
}

void Segment::index_batch(const RecordBatchView& batch, std::uint64_t position) {
  if (!first_timestamp_) first_timestamp_ = batch.max_timestamp();
  if (batch.max_timestamp() > largest_timestamp_) {
    largest_timestamp_ = batch.max_timestamp();
    offset_of_largest_ = batch.last_offset();
  }
  if (bytes_since_entry_ > static_cast<std::uint64_t>(config_.index_interval_bytes)) {
    char entry[time_entry_size];
    to_big_endian(static_cast<std::int32_t>(batch.last_offset() - base_offset_), entry);
    to_big_endian(static_cast<std::int32_t>(position), entry + 4);
    offsets_.push(BytesView(entry, offset_entry_size));
    if (largest_timestamp_ > last_time_entry_) {
      to_big_endian(largest_timestamp_.ms, entry);
      to_big_endian(static_cast<std::int32_t>(offset_of_largest_ - base_offset_), entry + 8);
      times_.push(BytesView(entry, time_entry_size));
      last_time_entry_ = largest_timestamp_;
    }
    bytes_since_entry_ = 0;
  }
  bytes_since_entry_ += batch.bytes().size();
}

void Segment::add_aborted(const AbortedTransaction& aborted) {
  char entry[aborted_entry_size];
  to_big_endian(aborted_entry_version, entry);
  to_big_endian(aborted.producer_id, entry + 2);
  to_big_endian(aborted.first_offset, entry + 10);
  to_big_endian(aborted.last_offset, entry + 18);
  to_big_endian(aborted.last_stable_offset, entry + 26);
  aborted_.push(BytesView(entry, sizeof entry));
}

Result<std::uint64_t> Segment::position_for(Offset offset) const {
  auto relative = static_cast<std::int64_t>(offset - base_offset_);
  // Entries hold the last offset of a batch, whose first may be smaller: the last entry whose offset is at most the one
  // asked for.
  MR_ASSIGN(std::size_t after,
            offsets_.lower_bound([&](const char* entry) { return from_big_endian<std::int32_t>(entry) <= relative; }));
  if (after == 0) return std::uint64_t{0};
  MR_ASSIGN(Bytes entry, offsets_.entry(after - 1));
  const std::uint64_t position = from_big_endian<std::uint32_t>(entry.data() + 4);
  char batch[offsets_prefix];
  MR_ASSIGN(std::size_t have, file_->read_at(position, batch, sizeof batch));
  const Offset last_offset = base_offset_ + from_big_endian<std::int32_t>(entry.data());
  return have == sizeof batch && last_offset_at(batch) == last_offset ? position : std::uint64_t{0};
}

Result<Offset> Segment::offset_for(Timestamp timestamp) const {
  MR_ASSIGN(std::size_t at,
            times_.lower_bound([&](const char* entry) { return from_big_endian<std::int64_t>(entry) < timestamp.ms; }));
  if (at == 0) return base_offset_;
  MR_ASSIGN(Bytes entry, times_.entry(at - 1));
  return base_offset_ + from_big_endian<std::int32_t>(entry.data() + 8);
}

Result<std::vector<AbortedTransaction>> Segment::aborted_between(Offset from, Offset to) const {
  std::vector<AbortedTransaction> found;
  for (std::size_t i = 0; i < aborted_.count(); ++i) {
    MR_ASSIGN(Bytes entry, aborted_.entry(i));
    AbortedTransaction aborted{
        from_big_endian<std::int64_t>(entry.data() + 2), from_big_endian<std::int64_t>(entry.data() + 10),
        from_big_endian<std::int64_t>(entry.data() + 18), from_big_endian<std::int64_t>(entry.data() + 26)};
    if (aborted.last_offset >= from && aborted.first_offset < to) found.push_back(aborted);
    if (aborted.last_stable_offset >= to) break;
  }
  return found;
}

Result<> Segment::prepare_seal() {
  if (largest_timestamp_ > last_time_entry_ && offset_of_largest_ >= base_offset_) {
    char entry[time_entry_size];
    to_big_endian(largest_timestamp_.ms, entry);
    to_big_endian(static_cast<std::int32_t>(offset_of_largest_ - base_offset_), entry + 8);
    times_.push(BytesView(entry, sizeof entry));
    last_time_entry_ = largest_timestamp_;
  }
  for (auto* index : {&offsets_, &times_, &aborted_}) MR_TRY(index->prepare_seal("log.index.write"));
  return {};
}

void Segment::seal() {
  for (auto* index : {&offsets_, &times_, &aborted_}) index->seal();
}

Result<> Segment::write_indexes() {
  for (auto* index : {&offsets_, &times_, &aborted_}) MR_TRY(index->write("log.index.write"));
  return {};
}

Segment::IndexFiles Segment::take_unsynced_indexes() {
  IndexFiles unsynced;
  for (auto* index : {&offsets_, &times_, &aborted_}) {
    if (auto file = index->take_unsynced()) unsynced.push_back(std::move(file));
  }
  return unsynced;
}

Result<> Segment::sync_indexes(const IndexFiles& files) const {
  for (const auto& file : files) {
    auto synced = file->sync("log.index.sync");
    if (synced) continue;
    logs_.fence(synced.error());
    return synced;
  }
  return {};
}

Result<> Segment::truncate(std::uint64_t size, Offset next_offset) {
  MR_TRY(file_->truncate(size, "log.segment.truncate"));
  size_ = size;
  if (size == 0) first_timestamp_.reset();
  return cut_indexes(next_offset, next_offset);
}

// Keeps the entries below, from the front and only while they rise: above what a checkpoint has synced, a power cut may
// have left zeroes.
Result<> Segment::cut_indexes(Offset next_offset, Offset aborted_from) {
  auto keep = [](EntryFile& entries, auto fits) -> Result<> {
    std::size_t count = 0;
    for (; count < entries.count(); ++count) {
      MR_ASSIGN(Bytes entry, entries.entry(count));
      if (!fits(entry.data())) break;
    }
    entries.truncate(count);
    return {};
  };
  std::int64_t last_offset = -1, last_time = -1;
  MR_TRY(keep(offsets_, [&](const char* entry) {
    auto relative = from_big_endian<std::int32_t>(entry);
    bool fits = relative > last_offset && base_offset_ + relative < next_offset;
    last_offset = relative;
    return fits;
  }));
  largest_timestamp_ = last_time_entry_ = {-1};
  offset_of_largest_ = -1;
  MR_TRY(keep(times_, [&](const char* entry) {
    auto time = from_big_endian<std::int64_t>(entry);
    auto offset = base_offset_ + from_big_endian<std::int32_t>(entry + 8);
    if (time <= last_time || offset >= next_offset || offset < base_offset_) return false;
    last_time = time;
    largest_timestamp_ = last_time_entry_ = {time};
    offset_of_largest_ = offset;
    return true;
  }));
  Offset last_marker = -1;
  return keep(aborted_, [&](const char* entry) {
    auto first = from_big_endian<std::int64_t>(entry + 10), last = from_big_endian<std::int64_t>(entry + 18);
    bool fits = last > first && last > last_marker && last < aborted_from;
    last_marker = last;
    return fits;
  });
}

void Segment::reset_indexes() {
  offsets_.clear();
  times_.clear();
  aborted_.clear();
  largest_timestamp_ = last_time_entry_ = {-1};
  offset_of_largest_ = -1;
  bytes_since_entry_ = 0;
}

bool Segment::indexes_look_sound() const {
  auto last = [](const EntryFile& entries, std::size_t at, auto check) {
    if (entries.count() == 0) return true;
    auto entry = entries.entry(entries.count() - 1);
    return entry.has_value() && check(entry->data() + at);
  };
  auto& files = logs_.files();
  if (size_ == 0 && offsets_.count() + times_.count() + aborted_.count() == 0) return true;
  if (!files.exists(offsets_.path()) || !files.exists(times_.path()) || aborted_.was_torn()) return false;
  return last(offsets_, 0,
              [&](const char* e) {
                return from_big_endian<std::int32_t>(e) >= 0 && from_big_endian<std::uint32_t>(e + 4) < size_;
              }) &&
         last(times_, 8, [&](const char* e) { return from_big_endian<std::int32_t>(e) >= 0; }) &&
         last(aborted_, 0, [&](const char* e) {
           return from_big_endian<std::int16_t>(e) == aborted_entry_version &&
                  from_big_endian<std::int64_t>(e + 18) > from_big_endian<std::int64_t>(e + 10);
         });
}

Result<> Segment::rename(std::string_view from_suffix, std::string_view to_suffix, Site site) {
  auto& files = logs_.files();
  for (std::string_view kind : {".index", ".timeindex", ".txnindex", ".log"}) {  // the log last: it decides
    std::string from = segment_path(directory_, base_offset_, std::string(kind) + std::string(from_suffix));
    std::string to = segment_path(directory_, base_offset_, std::string(kind) + std::string(to_suffix));
    if (files.exists(from)) MR_TRY(files.rename(from, to, site));
  }
  std::string end(to_suffix);
  path_ = segment_path(directory_, base_offset_, ".log" + end);
  offsets_.set_path(segment_path(directory_, base_offset_, ".index" + end));
  times_.set_path(segment_path(directory_, base_offset_, ".timeindex" + end));
  aborted_.set_path(segment_path(directory_, base_offset_, ".txnindex" + end));
  return {};
}

// The log last: indexes that are left alone would become those of the next segment that begins here.
Result<> Segment::remove(std::string_view suffix) {
  auto& files = logs_.files();
  for (std::string_view kind : {".index", ".timeindex", ".txnindex", ".log"}) {
    std::string path = segment_path(directory_, base_offset_, std::string(kind) + std::string(suffix));
    if (files.exists(path)) MR_TRY(files.remove(path, "log.segment.remove"));
  }
  return {};
}

Result<std::uint64_t> scan_batches(File& file, std::uint64_t position, std::uint64_t end, const BatchVisitor& each) {
  constexpr std::size_t chunk = 1 << 20;
  Bytes buffer;
  std::size_t want = chunk;
  while (position < end) {
    buffer.resize(std::min<std::uint64_t>(want, end - position));
    MR_ASSIGN(std::size_t have, file.read_at(position, buffer.data(), buffer.size()));
    BytesView left = BytesView(buffer).substr(0, have);
    std::size_t before = left.size();
    while (!left.empty()) {
      std::size_t size = RecordBatchView::size_at(left);
      if (left.size() < batch_prefix_size || size > left.size()) break;  // maybe the rest is in the next chunk
      auto batch = RecordBatchView::parse(left);
      if (!batch || !each(*batch, position)) return position;
      left.remove_prefix(size);
      position += size;
    }
    if (left.size() == before) {  // not one batch: it is larger than the chunk, or cut short
      std::size_t size = RecordBatchView::size_at(left);
      if (size <= want || size > end - position || have < buffer.size()) return position;
      want = size;
    } else {
      want = chunk;
    }
  }
  return position;
}

}  // namespace millrace::broker
