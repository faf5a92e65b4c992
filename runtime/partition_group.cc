#include "millrace/runtime/partition_group.h"

#include <algorithm>

namespace millrace {

namespace {
std::int64_t time_of(const RecordQueue* q) { return q->context().timestamp.ms; }
}  // namespace

void PartitionGroup::sift_up(std::size_t k, RecordQueue* queue) {
  while (k > 0) {
    const std::size_t parent = (k - 1) / 2;
    if (time_of(queue) >= time_of(heap_[parent])) break;
    heap_[k] = heap_[parent];
    k = parent;
  }
  heap_[k] = queue;
}

void PartitionGroup::sift_down(RecordQueue* queue) {
  const std::size_t n = heap_.size();
  std::size_t k = 0;
  while (k < n / 2) {
    std::size_t child = 2 * k + 1;
    if (child + 1 < n && time_of(heap_[child]) > time_of(heap_[child + 1])) ++child;
    if (time_of(queue) <= time_of(heap_[child])) break;
    heap_[k] = heap_[child];
    k = child;
  }
  heap_[k] = queue;
}

void PartitionGroup::offer(RecordQueue* queue) {
  if (all_.size() == 1) return;
  if (std::find(heap_.begin(), heap_.end(), queue) != heap_.end() || !queue->has_head()) return;
  heap_.push_back(queue);
  sift_up(heap_.size() - 1, queue);
}

RecordQueue* PartitionGroup::next() {
  if (all_.size() == 1) return all_[0]->has_head() ? all_[0] : nullptr;
  return heap_.empty() ? nullptr : heap_[0];
}

void PartitionGroup::taken(RecordQueue* queue) {
  queue->pop();
  if (all_.size() == 1) return;
  RecordQueue* last = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) sift_down(last);
  if (queue->has_head()) {
    heap_.push_back(queue);
    sift_up(heap_.size() - 1, queue);
  }
}

}  // namespace millrace
