#include "millrace/statestore/checkpoint_rows.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "millrace/statestore/window_key.h"

namespace millrace {

namespace {

constexpr std::size_t timestamp_size = 8, segment_size = 8;

std::uint64_t word_at(BytesView key, std::size_t at) {
  if (key.size() >= at + 8) return from_big_endian<std::uint64_t>(key.data() + at);
  char padded[8] = {};
  if (key.size() > at) std::memcpy(padded, key.data() + at, key.size() - at);
  return from_big_endian<std::uint64_t>(padded);
}

// The first 16 bytes of the key are here too: they settle most comparisons without a look at the key, which lies
// somewhere in 64 MiB.
struct Update {
  explicit Update(const RecordView& record)
      : key(record.key),
        value(record.has_value() ? record.value : BytesView()),
        timestamp(record.timestamp),
        first(word_at(key, 0)),
        second(word_at(key, 8)) {}
  bool has_key_of(const Update& other) const {
    return first == other.first && second == other.second && key.size() == other.key.size() &&
           (key.size() <= 16 || key == other.key);
  }

  BytesView key, value;  // null data: deleted
  Timestamp timestamp;
  std::uint64_t first, second;
  std::int64_t segment = 0;  // window stores only
};

// Where an update stands in the order of row keys.
struct Place {
  std::uint64_t first, second;
  std::uint32_t index;  // of the update
};

// The last update of each key. A hash table of numbers in front of a vector: an update takes 64 bytes and two slots,
// and an overwritten one nothing, so that a tail of a few hot keys is as small as they are.
class LastUpdates {
 public:
  explicit LastUpdates(const StoreSpec& spec)
      : windowed_(spec.kind == StoreSpec::Kind::window),
        interval_(windowed_ ? segment_interval_ms(spec.retention) : 0),
        slots_(1024) {}

  // Uncompressed batches are read in place, so views into them live as long as the batches do.
  Result<> collect(BytesView bytes, Timestamp& observed) {
    Bytes none;
    while (!bytes.empty()) {
      MR_ASSIGN(RecordBatchView batch, RecordBatchView::parse(bytes));
      bytes.remove_prefix(batch.bytes().size());
      if (batch.is_control()) continue;
      const bool compressed = batch.compression() != Compression::none;
      if (compressed) decompressed_.push_back(std::make_unique<Bytes>());
      RecordReader reader(batch, compressed ? *decompressed_.back() : none);
      RecordView record;
      while (reader.next(record)) MR_TRY(add(record, observed));
      MR_TRY(reader.status());
    }
    put_pending();
    return {};
  }

  // By row key.
  std::vector<const Update*> sorted() const {
    std::vector<Place> places;
    places.reserve(all_.size());
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const Update& u = all_[i];
      const auto index = static_cast<std::uint32_t>(i);
      if (windowed_) {
        places.push_back({static_cast<std::uint64_t>(u.segment), u.first, index});
      } else {
        places.push_back({u.first, u.second, index});
      }
    }
    std::sort(places.begin(), places.end(), [&](const Place& a, const Place& b) {
      if (a.first != b.first) return a.first < b.first;
      return a.second != b.second ? a.second < b.second : all_[a.index].key < all_[b.index].key;
    });
    std::vector<const Update*> result;
    result.reserve(places.size());
    for (const Place& place : places) result.push_back(&all_[place.index]);
    return result;
  }

 private:
  struct Slot {
    std::uint32_t tag = 0;     // of the hash
    std::uint32_t number = 0;  // of the update, from 1; 0: the slot is free
  };

