#include "millrace/dsl/operators/stateless.h"

namespace millrace {

void Stateless::process(const RecordRef& record) {
  thunk_(record, {this, [](void* self, const RecordRef& emitted) { static_cast<Stateless*>(self)->forward(emitted); }});
}

void Split::process(const RecordRef& record) {
  std::size_t otherwise = predicates_.size();
  for (std::size_t i = 0; i < predicates_.size(); ++i) {
    if (!predicates_[i]) {
      otherwise = i;
      continue;
    }
    bool takes = false;
    predicates_[i](record, {&takes, [](void* yes, const RecordRef&) { *static_cast<bool*>(yes) = true; }});
    if (takes) return forward_to(i, record);
  }
  if (otherwise < predicates_.size()) forward_to(otherwise, record);
}

void ToStream::process(const RecordRef& record) {
  RecordRef update = record;
  update.other = nullptr;
  forward(update);
}

}  // namespace millrace
