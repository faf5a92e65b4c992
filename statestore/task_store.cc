#include "millrace/statestore/task_store.h"

#include <algorithm>

#include "millrace/statestore/store_error.h"
#include "millrace/statestore/window_key.h"

namespace millrace {

namespace {
// Kafka's NamedCache.LRUNode and LRUCacheEntry: four references of 8 bytes less one, a flag, and the record context
// without its topic.
constexpr std::size_t node_bytes = 24, flag_bytes = 1, context_bytes = 20;
constexpr std::size_t timestamp_bytes = 8;
// Kafka caches window rows under segment id, key, start and sequence; the table key has key and start.
constexpr std::size_t window_cache_key_extra = 12;

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
  table_ = std::make_unique<EntryTable>(spec.value.table->type, false);
  counters_.clock = environment.clock;
}
TaskStore::~TaskStore() = default;

void TaskStore::send_old_values() {
  if (send_old_) return;
  send_old_ = true;
  if (!caches()) return;
  MR_ASSERT(table_->size() == 0, "old values are asked for in init, before the first record");
  table_ = std::make_unique<EntryTable>(spec_.value.table->type, true);
}

void TaskStore::fail(BytesView table_key, const std::string& why) const {
  BytesView key = windowed() ? key_in_table_key(table_key) : table_key;
  throw StoreError("store " + spec_.name + ", key \"" + printable(key) + "\": " + why);
}

// ---------------------------------------------------------------- reading

Entry* TaskStore::load(BytesView table_key, std::uint64_t hash) {
  if (!environment_.checkpoint || !environment_.checkpoint->may_have_rows()) return nullptr;
  BytesView row_key = table_key;
  if (windowed()) {
    key_scratch_.clear();
    append_row_key(key_scratch_, table_key, segment_interval_ms(spec_.retention));
    row_key = key_scratch_;
  }
  auto found = environment_.checkpoint->get(row_key, row_scratch_);
  if (!found) fail(table_key, found.error().text());
  if (!*found) return nullptr;
  if (row_scratch_.size() < timestamp_bytes)
    fail(table_key, "a row of less than 8 bytes: the state directory is damaged");
  Entry* e = table_->insert(table_key, hash);
  auto read = table_->read_value(e, spec_.value, BytesView(row_scratch_).substr(timestamp_bytes),
                                 {environment_.changelog_topic, false, nullptr});
  if (!read) fail(table_key, "its value does not deserialise: " + read.error().message());
  e->timestamp = {from_big_endian<std::int64_t>(row_scratch_.data())};
  return e;
}

Entry* TaskStore::find_or_load(BytesView table_key) {
  if (last_ && table_->key(last_) == table_key) return last_;
  const std::uint64_t hash = EntryTable::hash_of(table_key);
  Entry* e = table_->find(table_key, hash);
  if (!e) e = load(table_key, hash);
  return last_ = e;
}

ValueAndTimestamp TaskStore::get(BytesView table_key) {
  Entry* e = find_or_load(table_key);
  if (!e) return {};
  if (windowed()) {  // Kafka's window cache holds updates only; what it has not is asked of the store, which hides
                     // expired windows
    if (!e->in_cache && !is_live(start_in_table_key(table_key))) return {};
  } else if (caches()) {
    if (e->in_cache) {
      ++counters_.cache_hits;
      e->used = ++environment_.record_cache->tick;
      by_use_.used(e);
    } else if (e->has_value) {
      e->topic = {};
      keep_in_cache(e);
      evict_over_budget();
      if (!e->has_value) return {};
    }
  }
  return e->has_value ? ValueAndTimestamp{table_->value(e), e->timestamp} : ValueAndTimestamp{};
}

ValueAndTimestamp TaskStore::peek(BytesView table_key) {
  Entry* e = find_or_load(table_key);
  if (!e || !is_visible(e)) return {};
  return {table_->value(e), e->timestamp};
}

// ---------------------------------------------------------------- writing

ValueAndTimestamp TaskStore::put(BytesView table_key, const void* value, Timestamp timestamp,
                                 const RecordContext& context) {
  Entry* e = find_or_load(table_key);
  if (!e) last_ = e = table_->insert(table_key, EntryTable::hash_of(table_key));
  ValueAndTimestamp old;
  if (caches()) {
    if (!e->dirtied) {
      e->had_value = e->has_value;
      if (send_old_) table_->keep_old(e);
      dirty_.push_back(e);
    }
  } else if (send_old_ && e->has_value) {
    old_.set(table_->value(e));
    old = {old_.get(), e->timestamp};
  }
  table_->set_value(e, value);
  if (!value) ++dead_;
  e->timestamp = timestamp;
  if (!caches()) {
    log(e, context.timestamp);
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
  keep_in_cache(e);
  e->dirtied = e->used;
  evict_over_budget();
  return {};
}

void TaskStore::log(Entry* e, Timestamp when_deleted) {
  e->logged = ++logged_;
  BytesView key = table_->key(e);
  if (windowed()) {
    observed_ = std::max(observed_, start_in_table_key(key));
    key_scratch_.clear();
    append_store_key(key_scratch_, key);
    key = key_scratch_;
  }
  if (!environment_.changelog) return;
  BytesView value;
  if (e->has_value) {
    auto written =
        serialized(spec_.value, table_->value(e), value_scratch_, {environment_.changelog_topic, false, nullptr});
    if (!written) fail(table_->key(e), "its value does not serialise: " + written.error().message());
    value = *written;
    if (!value.data()) value = BytesView("", 0);
    if (key.size() + value.size() + 128 > environment_.max_message_bytes)
      fail(table_->key(e),
           "the value has grown to " + std::to_string(value.size()) + " bytes, over max.message.bytes = " +
               std::to_string(environment_.max_message_bytes) + " of " + environment_.changelog_topic +
               ". Keep less in one aggregate, store a reference to the data, or raise max.message.bytes");
  }
  environment_.changelog->log(key, value, e->has_value ? e->timestamp : when_deleted);
}

// ---------------------------------------------------------------- the record cache

std::size_t TaskStore::cache_bytes(const Entry* e) const {
  std::size_t n = e->key_size + (windowed() ? window_cache_key_extra : 0) + node_bytes + flag_bytes + context_bytes +
                  e->topic.size();
  if (e->has_value) n += timestamp_bytes + spec_.value.table->serialized_size(spec_.value.self, table_->value(e));
  if (e->headers)
    for (const Header& h : *e->headers) n += h.name.size() + (h.value ? h.value->size() : 0);
  return n;
}

void TaskStore::keep_in_cache(Entry* e) {
  RecordCache& cache = *environment_.record_cache;
  if (e->in_cache) {
    cache.bytes -= e->cached_bytes;
  } else {
    e->in_cache = true;
    ++in_cache_;
  }
  e->used = ++cache.tick;
  by_use_.used(e);
  e->cached_bytes = static_cast<std::uint32_t>(cache_bytes(e));
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
    Entry* e = by_use_.oldest([&](auto visit) { table_->for_each(visit); });
    drop_from_cache(e);
    if (e->dirtied) flush_with(e);
  }
}

void TaskStore::flush() {
  if (caches()) counters_.count<1>(counters_.flushes, [&] { flush_with(nullptr); });
}

void TaskStore::flush_with(Entry* evicted) {
  if (dirty_.empty()) return;
  std::vector<Used> batch;
  batch.reserve(dirty_.size());
  for (Entry* e : dirty_)
    if (e != evicted) batch.push_back({e->dirtied, e});
  dirty_.clear();
  std::sort(batch.begin(), batch.end(), [](const Used& a, const Used& b) { return a.tick < b.tick; });
  std::vector<Entry*> deleted;
  for (const Used& u : batch) {
    u.entry->dirtied = 0;
    if (!u.entry->has_value) deleted.push_back(u.entry);
  }
  if (evicted) {
    evicted->dirtied = 0;
    flush_entry(evicted);
  }
  for (const Used& u : batch) flush_entry(u.entry);
  for (Entry* e : deleted)
    if (!e->dirtied) drop_from_cache(e);
}

void TaskStore::flush_entry(Entry* e) {
  if (!e->has_value && !e->had_value) return;  // came and went between two flushes: nobody ever saw it
  log(e, e->record_timestamp);
  if (!listener_) return;
  const RecordContext context{e->topic, e->partition, e->offset, e->record_timestamp, e->headers};
  FlushedUpdate update;
  BytesView key = table_->key(e);
  update.key = windowed() ? key_in_table_key(key) : key;
  if (windowed()) update.window_start = start_in_table_key(key);
  update.value = table_->value(e);
  update.old_value = table_->old_value(e);
  update.timestamp = e->has_value ? e->timestamp : e->record_timestamp;
  update.context = &context;
  listener_.on_flush(listener_.self, update);
  table_->drop_old(e);
}

// ---------------------------------------------------------------- restore and checkpoint

Result<> TaskStore::restore(BytesView changelog_key, BytesView value, bool has_value, Timestamp timestamp) {
  if (windowed() && changelog_key.size() < 12)
    return Error(ErrorCode::corrupt_message,
                 environment_.changelog_topic + ": a window key of " + std::to_string(changelog_key.size()) + " bytes");
  BytesView key = windowed() ? table_key_in_store_key(changelog_key) : changelog_key;
  const std::uint64_t hash = EntryTable::hash_of(key);
  Entry* e = table_->find(key, hash);
  if (!e) e = table_->insert(key, hash);
  last_ = nullptr;
  e->logged = ++logged_;
  if (windowed()) observed_ = std::max(observed_, start_in_table_key(key));
  e->timestamp = timestamp;
  if (!has_value) {
    table_->set_value(e, nullptr);
    ++dead_;
    return {};
  }
  return table_->read_value(e, spec_.value, value, {environment_.changelog_topic, false, nullptr});
}

void TaskStore::checkpointed(std::int64_t sequence) { checkpointed_ = std::max(checkpointed_, sequence); }

std::size_t TaskStore::memory_bytes() const { return table_->memory_bytes(); }

void TaskStore::trim(std::size_t bytes) {
  // What nobody would miss: deleted keys that no checkpoint still has, windows past their retention.
  const bool too_large = table_->memory_bytes() > bytes;
  if (!too_large && dead_ * 2 < table_->size() + 1024 && !windowed()) return;
  // Down to three quarters, so that the next sweep is some time away; which clean entries go changes no output.
  const std::size_t target = bytes - bytes / 4;
  const std::size_t each = table_->size() ? table_->memory_bytes() / table_->size() + 1 : 1;
  std::size_t left = table_->memory_bytes(), erased = 0;
  table_->erase_if([&](Entry* e) {
    if (e->in_cache || e->dirtied) return false;
    const bool expired = windowed() && !is_live(start_in_table_key(table_->key(e)));
    const bool pinned = environment_.checkpoint && e->logged > checkpointed_;
    const bool dead = !e->has_value || expired;
    const bool unwanted = too_large && environment_.checkpoint && left > target;
    // A pinned deletion stays even if the checkpoint has no rows yet: one that is being written may hold the key.
    const bool doomed = !pinned && (dead || unwanted);
    if (doomed) {
      ++erased;
      left -= std::min(left, each);
    }
    return doomed;
  });
  dead_ = 0;
  last_ = nullptr;
  if (erased) by_use_.clear();
}

// ---------------------------------------------------------------- scans

bool TaskStore::is_visible(const Entry* e) const {
  if (!e->has_value) return false;
  return !windowed() || e->in_cache || is_live(start_in_table_key(table_->key(e)));
}

TaskStore::Row TaskStore::copy(const Entry* e) const {
  auto value = std::make_shared<AnyValue>(spec_.value.table->type);
  value->set(table_->value(e));
  return {Bytes(table_->key(e)), std::move(value), e->timestamp};
}

bool TaskStore::shadows(BytesView table_key) const {
  return table_->find(table_key, EntryTable::hash_of(table_key)) != nullptr;
}

Result<> TaskStore::read_row(BytesView bytes, Row& row) const {
  if (bytes.size() < timestamp_bytes)
    return Error(ErrorCode::corrupt_message, "store " + spec_.name + ": a row of less than 8 bytes");
  row.timestamp = {from_big_endian<std::int64_t>(bytes.data())};
  row.value = std::make_shared<AnyValue>(spec_.value.table->type);
  return row.value->read(spec_.value, bytes.substr(timestamp_bytes), {environment_.changelog_topic, false, nullptr});
}

}  // namespace millrace
