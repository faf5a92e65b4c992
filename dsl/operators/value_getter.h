// ValueGetter: reads a table's current value of a key, through tables that are not kept in a store of their own.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "millrace/dsl/operator.h"
#include "millrace/dsl/operators/table_operator.h"

namespace millrace {

// Where a table's values come from: a store, or another table and the lambda over it. Shared by all tasks.
struct ValueSource {
  std::optional<TableStore> store;
  std::shared_ptr<const ValueSource> parent;
  Thunk thunk;  // a filter's or map_values': emits the new value, null for none
};

// What gets a value; it is valid only during the call.
struct ValueTaker {
  void* self;
  void (*take)(void* self, ValueAndTimestamp value);
  void operator()(ValueAndTimestamp value) const { take(self, value); }
};

// Source: Kafka's KTableValueGetter and its implementations. One thread.
class ValueGetter {
 public:
  virtual ~ValueGetter() = default;
  virtual void init(OperatorContext& context) = 0;
  // `record` is passed on to the lambdas on the way, with `key` for its key. An empty value is given where there is
  // none.
  virtual void get(const RecordRef& record, const void* key, const ValueTaker& taker) = 0;
};
std::unique_ptr<ValueGetter> make_value_getter(const ValueSource& source);

}  // namespace millrace
