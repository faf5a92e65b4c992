// TableSource: a topic's, or a stream's, records as updates of a table; and the global table's, which is filled and
// read only.
#pragma once
#include "millrace/dsl/operators/key_bytes.h"
#include "millrace/dsl/operators/table_operator.h"

namespace millrace {

// Null keys are dropped and counted; a null value deletes. Updates are taken in the order in which they come, whatever
// their timestamps. Source: Kafka's KTableSource.
class TableSource : public TableOperator {
 public:
  // `is_kept` false: nobody reads the table, and there is no store.
  TableSource(TableStore store, bool is_kept);
  void init(OperatorContext& context) override;
  void process(const RecordRef& record) override;

 private:
  bool is_kept_;
  KeyBytes keys_;
  OperatorContext* context_ = nullptr;
  KeyValueStore* store_ = nullptr;
};

}  // namespace millrace
