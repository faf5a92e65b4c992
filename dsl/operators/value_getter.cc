#include "millrace/dsl/operators/value_getter.h"

#include <utility>

#include "millrace/dsl/callable.h"
#include "millrace/dsl/operators/key_bytes.h"

namespace millrace {
namespace {

class StoreValueGetter : public ValueGetter {
 public:
  explicit StoreValueGetter(const TableStore& store) : store_(store), keys_(store.key, store.name) {}
  void init(OperatorContext& context) override {
    if (store_.windowed) {
      windows_ = context.window_store(store_.name);
    } else {
      rows_ = context.key_value_store(store_.name);
    }
  }
  void get(const RecordRef&, const void* key, const ValueTaker& taker) override {
    if (!store_.windowed) return taker(rows_->get(keys_.of(key)));
    taker(windows_->fetch(keys_.of(store_.windowed->key(key)), store_.windowed->window(key).start));
  }

 private:
  TableStore store_;
  KeyBytes keys_;
  KeyValueStore* rows_ = nullptr;
  WindowStore* windows_ = nullptr;
};

class StepValueGetter : public ValueGetter {
 public:
  StepValueGetter(std::unique_ptr<ValueGetter> parent, Thunk thunk)
      : parent_(std::move(parent)), thunk_(std::move(thunk)) {}
  void init(OperatorContext& context) override { parent_->init(context); }
  void get(const RecordRef& record, const void* key, const ValueTaker& taker) override {
    Asked asked{this, &record, key, &taker};
    parent_->get(record, key,
                 {&asked, [](void* self, ValueAndTimestamp value) { static_cast<Asked*>(self)->compute(value); }});
  }

 private:
  struct Asked {
    StepValueGetter* self;
    const RecordRef* record;
    const void* key;
    const ValueTaker* taker;
    Timestamp timestamp{};
    void compute(ValueAndTimestamp value) {
      if (!value) return (*taker)({});
      timestamp = value.timestamp;
      self->thunk_(with(*record, key, value.value), {this, [](void* a, const RecordRef& result) {
                                                       auto& asked = *static_cast<Asked*>(a);
                                                       (*asked.taker)({result.value, asked.timestamp});
                                                     }});
    }
  };
  std::unique_ptr<ValueGetter> parent_;
  Thunk thunk_;
};

}  // namespace

std::unique_ptr<ValueGetter> make_value_getter(const ValueSource& source) {
  if (source.store) return std::make_unique<StoreValueGetter>(*source.store);
  return std::make_unique<StepValueGetter>(make_value_getter(*source.parent), source.thunk);
}

}  // namespace millrace
