// TestTopics: the topics and stores of a test driver by name, as bytes and types known at run time: what the typed
// handles of test_driver.h stand on. Not for users.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/runtime/topology_driver.h"
#include "millrace/statestore/value_type.h"

namespace millrace {

// One side of a record: its serde, the C++ type that the test has for it, and whether that may be null.
struct TestField {
  AnySerde serde;  // empty: the topology's own
  const ValueType* type = nullptr;
  bool nullable = false;
};

// Misuse throws std::invalid_argument with what there is instead. One thread.
class TestTopics {
 public:
  TestTopics(Topology topology, DriverOptions options);
  ~TestTopics();

  // The topology reads (writes) `topic` with those types; `key` and `value` get its serdes where they have none.
  void open_input(const std::string& topic, TestField& key, TestField& value);
  void open_output(const std::string& topic, TestField& key, TestField& value) const;

  // Each topic has a clock of its own: what is piped without a timestamp bears it.
  Timestamp time(const std::string& topic) const;
  void advance(const std::string& topic, Duration by);
  // Serialises `object` (null: null). Throws std::runtime_error where the serde refuses.
  static std::optional<Bytes> bytes_of(const std::string& topic, const TestField& field, const void* object,
                                       bool is_key, const Headers& headers);
  void pipe(const std::string& topic, const std::optional<Bytes>& key, const std::optional<Bytes>& value,
            Timestamp timestamp, const Headers& headers);

  // How many records of `topic` nobody has read yet.
  std::size_t unread(const std::string& topic) const;
  // The next one. Throws std::out_of_range if there is none.
  const TopologyDriver::Produced& next(const std::string& topic);
  // Reads `bytes` into `into`; returns its object, or null for null. Throws std::runtime_error, naming topic and
  // record: it does not deserialise, or it is null where the type holds none.
  const void* object_of(const std::string& topic, const TestField& field, const std::optional<Bytes>& bytes,
                        bool is_key, const Headers& headers, AnyValue& into) const;

  // A store of that kind with keys and values of those types.
  StateStore& open_store(std::string_view name, StoreSpec::Kind kind, const ValueType* key, const ValueType* value);
  const StoreSpec& store_spec(std::string_view name) const;
  TopologyDriver& driver() { return *driver_; }
  const TopologyDriver& driver() const { return *driver_; }

 private:
  const Topology& topology() const { return driver_->topology(); }
  std::string name_in_log(const TopologyNode& node, const std::string& topic) const;
  const TopologyNode* node_of(TopologyNode::Kind kind, const std::string& topic) const;
  std::vector<std::string> topics_of(TopologyNode::Kind kind) const;
  bool is_changelog(const std::string& topic) const;
  struct Output {
    std::vector<std::size_t> records;  // where in the driver's produced()
    std::size_t read = 0;              // how many of them
  };
  Output& output(const std::string& topic) const;

  const std::string application_id_;
  const Timestamp start_;
  std::unique_ptr<TopologyDriver> driver_;
  std::map<std::string, Timestamp> times_;
  // An index over what the driver has produced, brought up to date when it is asked for.
  mutable std::map<std::string, Output> outputs_;
  mutable std::size_t indexed_ = 0;
};

}  // namespace millrace
