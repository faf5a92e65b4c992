#include "millrace/dsl/operators/table_operator.h"

#include <utility>

#include "millrace/statestore/store_error.h"

namespace millrace {

WindowedKey::~WindowedKey() {
  if (!memory_) return;
  type_->type->destroy(memory_);
  ::operator delete(memory_, std::align_val_t(type_->type->align));
}

const void* WindowedKey::make(const void* key, Window window) {
  if (memory_) {
    type_->make(memory_, true, key, window);
    return memory_;
  }
  void* memory = ::operator new(type_->type->size, std::align_val_t(type_->type->align));
  type_->make(memory, false, key, window);  // a copy that throws leaks the memory of one key: the task is being closed
  memory_ = memory;
  return memory_;
}

TableOperator::TableOperator(TableStore store)
    : kept_(std::move(store)), key_(kept_.key ? kept_.key.table->type : nullptr), windowed_key_(kept_.windowed) {}

void TableOperator::listen(StateStore& store) {
  if (kept_.sends_old_values) store.send_old_values();
  caches_ = store.caches();
  store.set_flush_listener(
      {this, [](void* self, const FlushedUpdate& update) { static_cast<TableOperator*>(self)->flushed(update); }});
}

void TableOperator::forward_update(RecordRef update) {
  if (caches_) return;
  if (!kept_.sends_old_values) update.other = nullptr;
  forward(update);
}

void TableOperator::flushed(const FlushedUpdate& update) {
  auto read = key_.read(kept_.key, update.key, {kept_.name, true, nullptr});
  if (!read) throw StoreError("a key of " + kept_.name + " could not be read back: " + read.error().message());
  const void* key = key_.get();
  if (kept_.windowed) {
    key = windowed_key_.make(key, {update.window_start, window_end(update.window_start, kept_.window_size)});
  }
  RecordRef record;
  record.key = key;
  record.value = update.value;
  record.other = kept_.sends_old_values ? update.old_value : nullptr;
  record.timestamp = update.timestamp;
  record.headers = update.context->headers;
  record.context = update.context;
  forward(record);
}

}  // namespace millrace
