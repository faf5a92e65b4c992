// FakeTask: stores in maps and a recording child, enough to run one operator.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "millrace/dsl/operator.h"
#include "millrace/dsl/serdes/primitives.h"

namespace millrace {

// What a store of either kind shares: rows by key, values copied.
template <class Key, class Interface>
class FakeRows : public Interface {
 public:
  FakeRows(std::string name, const ValueType* type) : name_(std::move(name)), type_(type) {}
  const std::string& name() const override { return name_; }
  bool caches() const override { return caching; }
  void set_flush_listener(FlushListener l) override { listener = l; }
  void send_old_values() override { sends_old_values = true; }

  bool caching = false;
  bool sends_old_values = false;
  FlushListener listener;

 protected:
  struct Row {
    std::unique_ptr<AnyValue> value;
    Timestamp timestamp;
  };
  ValueAndTimestamp read(const Key& key) const {
    auto found = rows_.find(key);
    if (found == rows_.end()) return {};
    return {found->second.value->get(), found->second.timestamp};
  }
  ValueAndTimestamp write(Key key, const void* value, Timestamp timestamp) {
    Row fresh;
    if (value) {
      fresh = {std::make_unique<AnyValue>(type_), timestamp};
      fresh.value->set(value);
    }
    auto old = rows_.find(key);
    replaced_ = {};
    if (old != rows_.end()) {
      replaced_ = std::move(old->second);
      rows_.erase(old);
    }
    if (value) rows_.emplace(std::move(key), std::move(fresh));
    if (!sends_old_values || !replaced_.value) return {};
    return {replaced_.value->get(), replaced_.timestamp};
  }  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): the row has it

 private:
  std::string name_;
  const ValueType* type_;
  std::map<Key, Row> rows_;
  Row replaced_;
};

class FakeKeyValueStore : public FakeRows<std::string, KeyValueStore> {
 public:
  using FakeRows::FakeRows;
  ValueAndTimestamp get(BytesView key) override { return read(std::string(key)); }
  ValueAndTimestamp put(BytesView key, const void* value, Timestamp timestamp, const RecordContext&) override {
    return write(std::string(key), value, timestamp);
  }
  std::unique_ptr<KeyValueIterator> range(std::optional<BytesView>, std::optional<BytesView>, ScanOrder) override {
    return {};
  }
  std::unique_ptr<KeyValueIterator> prefix_scan(BytesView) override { return {}; }
};

class FakeWindowStore : public FakeRows<std::pair<std::string, Timestamp>, WindowStore> {
 public:
  using FakeRows::FakeRows;
  Duration retention() const override { return 24h; }
  Duration window_size() const override { return 1s; }
  ValueAndTimestamp fetch(BytesView key, Timestamp start) override { return read({std::string(key), start}); }
  ValueAndTimestamp put(BytesView key, const void* value, Timestamp start, Timestamp timestamp,
                        const RecordContext&) override {
    return write({std::string(key), start}, value, timestamp);
  }
  std::unique_ptr<WindowStoreIterator> fetch(BytesView, Timestamp, Timestamp, ScanOrder) override { return {}; }
  std::unique_ptr<WindowStoreIterator> fetch_range(std::optional<BytesView>, std::optional<BytesView>, Timestamp,
                                                   Timestamp, ScanOrder) override {
    return {};
  }
};

class FakeTask : public OperatorContext {
 public:
  KeyValueStore* key_value_store(std::string_view) override { return &rows; }
  WindowStore* window_store(std::string_view) override { return &windows; }
  Timestamp stream_time() const override { return {-1}; }
  void record_dropped(const RecordRef&, std::string_view why) override { dropped.emplace_back(why); }

  FakeKeyValueStore rows{"store", &value_type_of<std::int64_t>};
  FakeWindowStore windows{"store", &value_type_of<std::int64_t>};
  std::vector<std::string> dropped;
};

// A child that notes what reaches it as "key=value<old@timestamp", with "-" for null. Keys are strings, values numbers.
class Recorder : public Operator {
 public:
  void process(const RecordRef& r) override {
    auto number = [](const void* v) { return v ? std::to_string(*static_cast<const std::int64_t*>(v)) : "-"; };
    std::string key = r.key ? *static_cast<const std::string*>(r.key) : "-";
    got.push_back(key + "=" + number(r.value) + "<" + number(r.other) + "@" + std::to_string(r.timestamp.ms));
  }
  std::vector<std::string> got;
};

inline const RecordContext a_context{.topic = "t"};
// A record with a string key and a number, either of them null.
struct Fed {
  Fed(Operator& op, const std::string* key, const std::int64_t* value, std::int64_t timestamp,
      const std::int64_t* old = nullptr) {
    RecordRef r;
    r.key = key;
    r.value = value;
    r.other = old;
    r.timestamp = {timestamp};
    r.context = &a_context;
    op.process(r);
  }
};
inline void feed(Operator& op, std::optional<std::string> key, std::optional<std::int64_t> value,
                 std::int64_t timestamp, std::optional<std::int64_t> old = std::nullopt) {
  Fed(op, key ? &*key : nullptr, value ? &*value : nullptr, timestamp, old ? &*old : nullptr);
}

inline constexpr Serde<std::string> string_serde{};
inline AnySerde string_keys() { return {&serde_table<Serde<std::string>, std::string>, &string_serde}; }

}  // namespace millrace
