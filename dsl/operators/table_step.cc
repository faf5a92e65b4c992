#include "millrace/dsl/operators/table_step.h"

#include <utility>

#include "millrace/dsl/callable.h"

namespace millrace {

TableStep::TableStep(TableStore store, bool is_kept, bool is_filter, Thunk thunk)
    : TableOperator(std::move(store)), is_kept_(is_kept), is_filter_(is_filter), thunk_(std::move(thunk)) {
  if (is_kept_) keys_.emplace(kept().key, kept().name);
}

void TableStep::init(OperatorContext& context) {
  if (!is_kept_) return;
  store_ = context.key_value_store(kept().name);
  listen(*store_);
}

template <class Then>
void TableStep::compute(const RecordRef& record, const void* value, Then then) {
  if (!value) return then(nullptr);
  thunk_(with_value(record, value),
         {&then, [](void* f, const RecordRef& result) { (*static_cast<Then*>(f))(result.value); }});
}

void TableStep::process(const RecordRef& record) {
  compute(record, record.value, [&](const void* value) {
    if (store_ || !kept().sends_old_values) return update(record, value);
    compute(record, record.other, [&](const void* old) {
      if (is_filter_ && !old && !value) return;
      RecordRef result = record;
      result.value = value;
      result.other = old;
      forward_update(result);
    });
  });
}

void TableStep::update(const RecordRef& record, const void* value) {
  RecordRef result = record;
  result.value = value;
  result.other = nullptr;
  if (store_) {
    BytesView key = keys_->of(record.key);  // NOLINT(bugprone-unchecked-optional-access): it comes with the store
    if (is_filter_ && kept().sends_old_values && !value && !store_->get(key)) return;
    result.other = store_->put(key, value, record.timestamp, *record.context).value;
  }
  forward_update(result);
}

}  // namespace millrace
