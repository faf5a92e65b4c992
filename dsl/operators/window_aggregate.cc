#include "millrace/dsl/operators/window_aggregate.h"

#include <algorithm>

namespace millrace {

struct WindowAggregate::Update {
  WindowAggregate* self;
  const RecordRef* record;
  BytesView key;
  Window window;
  bool first;  // the window had no aggregate
  Timestamp timestamp;
};

WindowAggregate::WindowAggregate(TableStore store, Fold fold, TimeWindows windows)
    : TableOperator(std::move(store)),
      fold_(std::move(fold)),
      windows_(windows),
      keys_(kept().key, kept().name),
      windowed_key_(kept().windowed) {
  if (windows_.advance == Duration{0}) windows_.advance = windows_.size.value;
}

void WindowAggregate::init(OperatorContext& context) {
  context_ = &context;
  store_ = context.window_store(kept().name);
  listen(*store_);
}

void WindowAggregate::process(const RecordRef& record) {
  if (!record.key) return context_->record_dropped(record, "null key");
  stream_time_ = std::max(stream_time_, record.timestamp);
  Timestamp close = stream_time_ - windows_.grace.value;
  BytesView key = keys_.of(record.key);
  std::int64_t advance = windows_.advance.count();
  std::int64_t first =
      std::max<std::int64_t>(0, record.timestamp.ms - windows_.size.value.count() + advance) / advance * advance;
  for (Timestamp start{first}; start <= record.timestamp; start = start + windows_.advance) {
    Window window{start, window_end(start, windows_.size.value)};
    if (window.end > close) {
      update(record, key, window);
    } else {
      context_->record_dropped(record, "expired window");
    }
    if (record.timestamp - start < windows_.advance) return;  // the next one's start may be beyond all time
  }
}

void WindowAggregate::update(const RecordRef& record, BytesView key, Window window) {
  ValueAndTimestamp old = store_->fetch(key, window.start);
  Update update{this, &record, key, window, !old, old ? std::max(old.timestamp, record.timestamp) : record.timestamp};
  if (fold_.reduce && !old) return put(update, record.value);
  RecordRef step = record;
  step.other = old ? old.value : fold_.initial.get();
  fold_.fold(step, {&update, [](void* u, const RecordRef& result) {
                      const auto& made = *static_cast<const Update*>(u);
                      made.self->put(made, result.value);
                    }});
}

void WindowAggregate::put(const Update& update, const void* value) {
  ValueAndTimestamp replaced =
      store_->put(update.key, value, update.window.start, update.timestamp, *update.record->context);
  if (store_->caches()) return;
  RecordRef result = *update.record;
  result.key = windowed_key_.make(update.record->key, update.window);
  result.value = value;
  result.other = update.first ? fold_.initial.get() : replaced.value;
  result.timestamp = update.timestamp;
  forward_update(result);
}

}  // namespace millrace
