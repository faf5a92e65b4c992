// Operators without state: a lambda per record, pass-through, split, and the filter before a repartition topic.
#pragma once
#include <utility>
#include <vector>

#include "millrace/dsl/operator.h"

namespace millrace {

// filter, map, flat_map, select_key, peek, for_each …: what the thunk emits goes on.
class Stateless : public Operator {
 public:
  explicit Stateless(Thunk thunk) : thunk_(std::move(thunk)) {}
  void process(const RecordRef& record) override;

 private:
  Thunk thunk_;
};

// merge, and the children of split.
class PassThrough : public Operator {
 public:
  void process(const RecordRef& record) override { forward(record); }
};

// A record goes to the first child whose predicate takes it. A predicate that is empty takes what the others left.
class Split : public Operator {
 public:
  explicit Split(std::vector<Thunk> predicates) : predicates_(std::move(predicates)) {}
  void process(const RecordRef& record) override;

 private:
  std::vector<Thunk> predicates_;  // one a child
};

// Null keys cannot be partitioned: dropped without being counted, as in Kafka.
class NullKeyFilter : public Operator {
 public:
  void process(const RecordRef& record) override {
    if (record.key) forward(record);
  }
};

// A table's updates as a stream: the new values.
class ToStream : public Operator {
 public:
  void process(const RecordRef& record) override;
};

}  // namespace millrace
