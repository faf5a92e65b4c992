// Aggregate: count, reduce and aggregate of a grouped stream, over a KeyValueStore.
#pragma once
#include <memory>
#include <utility>

#include "millrace/dsl/operators/key_bytes.h"
#include "millrace/dsl/operators/table_operator.h"

namespace millrace {

// How records become an aggregate.
struct Fold {
  bool reduce = false;                  // the first record's value is the first aggregate
  std::shared_ptr<const void> initial;  // null: the first aggregate starts from null
  Thunk fold;                           // emits the new aggregate; `other` is the old one
};

// Null keys and null values are dropped and counted. The result's timestamp is the largest of its records'.
// Source: Kafka's KStreamAggregate and KStreamReduce.
class Aggregate : public TableOperator {
 public:
  Aggregate(TableStore store, Fold fold);
  void init(OperatorContext& context) override;
  void process(const RecordRef& record) override;

 private:
  struct Update;
  void put(const Update& update, const void* value);
  Fold fold_;
  KeyBytes keys_;
  OperatorContext* context_ = nullptr;
  KeyValueStore* store_ = nullptr;
};

}  // namespace millrace
