// Sources: files that a program reads into topics before its topology starts: each once, to its end, its position
// committed with the rows.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "millrace/connectors/csv_row.h"
#include "millrace/connectors/new_topic.h"
#include "millrace/connectors/producer_record.h"
#include "millrace/dsl/topic.h"

namespace millrace {

// A record to write: what a source makes of a row. `key` and `value` may be std::optional.
template <class K, class V>
struct Record {
  K key;
  V value;
  Timestamp timestamp = {};
  Headers headers = {};
};
template <class K, class V>
Record(K, V) -> Record<K, V>;
template <class K, class V>
Record(K, V, Timestamp) -> Record<K, V>;

// A row to a record, to nothing (the row is skipped), or to an error that stops the source. Any callable of that shape;
// not a std::function, whose header every program would have to read.
class RowFunction {
 public:
  template <class F>
    requires std::is_invocable_r_v<Result<std::optional<ProducerRecord>>, const F&, const CsvRow&>
  RowFunction(F f)
      : closure_(std::make_shared<const F>(std::move(f))),
        call_([](const void* c, const CsvRow& row) -> Result<std::optional<ProducerRecord>> {
          return (*static_cast<const F*>(c))(row);
        }) {}
  Result<std::optional<ProducerRecord>> operator()(const CsvRow& row) const { return call_(closure_.get(), row); }

 private:
  std::shared_ptr<const void> closure_;
  Result<std::optional<ProducerRecord>> (*call_)(const void*, const CsvRow&);
};

// What is to be read, in order. One thread.
class Sources {
 public:
  struct Csv {
    std::string file;
    NewTopic topic;  // made if it is missing
    RowFunction row;
    CsvOptions options;
  };

  // Rows of `file` (plain or zstd-compressed) into `topic`. `row` takes (const CsvRow&) and returns Record<K, V>, or
  // std::optional of it to skip a row; keys are partitioned as Kafka does. The topic is made if it is missing, as its
  // constant says. A restart goes on where the last committed row ended; a file that was replaced or truncated since is
  // an error that says so.
  template <class K, class V, class F>
  void csv(const std::string& file, const Topic<K, V>& topic, F row, CsvOptions options = {}) {
    using R = std::remove_cvref_t<std::invoke_result_t<const F&, const CsvRow&>>;
    static_assert(
        requires(const R& r) { r.key; } || requires(const R& r) { r->key; },
        "millrace: csv() takes a callable (const CsvRow&) that returns Record<K, V>, or std::optional of it to skip a "
        "row");
    csv_.push_back({file, new_topic(topic), encoder<K, V>(topic, std::move(row)), std::move(options)});
  }
  const std::vector<Csv>& files() const { return csv_; }

 private:
  template <class K, class V>
  static NewTopic new_topic(const Topic<K, V>& topic) {
    NewTopic made{std::string(topic.name), topic.options.partitions, {}};
    made.configs["retention.ms"] =
        std::to_string(topic.options.retention.count() < 0 ? -1 : topic.options.retention.count());
    if (topic.options.compact) made.configs["cleanup.policy"] = "compact";
    return made;
  }
  template <class T, class X>
  static Result<> write(const SerdeRef<T>& serde, const X& from, std::optional<Bytes>& to,
                        const SerdeContext& context) {
    const T* object = nullptr;
    if constexpr (requires { from.has_value(); }) {
      if (from) object = &*from;
    } else {
      object = &from;
    }
    if (!object) return {};
    to.emplace();
    return serde.table->write(serde.self, object, *to, context);
  }
  template <class K, class V, class F>
  static RowFunction encoder(const Topic<K, V>& topic, F row) {
    return
        [name = std::string(topic.name), key_serde = topic.options.key_serde, value_serde = topic.options.value_serde,
         row = std::move(row)](const CsvRow& from) -> Result<std::optional<ProducerRecord>> {
          auto made = row(from);
          ProducerRecord out;
          out.topic = name;
          auto fill = [&](const auto& r) -> Result<> {
            out.timestamp = r.timestamp;
            out.headers = r.headers;
            MR_TRY(write(key_serde, r.key, out.key, {name, true, &r.headers}));
            return write(value_serde, r.value, out.value, {name, false, &r.headers});
          };
          if constexpr (requires { made.key; }) {
            MR_TRY(fill(made));
          } else {
            if (!made) return std::optional<ProducerRecord>();
            MR_TRY(fill(*made));
          }
          return std::optional<ProducerRecord>(std::move(out));
        };
  }

  std::vector<Csv> csv_;
};

}  // namespace millrace
