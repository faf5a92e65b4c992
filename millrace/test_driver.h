// TopologyTestDriver: a topology in a test: records in, what comes of them out, its stores looked into; no log, no
// disk, no threads. `#include <millrace/test_driver.h>`
//
//   TEST(WordCount, counts_a_word_as_often_as_it_came) {
//     TopologyTestDriver driver(word_count);
//     driver.input(lines).pipe_value("a b a");
//     EXPECT_THAT(driver.output(counts).read_all(), ElementsAre(Pair("a", 1), Pair("b", 1), Pair("a", 2)));
//     EXPECT_EQ((driver.store<std::string, std::int64_t>("word-counts").get("a")), 2);
//   }
//
// Kafka Streams' TopologyTestDriver, byte for byte what it does: every topic has one partition; each piped record is
// processed, then committed (so the record cache holds nothing back), then what went to repartition topics is, one
// record at a time, until nothing is left. Time moves only when told: records bear the timestamps that the test gives
// them, the wall clock stands at `wall_clock` until advance_wall_clock().
//
// The topic constants give the types: piping another type does not compile. All mistakes throw: std::invalid_argument
// for a topic or store that is not there (naming the nearest) or has other types, std::out_of_range for reading what is
// not there, StreamsError for what would stop the program (a lambda that throws, as it does when it calls the driver; a
// record that does not deserialise).
// Handles refer to the driver and must not outlive it. One thread. Guide: docs/guide/testing.md.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/dsl/topic.h"
#include "millrace/test_record.h"
#include "millrace/test_topics.h"
#include "millrace/topology_function.h"

namespace millrace {

// From TopologyTestDriver::input. Each topic has a clock: what is piped without a timestamp bears its time, which
// starts at the driver's wall_clock and moves by advance_by() alone. Kafka's TestInputTopic.
template <class K, class V>
class TestInputTopic {
 public:
  // Processes one record and all that comes of it. Each returns the topic:
  // driver.input(t).pipe(…).advance_by(1s).pipe(…).
  const TestInputTopic& pipe(const K& key, const V& value) const { return pipe(key, value, time(), {}); }
  const TestInputTopic& pipe(const K& key, const V& value, Timestamp timestamp, const Headers& headers = {}) const {
    return pipe_bytes(bytes(key_, address(key), true, headers), bytes(value_, address(value), false, headers),
                      timestamp, headers);
  }
  const TestInputTopic& pipe(const TestRecord<K, V>& record) const {
    return pipe(record.key, record.value, record.timestamp, record.headers);
  }
  // Without a key.
  const TestInputTopic& pipe_value(const V& value) const { return pipe_value(value, time()); }
  const TestInputTopic& pipe_value(const V& value, Timestamp timestamp) const {
    static_assert(nullable<K>,
                  "millrace: this topic's key type holds no null: pipe(key, value), or Topic<std::optional<K>, V>");
    return pipe(K{}, value, timestamp);
  }
  // A null value: for a table, the key is deleted. Also where the topic's value type holds no null.
  const TestInputTopic& pipe_tombstone(const plain<K>& key) const { return pipe_tombstone(key, time()); }
  const TestInputTopic& pipe_tombstone(const plain<K>& key, Timestamp timestamp) const {
    return pipe_bytes(bytes(key_, &key, true, {}), std::nullopt, timestamp);
  }
  // Bytes that no serde made; nullopt is null. For records that do not deserialise.
  const TestInputTopic& pipe_bytes(const std::optional<Bytes>& key, const std::optional<Bytes>& value,
                                   Timestamp timestamp, const Headers& headers = {}) const {
    topics_->pipe(name_, key, value, timestamp, headers);
    return *this;
  }
  const TestInputTopic& advance_by(Duration by) const {
    topics_->advance(name_, by);
    return *this;
  }
  Timestamp time() const { return topics_->time(name_); }

