// WindowAggregate: count, reduce and aggregate over tumbling and hopping windows.
#pragma once
#include "millrace/dsl/operators/aggregate.h"

namespace millrace {

// A null key is dropped and counted; a null value reaches the fold, as in Kafka. Windows that closed `grace` before the
// operator's own stream time are left alone, and each one counts as a dropped record. Source: Kafka's
// KStreamWindowAggregate.
class WindowAggregate : public TableOperator {
 public:
  WindowAggregate(TableStore store, Fold fold, TimeWindows windows);
  void init(OperatorContext& context) override;
  void process(const RecordRef& record) override;

 private:
  struct Update;
  void update(const RecordRef& record, BytesView key, Window window);
  void put(const Update& update, const void* value);
  Fold fold_;
  TimeWindows windows_;
  KeyBytes keys_;
  WindowedKey windowed_key_;
  Timestamp stream_time_{-1};  // the largest timestamp that this operator was given
  OperatorContext* context_ = nullptr;
  WindowStore* store_ = nullptr;
};

}  // namespace millrace
