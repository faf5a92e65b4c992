// TableStep: filter and map_values of a table, kept in a store or computed on the way.
#pragma once
#include <optional>

#include "millrace/dsl/operators/key_bytes.h"
#include "millrace/dsl/operators/table_operator.h"

namespace millrace {

// Source: Kafka's KTableFilter and KTableMapValues.
class TableStep : public TableOperator {
 public:
  // The thunk emits the new value of a value that is not null; null for none. A filter that hears old values leaves out
  // updates from nothing to nothing.
  TableStep(TableStore store, bool is_kept, bool is_filter, Thunk thunk);
  void init(OperatorContext& context) override;
  void process(const RecordRef& record) override;

 private:
  template <class Then>
  void compute(const RecordRef& record, const void* value, Then then);
  void update(const RecordRef& record, const void* value);
  bool is_kept_, is_filter_;
  Thunk thunk_;
  std::optional<KeyBytes> keys_;
  KeyValueStore* store_ = nullptr;
};

}  // namespace millrace