 private:
  friend class TopologyTestDriver;
  TestInputTopic(TestTopics& topics, const Topic<K, V>& topic)
      : topics_(&topics),
        name_(topic.name),
        key_{topic.options.key_serde, &value_type_of<plain<K>>, nullable<K>},
        value_{topic.options.value_serde, &value_type_of<plain<V>>, nullable<V>} {
    topics.open_input(name_, key_, value_);
  }
  std::optional<Bytes> bytes(const TestField& field, const void* object, bool is_key, const Headers& headers) const {
    return TestTopics::bytes_of(name_, field, object, is_key, headers);
  }
  TestTopics* topics_;
  std::string name_;
  TestField key_, value_;
};

// From TopologyTestDriver::output. What was read once does not come again, from whichever handle of the topic. Kafka's
// TestOutputTopic.
template <class K, class V>
class TestOutputTopic {
 public:
  bool empty() const { return topics_->unread(name_) == 0; }
  // How many records are left to read.
  std::size_t size() const { return topics_->unread(name_); }
  // The next record. Throws std::out_of_range if there is none, std::runtime_error if it does not deserialise.
  TestRecord<K, V> read() const {
    const auto& p = topics_->next(name_);
    AnyValue key(key_.type), value(value_.type);
    const void* k = topics_->object_of(name_, key_, p.key, true, p.headers, key);
    const void* v = topics_->object_of(name_, value_, p.value, false, p.headers, value);
    return {of<K>(k), of<V>(v), p.timestamp, p.headers};
  }
  // All that are left, in order.
  std::vector<TestRecord<K, V>> read_all() const {
    std::vector<TestRecord<K, V>> all;
    while (!empty()) all.push_back(read());
    return all;
  }

 private:
  friend class TopologyTestDriver;
  TestOutputTopic(TestTopics& topics, const Topic<K, V>& topic)
      : topics_(&topics),
        name_(topic.name),
        key_{topic.options.key_serde, &value_type_of<plain<K>>, nullable<K>},
        value_{topic.options.value_serde, &value_type_of<plain<V>>, nullable<V>} {
    topics.open_output(name_, key_, value_);
  }
  template <class T>
  static T of(const void* object) {
    if constexpr (nullable<T>) {
      return object ? T(*static_cast<const plain<T>*>(object)) : T();
    } else {
      return *static_cast<const T*>(object);
    }
  }
  TestTopics* topics_;
  std::string name_;
  TestField key_, value_;
};

// From TopologyTestDriver::store: a key-value store as its operator sees it now.
template <class K, class V>
class TestKeyValueStore {
 public:
  std::optional<V> get(const K& key) const {
    const std::optional<Bytes> bytes = TestTopics::bytes_of(name_, key_, &key, true, {});
    // NOLINTNEXTLINE(bugprone-unchecked-optional-access): a key that is not null has bytes
    const ValueAndTimestamp found = store_->get(*bytes);
    return found ? std::optional<V>(*static_cast<const V*>(found.value)) : std::nullopt;
  }
  // Every row, by the bytes of its key, with the timestamp of its last update.
  std::vector<TestRecord<K, V>> all() const {
    std::vector<TestRecord<K, V>> rows;
    auto iterator = store_->all(ScanOrder::ascending);
    AnyValue key(key_.type);
    while (iterator->next()) {
      const void* k = topics_->object_of(name_, key_, Bytes(iterator->key()), true, {}, key);
      const ValueAndTimestamp found = iterator->value();
      rows.push_back({*static_cast<const K*>(k), *static_cast<const V*>(found.value), found.timestamp});
    }
    return rows;
  }

