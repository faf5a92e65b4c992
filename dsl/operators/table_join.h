// TableJoin: a stream's records with the current value of a table, or of a global table by a key of their own.
#pragma once
#include <memory>

#include "millrace/dsl/operators/value_getter.h"

namespace millrace {

// A record without a value, or without a key to look up, is dropped and counted; in a left join, no key to look up has
// no row. Source: Kafka's KStreamKTableJoinProcessor.
class TableJoin : public Operator {
 public:
  // Without a `key` thunk the record's key is looked up.
  TableJoin(const ValueSource& table, bool left, Thunk key, Thunk joiner);
  void init(OperatorContext& context) override;
  void process(const RecordRef& record) override;

 private:
  void join(const RecordRef& record, const void* key);
  void emit(const RecordRef& record, const void* right);
  std::unique_ptr<ValueGetter> getter_;
  bool left_;
  Thunk key_, joiner_;
  OperatorContext* context_ = nullptr;
};

}  // namespace millrace