  Result<> add(const RecordView& record, Timestamp& observed) {
    Update update(record);
    if (windowed_) {
      if (record.key.size() < 12)
        return Error(ErrorCode::corrupt_message, "a window key of " + std::to_string(record.key.size()) + " bytes");
      const Timestamp start = start_in_table_key(table_key_in_store_key(record.key));
      observed = std::max(observed, start);
      update.segment = segment_of(start, interval_);
    }
    const std::uint64_t hash = XXH3_64bits(record.key.data(), record.key.size());
    __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
    pending_.push_back({update, hash});
    if (pending_.size() == pending_max) put_pending();
    return {};
  }
  // Some at a time, so that their cache misses overlap.
  void put_pending() {
    for (const Pending& p : pending_) {
      const Slot& slot = slots_[p.hash & (slots_.size() - 1)];
      if (slot.number) __builtin_prefetch(&all_[slot.number - 1], 1);
    }
    for (const Pending& p : pending_) put(p.update, p.hash);
    pending_.clear();
  }
  void put(const Update& update, std::uint64_t hash) {
    Slot& slot = slot_of(update, hash);
    if (slot.number) {
      all_[slot.number - 1] = update;
      return;
    }
    all_.push_back(update);
    slot = {tag(hash), static_cast<std::uint32_t>(all_.size())};
    if (all_.size() * 2 > slots_.size()) grow();
  }
  static std::uint32_t tag(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  // The key's slot, or the free one where it belongs.
  Slot& slot_of(const Update& update, std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
      Slot& slot = slots_[i];
      if (!slot.number || (slot.tag == tag(hash) && all_[slot.number - 1].has_key_of(update))) return slot;
    }
  }
  void grow() {
    std::vector<Slot>(slots_.size() * 2).swap(slots_);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t n = 0; n < all_.size(); ++n) {
      const std::uint64_t hash = XXH3_64bits(all_[n].key.data(), all_[n].key.size());
      std::size_t i = hash & mask;
      while (slots_[i].number) i = (i + 1) & mask;
      slots_[i] = {tag(hash), static_cast<std::uint32_t>(n + 1)};
    }
  }

  const bool windowed_;
  const std::int64_t interval_;
  std::vector<Slot> slots_;  // power of two
  std::vector<Update> all_;
  struct Pending {
    Update update;
    std::uint64_t hash;
  };
  static constexpr std::size_t pending_max = 32;
  std::vector<Pending> pending_;
  std::vector<std::unique_ptr<Bytes>> decompressed_;
};

}  // namespace

void CheckpointRows::add(BytesView key, BytesView value, bool deleted) {
  auto own = std::make_shared<Bytes>(key);
  own->append(value);
  rows.push_back({BytesView(*own).substr(0, key.size()), BytesView(*own).substr(key.size()), deleted});
  bytes.push_back(std::move(own));
}

Result<CheckpointRows> rows_of(const StoreSpec& spec, const std::vector<BytesView>& batches, Timestamp& observed) {
  LastUpdates updates(spec);
  for (BytesView bytes : batches) MR_TRY(updates.collect(bytes, observed));
  const bool windowed = spec.kind == StoreSpec::Kind::window;
  const std::int64_t interval = windowed ? segment_interval_ms(spec.retention) : 0;
  CheckpointRows result;
  std::int64_t first_live = INT64_MIN;
  if (windowed && observed.ms >= spec.retention.count()) {
    first_live = (observed.ms - spec.retention.count()) / interval;
    append_big_endian<std::int64_t>(result.expired_below, first_live);
  }
  const std::vector<const Update*> last = updates.sorted();
  std::size_t size = 0;
  for (const Update* u : last) size += segment_size + u->key.size() + timestamp_size + u->value.size();
  auto bytes = std::make_shared<Bytes>();
  bytes->reserve(size);  // never grows: the rows look into it
  result.rows.reserve(last.size());
  for (const Update* u : last) {
    if (u->segment < first_live) continue;
    CheckpointRows::Row row;
    const char* at = bytes->data() + bytes->size();
    if (windowed) append_big_endian(*bytes, u->segment);
    bytes->append(u->key);
    row.key = {at, (windowed ? segment_size : 0) + u->key.size()};
    row.deleted = u->value.data() == nullptr;
    if (!row.deleted) {
      at += row.key.size();
      append_big_endian<std::int64_t>(*bytes, u->timestamp.ms);
      bytes->append(u->value);
      row.value = {at, timestamp_size + u->value.size()};
    }
    result.rows.push_back(row);
  }
  result.bytes.push_back(std::move(bytes));
  return result;
}

}  // namespace millrace
