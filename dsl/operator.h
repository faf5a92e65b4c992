// Operator: the compiled core of one processor node, against interfaces only. The runtime makes one per task and node
// and drives it.
//
// A record goes down the graph depth-first, one virtual call a hop; nothing is allocated on the way. Keys and values
// are pointers to objects whose type the node's neighbours know; null is a null pointer.
#pragma once
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/types.h"
#include "millrace/statestore/state_store.h"

namespace millrace {

// A record on its way. On the edges of tables `value` is the new and `other` the old value (Kafka's Change); in a thunk
// `other` is the aggregate or the right side of a join.
struct RecordRef {
  const void* key = nullptr;
  const void* value = nullptr;
  const void* other = nullptr;
  Timestamp timestamp;
  const Headers* headers = nullptr;        // null: none
  const RecordContext* context = nullptr;  // where it came from; never null in process()
};

// What an operator may ask of its task. One thread: the one that runs the task.
class OperatorContext {
 public:
  virtual ~OperatorContext() = default;
  // A store that the node is connected to, or a global one. Never null: the topology was checked.
  virtual KeyValueStore* key_value_store(std::string_view name) = 0;
  virtual WindowStore* window_store(std::string_view name) = 0;
  // The largest timestamp the task has taken from any of its inputs; -1 before the first.
  virtual Timestamp stream_time() const = 0;
  // Counts dropped-records-total and logs a warning with the record's topic, partition and offset, at most now and
  // then.
  virtual void record_dropped(const RecordRef& record, std::string_view why) = 0;
  // A node threw `what` over `record`. Returns if the record is to be skipped there, which it counts; else throws it.
  virtual void processing_failed(const RecordRef& record, std::exception_ptr what);
};

class Operator {
 public:
  Operator() = default;
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;
  virtual ~Operator() = default;
  // Called once before the first record, parents before children. After a restart or an abort the operator is made
  // anew.
  virtual void init(OperatorContext&) {}
  // May throw what a user's lambda throws. Anything else an operator meets goes to record_dropped or is an MR_ASSERT.
  virtual void process(const RecordRef& record) = 0;
  virtual void close() {}

  void add_child(Operator* child) { children_.push_back(child); }
  // What a child throws goes to `handler`, as Kafka's ProcessorNode asks its processing exception handler: if that
  // skips the record, it is lost to this child alone, and what else the parent forwards, or a cache flushes, goes on.
  // Without one it is thrown to the parent.
  void handle_failures(OperatorContext* handler) { handler_ = handler; }
  const std::vector<Operator*>& children() const { return children_; }

 protected:
  // To all children, in the order in which they were added, each to its end before the next.
  void forward(const RecordRef& record) {
    for (Operator* child : children_) pass(*child, record);
  }
  void forward_to(std::size_t child, const RecordRef& record) { pass(*children_[child], record); }

 private:
  void pass(Operator& child, const RecordRef& record) {
    handler_ ? pass_handled(child, record) : child.process(record);
  }
  void pass_handled(Operator& child, const RecordRef& record);
  std::vector<Operator*> children_;
  OperatorContext* handler_ = nullptr;
};

// Where a thunk puts its results.
struct Out {
  void* self;
  void (*emit)(void* self, const RecordRef& record);
  void operator()(const RecordRef& record) const { emit(self, record); }
};
// One user lambda behind one shape: reads `record`, calls the lambda, emits what comes of it. The closure is shared by
// all tasks.
struct Thunk {
  std::shared_ptr<const void> closure;
  void (*call)(const void* closure, const RecordRef& record, const Out& out) = nullptr;
  explicit operator bool() const { return call != nullptr; }
  void operator()(const RecordRef& record, const Out& out) const { call(closure.get(), record, out); }
};

}  // namespace millrace
