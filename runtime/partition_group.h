// PartitionGroup: which of a task's inputs gives the next record: the one whose head is oldest.
//
// Kafka Streams' PartitionGroup. On equal timestamps Java's PriorityQueue decides, so its heap is reproduced: the order
// in which equal elements leave depends on how they went in.
#pragma once
#include <memory>
#include <vector>

#include "millrace/runtime/record_queue.h"

namespace millrace {

class PartitionGroup {
 public:
  // The queues belong to the caller and outlive the group.
  void add_input(RecordQueue* queue) { all_.push_back(queue); }
  const std::vector<RecordQueue*>& inputs() const { return all_; }
  // Tells that `queue` may have got a head; no effect if it is in the heap already.
  void offer(RecordQueue* queue);
  // The input with the oldest head, or null if no input has one. The caller uses the head and then calls taken().
  RecordQueue* next();
  // The head of what next() returned was processed and leaves its queue.
  void taken(RecordQueue* queue);
  // The largest timestamp of what was given out to process; -1 before the first. Whoever processes a head moves it on
  // first.
  Timestamp stream_time() const { return stream_time_; }
  void set_stream_time(Timestamp t) { stream_time_ = t; }

 private:
  void sift_up(std::size_t k, RecordQueue* queue);
  void sift_down(RecordQueue* queue);
  std::vector<RecordQueue*> all_;
  std::vector<RecordQueue*> heap_;
  Timestamp stream_time_{-1};
};

}  // namespace millrace
