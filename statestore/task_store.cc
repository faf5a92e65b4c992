#include "millrace/statestore/task_store.h"

#include <algorithm>

#include "millrace/base/radix_sort.h"
#include "millrace/base/thrown.h"
#include "millrace/statestore/serialization_error.h"
#include "millrace/statestore/store_error.h"
#include "millrace/statestore/window_rows.h"

namespace millrace {

namespace {
// Kafka's NamedCache.LRUNode and LRUCacheEntry: four references of 8 bytes less one, a flag, and the record context
// without its topic.
constexpr std::size_t node_bytes = 24, flag_bytes = 1, context_bytes = 20;
constexpr std::size_t timestamp_bytes = 8;
// Kafka caches window rows under segment id, key, start and sequence; the table key has key and start.
constexpr std::size_t window_cache_key_extra = 12;
constexpr std::size_t sequence_bytes = 4;  // of a window's key in the changelog
constexpr std::size_t entries_ahead = 8;   // of a flush are on their way from memory, in an order of no help to the CPU

std::string printable(BytesView key) {
  std::string out;
  for (unsigned char c : key.substr(0, 64)) {
    char hex[8];
    if (c >= 0x20 && c < 0x7f) {
      out += static_cast<char>(c);
    } else {
      std::snprintf(hex, sizeof hex, "\\x%02x", c);
      out += hex;
    }
  }
  return out;
}
}  // namespace

TaskStore::TaskStore(const StoreSpec& spec, const StoreEnvironment& environment)
    : spec_(spec), environment_(environment), old_(spec.value.table->type) {
  make_table(false);
  counters_.clock = environment.clock;
}
TaskStore::~TaskStore() = default;

void TaskStore::make_table(bool with_old) {
  if (windowed()) {
    windows_ = std::make_unique<WindowTable>(spec_.value, with_old);
    entries_ = windows_.get();
  } else {
    keys_ = std::make_unique<EntryTable>(spec_.value, with_old);
    entries_ = keys_.get();
  }
}

void TaskStore::send_old_values() {
  if (send_old_) return;
  send_old_ = true;
  if (!caches()) return;
  MR_ASSERT(size() == 0, "old values are asked for in init, before the first record");
  make_table(true);
}

std::string TaskStore::text(BytesView table_key, const std::string& why) const {
  BytesView key = windowed() ? key_in_table_key(table_key) : table_key;
  return "store " + spec_.name + ", key \"" + printable(key) + "\": " + why;
}

void TaskStore::fail(BytesView table_key, const std::string& why) const { throw StoreError(text(table_key, why)); }

// ---------------------------------------------------------------- reading

Entry* TaskStore::insert(BytesView table_key, std::uint64_t hash) {
  is_missing_ = false;
  if (!windowed()) return keys_->insert(table_key, hash);
  BytesView key = key_in_table_key(table_key);
  KeyWindows* w = windows_->find_key(key);
  if (!w) {
    w = windows_->insert_key(key);
    w->complete = !saved();
  }
  oldest_ = std::min(oldest_, start_in_table_key(table_key));
  return windows_->insert(w, table_key, hash);
}

void TaskStore::discard(Entry* e) {
  if (!windowed()) return keys_->erase(e);
  KeyWindows* w = windows_->find_key(key_in_table_key(entries_->key(e)));
  windows_->erase_if(w, [&](const KeyWindows::Slot& slot) { return slot.entry == e; });
}

// Fills a new entry from a row of the checkpoint.
void TaskStore::fill(Entry* e, BytesView row) {
  std::string problem;
  if (row.size() < timestamp_bytes) {
    problem = "a row of less than 8 bytes: the state directory is damaged";
  } else {
    e->timestamp = {from_big_endian<std::int64_t>(row.data())};
    auto read = entries_->read_value(e, row.substr(timestamp_bytes), {environment_.changelog_topic, false, nullptr});
    if (read) return;
    problem = "its value does not deserialise: " + read.error().message();
  }
  const Bytes key(entries_->key(e));
  discard(e);
  fail(key, problem);
}

Entry* TaskStore::load(BytesView table_key, std::uint64_t hash) {
  BytesView row_key = table_key;
  if (windowed()) {
    key_scratch_.clear();
    append_row_key(key_scratch_, table_key, segment_interval_ms(spec_.retention));
    row_key = key_scratch_;
  }
  auto found = saved()->get(row_key, row_scratch_);
  if (!found) fail(table_key, found.error().text());
  if (!*found) return nullptr;
  Entry* e = insert(table_key, hash);
  fill(e, row_scratch_);
  return e;
}

void TaskStore::load(KeyWindows* w) {
  const WindowRange range{Bytes(w->key()), Bytes(w->key()), oldest_live(), {INT64_MAX}};
  WindowRows rows(*saved(), range, segment_interval_ms(spec_.retention), ScanOrder::ascending);
  while (rows.next()) {
    BytesView table_key = table_key_in_row_key(rows.key());
    const std::uint64_t hash = EntryMemory::hash_of(table_key);
    if (find(table_key, hash)) continue;  // younger than the checkpoint's
    if (w->windows.size() >= windows_of_a_key_max) {
      w->oversized = true;
      return;
    }
    oldest_ = std::min(oldest_, start_in_table_key(table_key));
    fill(windows_->insert(w, table_key, hash), rows.value());
  }
  w->complete = true;
}

Entry* TaskStore::find_or_load(BytesView table_key) {
  if (last_ && entries_->key(last_) == table_key) return last_;
  if (is_missing_ && missing_ == table_key) return nullptr;
  const std::uint64_t hash = EntryMemory::hash_of(table_key);
  Entry* e = find(table_key, hash);
  if (!e && saved()) e = windowed() ? find_or_load_window(table_key, hash) : load(table_key, hash);
  if (!e) {
    missing_.assign(table_key);
    missing_hash_ = hash;
    is_missing_ = true;
  }
  return last_ = e;
}

// A window that is not in the table. A key's first one is looked up by itself, since most keys bring no second one;
// from the second on, all are here.
Entry* TaskStore::find_or_load_window(BytesView table_key, std::uint64_t hash) {
  KeyWindows* w = windows_->find_key(key_in_table_key(table_key));
  if (w && w->complete) return nullptr;
  if (w && !w->oversized) {
    load(w);
    if (Entry* e = find(table_key, hash)) return e;
    if (w->complete) return nullptr;
  }
  return load(table_key, hash);
}

const KeyWindows* TaskStore::windows_of(BytesView key) {
  KeyWindows* w = windows_->find_key(key);
  if (!saved() || (w && (w->complete || w->oversized))) return w;
  if (!w) {
    w = windows_->insert_key(key);
    w->newest = observed_;
  }
  load(w);
  return w;
}

ValueAndTimestamp TaskStore::get(BytesView table_key) {
  Entry* e = find_or_load(table_key);
  if (!e) return {};
  if (windowed()) {  // Kafka's window cache holds updates only; what it has not is asked of the store, which hides
                     // expired windows
    if (!e->in_cache && !is_live(e)) return {};
  } else if (caches()) {
    if (e->in_cache) {
      ++counters_.cache_hits;
      e->used = ++environment_.record_cache->tick;
      by_use_.used(e);
    } else if (e->has_value) {
      const std::size_t value_size = serialized_size(table_key, entries_->value(e));
      e->topic = {};
      keep_in_cache(e, value_size);
      evict_over_budget();
      if (!e->has_value) return {};
    }
  }
  return e->has_value ? ValueAndTimestamp{entries_->value(e), e->timestamp} : ValueAndTimestamp{};
}

ValueAndTimestamp TaskStore::peek(BytesView table_key) {
  Entry* e = find_or_load(table_key);
  if (!e || !is_visible(e)) return {};
  return {entries_->value(e), e->timestamp};
}

// ---------------------------------------------------------------- writing

ValueAndTimestamp TaskStore::put(BytesView table_key, const void* value, Timestamp timestamp,
                                 const RecordContext& context) {
  if (!broken_.empty()) fail(table_key, broken_);
  Entry* e = find_or_load(table_key);
  // What can fail for the value comes before anything changes: the handler may skip the record.
  std::size_t value_size = 0;
  BytesView bytes;
  if (caches() || !environment_.changelog) {
    value_size = serialized_size(table_key, value);
  } else if (value) {
    auto written = serialise(table_key, value);
    if (!written) throw SerializationError(written.error().message());
    bytes = *written;
    value_size = bytes.size();
  }
  if (!e) last_ = e = insert(table_key, missing_hash_);
  note_unsaved(e);
  ValueAndTimestamp old;
  if (caches()) {
    if (!e->dirtied) {
      e->had_value = e->has_value;
      if (send_old_) entries_->keep_old(e);
      dirty_.push_back(e);
    }
  } else if (send_old_ && e->has_value) {
    old_.set(entries_->value(e));
    old = {old_.get(), e->timestamp};
  }
  set_value(e, value);
  if (!value) ++dead_;
  e->timestamp = timestamp;
  if (!caches()) {
    entries_->count_value(e, value_size);
    log(e, bytes, context.timestamp);
    return old;
  }
  e->record_timestamp = context.timestamp;
  e->offset = context.offset;
  e->partition = context.partition;
  e->topic = context.topic;
  if (context.headers && !context.headers->empty()) {
    if (!e->headers) e->headers = new Headers;
    *e->headers = *context.headers;
  } else if (e->headers) {
    delete std::exchange(e->headers, nullptr);
  }
  keep_in_cache(e, value_size);
  e->dirtied = e->used;
  evict_over_budget();
  return {};
}

void TaskStore::log(Entry* e, BytesView value, Timestamp when_deleted) {
  e->logged = ++logged_;
  BytesView key = entries_->key(e);
  if (windowed()) {
    observed_ = std::max(observed_, start_in_table_key(key));
    key_scratch_.clear();
    append_store_key(key_scratch_, key);
    key = key_scratch_;
  }
  if (environment_.changelog) environment_.changelog->log(key, value, e->has_value ? e->timestamp : when_deleted);
}

Result<BytesView> TaskStore::serialise(BytesView table_key, const void* value) {
  auto written = serialized(spec_.value, value, value_scratch_, {environment_.changelog_topic, false, nullptr});
  if (!written)
    return Error(written.error().code(), text(table_key, "its value does not serialise: " + written.error().message()));
  const std::size_t key_size = table_key.size() + (windowed() ? sequence_bytes : 0);
  if (key_size + written->size() + 128 > environment_.max_message_bytes)
    fail(table_key, "the value has grown to " + std::to_string(written->size()) + " bytes, over max.message.bytes = " +
                        std::to_string(environment_.max_message_bytes) + " of " + environment_.changelog_topic +
                        ". Keep less in one aggregate, store a reference to the data, or raise max.message.bytes");
  return written->data() ? *written : BytesView("");
}

void TaskStore::set_value(Entry* e, const void* value) {
  try {
    entries_->set_value(e, value);
  } catch (...) {
    fail(entries_->key(e), "its value could not be copied: " + thrown());
  }
}

// ---------------------------------------------------------------- the record cache

std::size_t TaskStore::serialized_size(BytesView table_key, const void* value) const {
  if (!value) return 0;
  auto size = spec_.value.table->serialized_size(spec_.value.self, value);
  if (!size) throw SerializationError(text(table_key, "its value does not serialise: " + size.error().message()));
  return *size;
}

std::size_t TaskStore::cache_bytes(const Entry* e, std::size_t value_size) const {
  std::size_t n = e->key_size + (windowed() ? window_cache_key_extra : 0) + node_bytes + flag_bytes + context_bytes +
                  e->topic.size();
  if (e->has_value) n += timestamp_bytes + value_size;
  if (e->headers)
    for (const Header& h : *e->headers) n += h.name.size() + (h.value ? h.value->size() : 0);
  return n;
}

void TaskStore::keep_in_cache(Entry* e, std::size_t value_size) {
  RecordCache& cache = *environment_.record_cache;
  if (e->in_cache) {
    cache.bytes -= e->cached_bytes;
  } else {
    e->in_cache = true;
    ++in_cache_;
    if (windowed()) oldest_cached_ = std::min(oldest_cached_, start_in_table_key(entries_->key(e)));
  }
  e->used = ++cache.tick;
  by_use_.used(e);
  e->cached_bytes = static_cast<std::uint32_t>(cache_bytes(e, value_size));
  entries_->count_value(e, value_size);
  cache.bytes += e->cached_bytes;
}

void TaskStore::drop_from_cache(Entry* e) {
  if (!e->in_cache) return;
  environment_.record_cache->bytes -= e->cached_bytes;
  e->in_cache = false;
  e->cached_bytes = 0;
  --in_cache_;
}

void TaskStore::evict_over_budget() {
  RecordCache& cache = *environment_.record_cache;
  while (cache.bytes > cache.max_bytes && in_cache_ > 0) {  // only from the store just used, as Kafka does
    Entry* e = by_use_.oldest([&](auto visit) { for_each(visit); });
    drop_from_cache(e);
    if (e->dirtied) flush_with(e);
  }
}

void TaskStore::flush() {
  if (caches()) counters_.count<1>(counters_.flushes, [&] { flush_with(nullptr); });
}

// Who failed must not be taken for skipped: the rest of the batch would count as flushed.
void TaskStore::flush_with(Entry* evicted) {
  if (!broken_.empty()) throw StoreError("store " + spec_.name + ": " + broken_);
  if (dirty_.empty()) return;
  try {
    flush_all(evicted);
  } catch (...) {
    broken_ = "a flush of its record cache failed: " + thrown();
    throw;
  }
}

void TaskStore::flush_all(Entry* evicted) {
  std::vector<Used> batch;
  batch.reserve(dirty_.size());
  for (Entry* e : dirty_)
    if (e != evicted) batch.push_back({e->dirtied, e});
  dirty_.clear();
  radix_sort(batch, [](const Used& u) { return u.tick; });
  std::vector<Entry*> deleted;
  for (const Used& u : batch) {
    u.entry->dirtied = 0;
    if (!u.entry->has_value) deleted.push_back(u.entry);
  }
  if (evicted) {
    evicted->dirtied = 0;
    flush_entry(evicted);
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (i + entries_ahead < batch.size()) EntryMemory::prefetch(batch[i + entries_ahead].entry);
    flush_entry(batch[i].entry);
  }
  for (Entry* e : deleted)
    if (!e->dirtied) drop_from_cache(e);
}

void TaskStore::flush_entry(Entry* e) {
  if (!e->has_value && !e->had_value) return;  // came and went between two flushes: nobody ever saw it
  BytesView bytes;
  if (e->has_value && environment_.changelog) {
    auto written = serialise(entries_->key(e), entries_->value(e));
    if (!written) throw StoreError(written.error().message());
    bytes = *written;
  }
  log(e, bytes, e->record_timestamp);
  if (!listener_) return;
  const RecordContext context{e->topic, e->partition, e->offset, e->record_timestamp, e->headers};
  FlushedUpdate update;
  BytesView key = entries_->key(e);
  update.key = windowed() ? key_in_table_key(key) : key;
  if (windowed()) update.window_start = start_in_table_key(key);
  update.value = entries_->value(e);
  update.old_value = entries_->old_value(e);
  update.timestamp = e->has_value ? e->timestamp : e->record_timestamp;
  update.context = &context;
  listener_.on_flush(listener_.self, update);
  entries_->drop_old(e);
}

// ---------------------------------------------------------------- restore and checkpoint

Result<> TaskStore::restore(BytesView changelog_key, BytesView value, bool has_value, Timestamp timestamp) {
  if (windowed() && changelog_key.size() < 12)
    return Error(ErrorCode::corrupt_message,
                 environment_.changelog_topic + ": a window key of " + std::to_string(changelog_key.size()) + " bytes");
  BytesView key = windowed() ? table_key_in_store_key(changelog_key) : changelog_key;
  const std::uint64_t hash = EntryMemory::hash_of(key);
  Entry* e = find(key, hash);
  if (!e) e = insert(key, hash);
  note_unsaved(e);
  last_ = nullptr;
  e->logged = ++logged_;
  if (windowed()) observed_ = std::max(observed_, start_in_table_key(key));
  e->timestamp = timestamp;
  if (!has_value) {
    entries_->set_value(e, nullptr);
    ++dead_;
    return {};
  }
  return entries_->read_value(e, value, {environment_.changelog_topic, false, nullptr});
}

// ---------------------------------------------------------------- what is in memory

void TaskStore::note_unsaved(Entry* e) {
  if (!environment_.checkpoint || e->unsaved) return;
  e->unsaved = true;
  unsaved_.push_back(e);
}

void TaskStore::forget_saved() {
  std::erase_if(unsaved_, [&](Entry* e) { return !(e->unsaved = e->dirtied || e->logged > checkpointed_); });
}

void TaskStore::checkpointed(std::int64_t sequence) {
  checkpointed_ = std::max(checkpointed_, sequence);
  forget_saved();
}

std::size_t TaskStore::memory_bytes() const {
  return (windows_ ? windows_->memory_bytes() : keys_->memory_bytes()) +
         (unsaved_.capacity() + dirty_.capacity()) * sizeof(Entry*) + by_use_.memory_bytes();
}

std::size_t TaskStore::trim(std::size_t bytes) {
  const bool too_large = memory_bytes() > bytes && environment_.checkpoint;
  // Not at every step of time: a sweep looks at all of the table.
  const bool has_expired = windowed() && !is_live(oldest_) && observed_ - swept_at_ >= spec_.retention / 4;
  if (!too_large && !has_expired && dead_ * 2 < size() + 1024) return 0;
  forget_saved();
  swept_at_ = observed_;
  // Down to three quarters, so that the next sweep is some time away; which clean entries go changes no output.
  const std::size_t target = bytes - bytes / 4;
  const std::size_t erased = windowed() ? trim_windows(too_large, target) : trim_keys(too_large, target);
  dead_ = 0;
  last_ = nullptr;
  if (erased) by_use_.clear();
  return too_large ? pinned_bytes() : 0;
}

// What is in no checkpoint no other one will free.
std::size_t TaskStore::pinned_bytes() const {
  std::size_t n = 0;
  if (!environment_.changelog) return n;
  for (const Entry* e : unsaved_)
    if (!e->in_cache && !e->dirtied) n += entries_->memory_of(e);
  return n;
}

std::size_t TaskStore::trim_keys(bool too_large, std::size_t target) {
  std::size_t left = memory_bytes(), erased = 0;
  keys_->erase_if([&](const Entry* e) {
    // A deletion stays until the checkpoint has it even if that has no rows yet: one that is being written may hold
    // the key.
    if (!is_free(e) || (e->has_value && !(too_large && left > target))) return false;
    ++erased;
    left -= keys_->memory_of(e);
    return true;
  });
  return erased;
}

std::size_t TaskStore::trim_windows(bool too_large, std::size_t target) {
  using Slot = KeyWindows::Slot;
  std::size_t going = 0, erased = 0;  // bytes of keys that will be erased at the end, and windows
  const Timestamp forgotten = std::max(oldest_live(), Timestamp{0}) - spec_.retention;  // which may be for ever
  const bool has_dead = dead_ > 0;
  const auto useless = [&](const Slot& s) {
    if (is_live(s.start) && !has_dead) return false;  // without a look at the entry
    return is_free(s.entry) && !(s.entry->has_value && is_live(s.start));
  };
  const auto free = [&](const Slot& s) { return is_free(s.entry); };
  oldest_ = {INT64_MAX};
  const auto unwanted = windows_->keys_of([&](KeyWindows* w) {
    erased += windows_->erase_if(w, useless);
    const bool shrink = too_large && memory_bytes() - going > target;
    bool doomed = shrink && std::all_of(w->windows.begin(), w->windows.end(), free);
    if (doomed) {
      erased += w->windows.size();
      for (const Slot& slot : w->windows) going += windows_->memory_of(slot.entry);
    } else if (shrink && w->windows.size() > windows_of_a_key_max) {
      erased += windows_->erase_if(w, free);
      w->oversized = true;
      w->complete = false;
    }
    // A key without windows is kept for a while: its next one is then known to be new.
    doomed |= w->windows.empty() && w->newest < forgotten;
    if (!doomed && !w->windows.empty()) oldest_ = std::min(oldest_, w->windows.front().start);
    return doomed;
  });
  for (KeyWindows* w : unwanted) windows_->erase(w);
  return erased;
}

// ---------------------------------------------------------------- scans

bool TaskStore::is_visible(const Entry* e) const { return e->has_value && (!windowed() || e->in_cache || is_live(e)); }

TaskStore::Row TaskStore::copy(const Entry* e) const {
  Row row{Bytes(entries_->key(e)), AnyValue(spec_.value.table->type), e->timestamp};
  if (is_visible(e)) row.value.set(entries_->value(e));
  return row;
}

// Entries that are shown only because the record cache still holds them: the checkpoint's rows have expired.
std::vector<const Entry*> TaskStore::expired_in_cache() {
  std::vector<const Entry*> result;
  if (!windowed() || in_cache_ == 0) oldest_cached_ = {INT64_MAX};
  if (!windowed() || is_live(oldest_cached_)) return result;
  oldest_cached_ = {INT64_MAX};
  for_each([&](const Entry* e) {
    if (!e->in_cache) return;
    oldest_cached_ = std::min(oldest_cached_, start_in_table_key(entries_->key(e)));
    if (!e->unsaved && !is_live(e)) result.push_back(e);
  });
  return result;
}

Result<> TaskStore::read_row(BytesView bytes, Row& row) const {
  if (bytes.size() < timestamp_bytes)
    return Error(ErrorCode::corrupt_message, "store " + spec_.name + ": a row of less than 8 bytes");
  row.timestamp = {from_big_endian<std::int64_t>(bytes.data())};
  return row.value.read(spec_.value, bytes.substr(timestamp_bytes), {environment_.changelog_topic, false, nullptr});
}

}  // namespace millrace
