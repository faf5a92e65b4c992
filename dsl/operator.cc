#include "millrace/dsl/operator.h"

namespace millrace {

void OperatorContext::processing_failed(const RecordRef&, std::exception_ptr what) { std::rethrow_exception(what); }

void Operator::pass_handled(Operator& child, const RecordRef& record) {
  try {
    child.process(record);
  } catch (...) {
    handler_->processing_failed(record, std::current_exception());
  }
}

}  // namespace millrace
