#include "millrace/dsl/operators/table_join.h"

#include <utility>

namespace millrace {

TableJoin::TableJoin(const ValueSource& table, bool left, Thunk key, Thunk joiner)
    : getter_(make_value_getter(table)), left_(left), key_(std::move(key)), joiner_(std::move(joiner)) {}

void TableJoin::init(OperatorContext& context) {
  context_ = &context;
  getter_->init(context);
}

void TableJoin::process(const RecordRef& record) {
  if (!record.value) return context_->record_dropped(record, "null value");
  if (!key_) return join(record, record.key);
  std::pair<TableJoin*, const RecordRef*> asked{this, &record};
  key_(record, {&asked, [](void* a, const RecordRef& mapped) {
                  auto& [self, original] = *static_cast<decltype(asked)*>(a);
                  self->join(*original, mapped.key);
                }});
}

void TableJoin::join(const RecordRef& record, const void* key) {
  if (!key && !left_) return context_->record_dropped(record, "null join key");
  if (!key) return emit(record, nullptr);
  std::pair<TableJoin*, const RecordRef*> asked{this, &record};
  getter_->get(record, key, {&asked, [](void* a, ValueAndTimestamp right) {
                               auto& [self, original] = *static_cast<decltype(asked)*>(a);
                               self->emit(*original, right.value);
                             }});
}

void TableJoin::emit(const RecordRef& record, const void* right) {
  if (!right && !left_) return;
  RecordRef both = record;
  both.other = right;
  joiner_(both, {this, [](void* self, const RecordRef& joined) { static_cast<TableJoin*>(self)->forward(joined); }});
}

}  // namespace millrace
