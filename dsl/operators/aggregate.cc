#include "millrace/dsl/operators/aggregate.h"

#include <algorithm>

namespace millrace {

struct Aggregate::Update {
  Aggregate* self;
  const RecordRef* record;
  BytesView key;
  bool first;  // there was no aggregate
  Timestamp timestamp;
};

Aggregate::Aggregate(TableStore store, Fold fold)
    : TableOperator(std::move(store)), fold_(std::move(fold)), keys_(kept().key, kept().name) {}

void Aggregate::init(OperatorContext& context) {
  context_ = &context;
  store_ = context.key_value_store(kept().name);
  listen(*store_);
}

void Aggregate::process(const RecordRef& record) {
  if (!record.key || !record.value) return context_->record_dropped(record, "null key or value");
  BytesView key = keys_.of(record.key);
  ValueAndTimestamp old = store_->get(key);
  Update update{this, &record, key, !old, old ? std::max(old.timestamp, record.timestamp) : record.timestamp};
  if (fold_.reduce && !old) return put(update, record.value);
  RecordRef step = record;
  step.other = old ? old.value : fold_.initial.get();
  fold_.fold(step, {&update, [](void* u, const RecordRef& result) {
                      const auto& made = *static_cast<const Update*>(u);
                      made.self->put(made, result.value);
                    }});
}

void Aggregate::put(const Update& update, const void* value) {
  ValueAndTimestamp replaced = store_->put(update.key, value, update.timestamp, *update.record->context);
  RecordRef result = *update.record;
  result.value = value;
  result.other =
      update.first ? fold_.initial.get() : replaced.value;  // Kafka's old value of a first aggregate is the initial one
  result.timestamp = update.timestamp;
  forward_update(result);
}

}  // namespace millrace
