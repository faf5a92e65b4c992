#include "millrace/dsl/operators/table_source.h"

#include <utility>

namespace millrace {

TableSource::TableSource(TableStore store, bool is_kept)
    : TableOperator(std::move(store)), is_kept_(is_kept), keys_(kept().key, kept().name) {}

void TableSource::init(OperatorContext& context) {
  context_ = &context;
  if (!is_kept_) return;
  store_ = context.key_value_store(kept().name);
  listen(*store_);
}

void TableSource::process(const RecordRef& record) {
  if (!record.key) return context_->record_dropped(record, "null key");
  RecordRef update = record;
  update.other = nullptr;
  if (store_) update.other = store_->put(keys_.of(record.key), record.value, record.timestamp, *record.context).value;
  forward_update(update);
}

}  // namespace millrace