 private:
  friend class TopologyTestDriver;
  TestKeyValueStore(TestTopics& topics, std::string_view name)
      : topics_(&topics),
        name_(name),
        store_(static_cast<KeyValueStore*>(
            &topics.open_store(name, StoreSpec::Kind::key_value, &value_type_of<K>, &value_type_of<V>))),
        key_{topics.store_spec(name).key, &value_type_of<K>, false} {}
  TestTopics* topics_;
  std::string name_;
  KeyValueStore* store_;
  TestField key_;
};

// From TopologyTestDriver::window_store. K is the key without its window.
template <class K, class V>
class TestWindowStore {
 public:
  // The value of the window that starts then.
  std::optional<V> fetch(const K& key, Timestamp window_start) const {
    const ValueAndTimestamp found = store_->fetch(bytes_of(key), window_start);
    return found ? std::optional<V>(*static_cast<const V*>(found.value)) : std::nullopt;
  }
  // The windows that start in [from, to], by their start.
  std::vector<TestRecord<Windowed<K>, V>> fetch(const K& key, Timestamp from, Timestamp to) const {
    return rows(store_->fetch(bytes_of(key), from, to, ScanOrder::ascending));
  }
  // Every row, in the order of the store's keys.
  std::vector<TestRecord<Windowed<K>, V>> all() const {
    return rows(store_->fetch_all({0}, {INT64_MAX}, ScanOrder::ascending));
  }

 private:
  friend class TopologyTestDriver;
  TestWindowStore(TestTopics& topics, std::string_view name)
      : topics_(&topics),
        name_(name),
        store_(static_cast<WindowStore*>(
            &topics.open_store(name, StoreSpec::Kind::window, &value_type_of<K>, &value_type_of<V>))),
        key_{topics.store_spec(name).key, &value_type_of<K>, false} {}
  Bytes bytes_of(const K& key) const { return *TestTopics::bytes_of(name_, key_, &key, true, {}); }
  std::vector<TestRecord<Windowed<K>, V>> rows(std::unique_ptr<WindowStoreIterator> iterator) const {
    std::vector<TestRecord<Windowed<K>, V>> rows;
    AnyValue key(key_.type);
    while (iterator->next()) {
      const void* k = topics_->object_of(name_, key_, Bytes(iterator->key()), true, {}, key);
      const Timestamp start = iterator->window_start();
      const ValueAndTimestamp found = iterator->value();
      rows.push_back({{*static_cast<const K*>(k), {start, window_end(start, store_->window_size())}},
                      *static_cast<const V*>(found.value),
                      found.timestamp});
    }
    return rows;
  }
  TestTopics* topics_;
  std::string name_;
  WindowStore* store_;
  TestField key_;
};

class TopologyTestDriver {
 public:
  // `topology`: a callable (StreamsBuilder&), the program's own. `options`: Kafka Streams' configuration
  // (application.id is "test" unless given), where the wall clock starts, and a directory if stores are to go through a
  // real disk. Throws TopologyError, ConfigError.
  explicit TopologyTestDriver(const TopologyFunction& topology, const DriverOptions& options = {});
  ~TopologyTestDriver();
  TopologyTestDriver(const TopologyTestDriver&) = delete;
  TopologyTestDriver& operator=(const TopologyTestDriver&) = delete;

  // A topic that the topology reads.
  template <class K, class V>
  TestInputTopic<K, V> input(const Topic<K, V>& topic) {
    return {*topics_, topic};
  }
  // A topic that the topology writes: a sink's, a repartition topic or a changelog by its name in the log.
  template <class K, class V>
  TestOutputTopic<K, V> output(const Topic<K, V>& topic) {
    return {*topics_, topic};
  }
  // Moves the wall clock, runs what is due, commits. Records' timestamps have nothing to do with it.
  void advance_wall_clock(Duration by);

  // A key-value store, a global table's included, by its name (.as, or the generated one).
  template <class K, class V>
  TestKeyValueStore<K, V> store(std::string_view name) {
    return {*topics_, name};
  }
  template <class K, class V>
  TestWindowStore<K, V> window_store(std::string_view name) {
    return {*topics_, name};
  }

  // A metric of Kafka Streams summed over all tasks: "dropped-records-total".
  std::int64_t metric(const std::string& name) const;
  const Topology& topology() const;

 private:
  std::unique_ptr<TestTopics> topics_;
};

}  // namespace millrace
