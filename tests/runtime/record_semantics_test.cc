// What a fast implementation gets wrong: time, headers, tombstones, null keys, the order of children, aborted input.
// Each on the real runtime over the embedded log, and each across a repartition topic too.
#include <mutex>

#include "millrace/runtime/read_only_store.h"
#include "tests/runtime/embedded_app.h"
#include "tests/runtime/hurried_env.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

constexpr Topic<std::string, std::string> in{"in"}, other{"other"}, plain_out{"out"};
constexpr Topic<std::optional<std::string>, std::string> in_without_keys{"in"};
constexpr Topic<std::string, std::optional<std::string>> in_with_tombstones{"in"}, out{"out"};
constexpr Topic<std::string, std::int64_t> counts{"counts"};

const ConfigValues no_record_cache{{"statestore.cache.max.bytes", "0"}};

std::int64_t number(const ConsumedRecord& record) { return from_big_endian<std::int64_t>(record.value->data()); }

class RecordSemantics : public EmbeddedApp {
 protected:
  std::map<std::string, std::int64_t> last_counts() {
    std::map<std::string, std::int64_t> last;
    for (const ConsumedRecord& r : records("counts")) last[*r.key] = number(r);
    return last;
  }
  void expect_time(const std::string& topic, std::vector<std::int64_t> expected) {
    std::vector<std::int64_t> times;
    for (const ConsumedRecord& r : records(topic)) times.push_back(r.timestamp.ms);
    EXPECT_EQ(times, expected) << topic;
  }
  void expect_headers(const std::string& topic, const Headers& expected) {
    const auto all = records(topic);
    EXPECT_FALSE(all.empty()) << topic;
    for (const ConsumedRecord& r : all) EXPECT_EQ(r.headers, expected) << topic;
  }
};

// ---------------------------------------------------------------- time

void rekey_and_count(StreamsBuilder& builder) {
  builder.stream(in)
      .group_by([](const std::string& value) { return value; }, {.name = "by-value"})
      .count({.as = "n"})
      .to_stream()
      .to(counts);
}

TEST_F(RecordSemantics, a_time_that_was_let_in_is_written_on_whatever_the_other_topics_limits) {
  ASSERT_TRUE(log_->admin().create_topic({"in", 1, {{"message.timestamp.after.max.ms", "9223372036854775807"}}}));
  const std::int64_t in_a_year = real_env().clock().now().ms + 365LL * 86'400'000;
  send({{"in", "k", "a", {in_a_year}}});
  ASSERT_TRUE(run(rekey_and_count, no_record_cache));
  for (const char* topic : {"app-by-value-repartition", "app-n-changelog", "counts"}) expect_time(topic, {in_a_year});
}

TEST_F(RecordSemantics, a_records_timestamp_reaches_repartition_topic_changelog_and_sink) {
  create("in");
  send({{"in", "k", "a", {7'000}}, {"in", "k", "b", {5'000}}, {"in", "k", "c", {9'000}}});
  ASSERT_TRUE(run(rekey_and_count, no_record_cache));
  expect_time("app-by-value-repartition", {7'000, 5'000, 9'000});
  expect_time("app-n-changelog", {7'000, 5'000, 9'000});
  expect_time("counts", {7'000, 5'000, 9'000});
}

TEST_F(RecordSemantics, an_aggregates_timestamp_is_the_largest_of_its_records_held_back_or_not) {
  for (const ConfigValues& config : {ConfigValues{}, no_record_cache}) {
    open(config.empty() ? "cached" : "uncached");
    create("in");
    send({{"in", "k", "a", {7'000}}, {"in", "k", "a", {5'000}}});
    ASSERT_TRUE(run(rekey_and_count, config));
    const std::vector<std::int64_t> expected =
        config.empty() ? std::vector<std::int64_t>{7'000} : std::vector<std::int64_t>{7'000, 7'000};
    expect_time("app-by-value-repartition", {7'000, 5'000});
    expect_time("app-n-changelog", expected);
    expect_time("counts", expected);
  }
}

TEST_F(RecordSemantics, an_extracted_timestamp_takes_the_place_of_the_records_own) {
  create("in");
  send({{"in", "k", "a", {7'000}}});
  ASSERT_TRUE(run([](StreamsBuilder& builder) {
    builder.stream(in, {.timestamp = [](const std::string&) { return Timestamp{42}; }})
        .group_by([](const std::string& value) { return value; }, {.name = "by-value"})
        .count({.as = "n"})
        .to_stream()
        .to(counts);
  }));
  expect_time("app-by-value-repartition", {42});
  expect_time("app-n-changelog", {42});
  expect_time("counts", {42});
}

// ---------------------------------------------------------------- headers

const Headers some_headers{{"trace", Bytes("17")}, {"empty", Bytes()}, {"null", std::nullopt}, {"trace", Bytes("18")}};

// Kafka Streams logs no headers (vectors/cases/aggregate_headers.json): a changelog's bytes must not depend on them.
TEST_F(RecordSemantics, a_records_headers_reach_repartition_topic_and_sink_and_stay_out_of_the_changelog) {
  for (const ConfigValues& config : {ConfigValues{}, no_record_cache}) {
    open(config.empty() ? "cached" : "uncached");
    create("in");
    send({{"in", "k", "a", {1'000}, some_headers}});
    ASSERT_TRUE(run(rekey_and_count, config));
    expect_headers("app-by-value-repartition", some_headers);
    expect_headers("app-n-changelog", {});
    expect_headers("counts", some_headers);
  }
}

TEST_F(RecordSemantics, an_update_that_was_held_back_bears_the_headers_of_the_last_record) {
  create("in");
  send({{"in", "k", "a", {1'000}, {{"h", Bytes("first")}}}, {"in", "k", "a", {1'000}, {{"h", Bytes("last")}}}});
  ASSERT_TRUE(run(rekey_and_count));
  expect_headers("counts", {{"h", Bytes("last")}});
}

TEST_F(RecordSemantics, headers_do_not_leak_into_the_next_record) {
  create("in");
  send({{"in", "k", "a", {1'000}, some_headers}, {"in", "k", "b", {1'000}}});
  ASSERT_TRUE(run([](StreamsBuilder& builder) { builder.stream(in).repartition({.name = "again"}).to(plain_out); }));
  for (const char* topic : {"app-again-repartition", "out"}) {
    const auto all = records(topic);
    ASSERT_EQ(all.size(), 2u) << topic;
    EXPECT_EQ(all[0].headers, some_headers) << topic;
    EXPECT_EQ(all[1].headers, Headers{}) << topic;
  }
}

// ---------------------------------------------------------------- tombstones

void table_to_stream(StreamsBuilder& builder) { builder.table(in, {.as = "rows"}).to_stream().to(out); }

void rekeyed_table(StreamsBuilder& builder) {
  builder.stream(in_with_tombstones)
      .select_key([](const std::string& key, const std::string*) { return key + "'"; })
      .to_table({.name = "again", .as = "rows"})
      .to_stream()
      .to(out);
}

TEST_F(RecordSemantics, a_tombstone_deletes_in_a_table_and_comes_out_of_to_stream) {
  struct Case {
    const char* name;
    void (*topology)(StreamsBuilder&);
    std::string key;
  };
  for (const Case& c : {Case{"plain", table_to_stream, "k"}, Case{"repartitioned", rekeyed_table, "k'"}}) {
    open(c.name);
    create("in");
    send({{"in", "k", "v"}, {"in", "l", "w"}});
    ASSERT_TRUE(run(c.topology, no_record_cache));
    send({{"in", "k", std::nullopt}});
    auto streams = app(c.topology, no_record_cache);
    ASSERT_TRUE(streams->start());
    ASSERT_TRUE(streams->run_until_end_of_input());
    bool found = true;
    ASSERT_TRUE(streams->query("rows", c.key, [&](ValueAndTimestamp value) { found = bool(value); }));
    EXPECT_FALSE(found) << c.name;
    ASSERT_TRUE(streams->close());
    const std::string l = std::string("l") + (c.key.size() > 1 ? "'" : "");
    const std::string expected = c.key + "=v " + l + "=w " + c.key + "=null";
    EXPECT_EQ(text("out"), expected) << c.name;
    EXPECT_EQ(text("app-rows-changelog"), expected) << c.name;
  }
}

TEST_F(RecordSemantics, a_deleted_row_stays_deleted_when_its_store_is_restored_from_the_changelog) {
  create("in");
  send({{"in", "k", "v"}, {"in", "l", "w"}});
  ASSERT_TRUE(run(rekeyed_table));
  send({{"in", "k", std::nullopt}});
  ASSERT_TRUE(run(rekeyed_table));
  std::filesystem::remove_all(dir_ / "state");
  auto streams = app(rekeyed_table);
  ASSERT_TRUE(streams->start());
  std::map<std::string, bool> found;
  for (const char* key : {"k'", "l'"})
    ASSERT_TRUE(streams->query("rows", key, [&](ValueAndTimestamp value) { found[key] = bool(value); }));
  EXPECT_EQ(found, (std::map<std::string, bool>{{"k'", false}, {"l'", true}}));
  EXPECT_TRUE(streams->close());
}

TEST_F(RecordSemantics, an_aggregate_that_becomes_null_is_deleted_and_starts_anew) {
  create("in");
  send({{"in", "x", "a"}, {"in", "x", "-a"}, {"in", "x", "a"}});
  ASSERT_TRUE(run(
      [](StreamsBuilder& builder) {
        builder.stream(in)
            .group_by([](const std::string& value) { return value.substr(value[0] == '-' ? 1 : 0); })
            .aggregate(std::optional<std::string>{},
                       [](const std::string& value, std::optional<std::string> sum) -> std::optional<std::string> {
                         if (value[0] == '-') return std::nullopt;
                         return sum.value_or("") + value;
                       },
                       {.as = "sums"})
            .to_stream()
            .to(out);
      },
      no_record_cache));
  EXPECT_EQ(text("out"), "a=a a=null a=a");
  EXPECT_EQ(text("app-sums-changelog"), "a=a a=null a=a");
}

TEST_F(RecordSemantics, windows_that_are_open_for_ever_are_there_after_a_restart) {
  create("in");
  const auto topology = [](StreamsBuilder& builder) {
    builder.stream(in).group_by_key().windowed_by({.size = 10ms, .grace = Duration::max()}).count({.as = "n"});
  };
  const auto count = [&](const std::vector<Sent>& records) -> std::optional<std::int64_t> {
    send(records);
    auto streams = app(topology);
    EXPECT_TRUE(streams->start());
    EXPECT_TRUE(streams->run_until_end_of_input());
    return streams->window_store<std::string, std::int64_t>("n").fetch("k", {0});
  };
  EXPECT_EQ(count({{"in", "k", "v", {5}}, {"in", "k", "v", {1'000'000}}, {"in", "k", "v", {6}}}), 2);
  EXPECT_EQ(count({{"in", "k", "v", {7}}}), 3);
}

// ---------------------------------------------------------------- null keys

TEST_F(RecordSemantics, records_with_a_null_key_are_dropped_and_counted_where_kafka_counts_them) {
  create("in");
  send({{"in", std::nullopt, "a"}, {"in", "k", "b"}, {"in", std::nullopt, "c"}});
  ASSERT_TRUE(run([](StreamsBuilder& builder) {
    builder.stream(in_without_keys).group_by_key().count({.as = "n"}).to_stream().to(counts);
  }));
  EXPECT_EQ(last_counts(), (std::map<std::string, std::int64_t>{{"k", 1}}));
  EXPECT_EQ(dropped_, 2);
}

TEST_F(RecordSemantics, a_row_with_a_null_key_is_dropped_and_counted_by_a_table) {
  create("in");
  send({{"in", std::nullopt, "a"}, {"in", "k", "b"}, {"in", std::nullopt, std::nullopt}});
  ASSERT_TRUE(run(table_to_stream));
  EXPECT_EQ(text("out"), "k=b");
  EXPECT_EQ(dropped_, 2);
}

TEST_F(RecordSemantics, a_record_whose_new_key_is_null_never_reaches_the_repartition_topic) {
  create("in");
  send({{"in", "k", "a"}, {"in", "k", "b"}});
  ASSERT_TRUE(run([](StreamsBuilder& builder) {
    builder.stream(in)
        .group_by([](const std::string& v) { return v == "a" ? std::nullopt : std::optional(v); }, {.name = "by-value"})
        .count({.as = "n"})
        .to_stream()
        .to(counts);
  }));
  EXPECT_EQ(text("app-by-value-repartition"), "b=b");
  EXPECT_EQ(last_counts(), (std::map<std::string, std::int64_t>{{"b", 1}}));
  EXPECT_EQ(dropped_, 0) << "Kafka's filter before a repartition topic counts nothing";
}

TEST_F(RecordSemantics, a_null_key_goes_through_stateless_operators_and_into_a_sink_that_allows_it) {
  create("in");
  send({{"in", std::nullopt, "a"}});
  ASSERT_TRUE(run([](StreamsBuilder& builder) {
    builder.stream(in_without_keys)
        .map_values([](const std::string& v) { return v + v; })
        .to(Topic<std::optional<std::string>, std::string>{"out"});
  }));
  EXPECT_EQ(text("out"), "null=aa");
}

TEST_F(RecordSemantics, a_null_key_or_value_of_a_join_is_dropped_and_counted) {
  create("in");
  create("other");
  send({{"other", "k", "right", {0}}});
  send({{"in", std::nullopt, "a"}, {"in", "k", "b"}, {"in", "k", std::nullopt}});
  constexpr Topic<std::optional<std::string>, std::optional<std::string>> anything{"in"};
  ASSERT_TRUE(run([&](StreamsBuilder& builder) {
    builder.stream(anything)
        .join(builder.table(other), [](const std::string& left, const std::string& right) { return left + right; })
        .to(Topic<std::optional<std::string>, std::string>{"out"});
  }));
  EXPECT_EQ(text("out"), "k=bright");
  EXPECT_EQ(dropped_, 2);
}

// ---------------------------------------------------------------- the order of children

struct Visits {
  std::mutex mutex;
  std::string text;
  auto note(const char* node) {
    return [this, node](const std::string& value) {
      std::lock_guard lock(mutex);
      text += node + value + " ";
    };
  }
};

void two_branches(KStream<std::string, std::string> stream, Visits& visits) {
  auto first = stream.peek(visits.note("A"));
  first.peek(visits.note("A1")).peek(visits.note("A11"));
  first.peek(visits.note("A2"));
  stream.flat_map_values([](const std::string& v) { return std::vector<std::string>{v + "x", v + "y"}; })
      .peek(visits.note("B"))
      .for_each(visits.note("B1"));
}

TEST_F(RecordSemantics, children_are_visited_depth_first_in_the_order_in_which_they_were_added) {
  create("in");
  send({{"in", "k", "1"}, {"in", "k", "2"}});
  const std::string expected = "A1 A11 A111 A21 B1x B11x B1y B11y A2 A12 A112 A22 B2x B12x B2y B12y ";
  Visits visits;
  ASSERT_TRUE(run([&](StreamsBuilder& builder) { two_branches(builder.stream(in), visits); }));
  EXPECT_EQ(visits.text, expected);
}

TEST_F(RecordSemantics, children_behind_a_repartition_topic_are_visited_depth_first_too) {
  create("in");
  send({{"in", "k", "1"}, {"in", "k", "2"}});
  const std::string expected = "A1 A11 A111 A21 B1x B11x B1y B11y A2 A12 A112 A22 B2x B12x B2y B12y ";
  Visits visits;
  ASSERT_TRUE(
      run([&](StreamsBuilder& builder) { two_branches(builder.stream(in).repartition({.name = "again"}), visits); }));
  EXPECT_EQ(visits.text, expected);
}

// ---------------------------------------------------------------- aborted input

TEST_F(RecordSemantics, records_of_an_aborted_transaction_are_not_counted_exactly_once) {
  create("in");
  send({{"in", "k", "a"}}, End::commit);
  send({{"in", "k", "a"}, {"in", "k", "b"}}, End::abort);
  send({{"in", "k", "a"}, {"in", "k", "c"}}, End::commit);
  send({{"in", "k", "c"}}, End::abort);
  ASSERT_TRUE(run(rekey_and_count));
  EXPECT_EQ(last_counts(), (std::map<std::string, std::int64_t>{{"a", 2}, {"c", 1}}));
  EXPECT_EQ(text("app-by-value-repartition"), "a=a a=a c=c");
}

TEST_F(RecordSemantics, at_least_once_reads_what_kafka_reads_there_aborted_records_too) {
  create("in");
  send({{"in", "k", "a"}}, End::commit);
  send({{"in", "k", "a"}, {"in", "k", "b"}}, End::abort);
  ASSERT_TRUE(run(rekey_and_count, {{"processing.guarantee", "at_least_once"}}));
  EXPECT_EQ(last_counts(), (std::map<std::string, std::int64_t>{{"a", 2}, {"b", 1}}));
}

TEST_F(RecordSemantics, tables_and_global_tables_hold_no_rows_of_an_aborted_transaction) {
  for (bool global : {false, true}) {
    open(global ? "global" : "table");
    create("in");
    create("other");
    send({{"other", "k", "old", {0}}}, End::commit);
    send({{"other", "k", "aborted", {0}}, {"other", "l", "aborted", {0}}}, End::abort);
    send({{"in", "k", "left"}, {"in", "l", "left"}});
    auto joined = [](const std::string& left, const std::string& right) { return left + "+" + right; };
    ASSERT_TRUE(run([&](StreamsBuilder& builder) {
      if (global) {
        builder.stream(in)
            .join(
                builder.global_table(other), [](const std::string& key, const std::string&) { return key; }, joined)
            .to(plain_out);
      } else {
        builder.stream(in).join(builder.table(other), joined).to(plain_out);
      }
    }));
    EXPECT_EQ(text("out"), "k=left+old") << (global ? "global table" : "table");
  }
}

TEST_F(RecordSemantics, what_a_failed_run_left_in_a_repartition_topic_is_not_counted) {
  create("in");
  send({{"in", "k", "a"}, {"in", "k", "b"}, {"in", "k", "boom"}});
  auto topology = [](StreamsBuilder& builder) {
    builder.stream(in)
        .group_by([](const std::string& value) { return value; }, {.name = "by-value"})
        .aggregate(std::int64_t{0},
                   [](const std::string& value, std::int64_t& n) {
                     if (value == "boom") throw std::runtime_error("it went boom");
                     ++n;
                   },
                   {.as = "n"})
        .to_stream()
        .to(counts);
  };
  auto failed = run(topology, {{"commit.interval.ms", "600000"}, {"transaction.timeout.ms", "900000"}});
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message(), HasSubstr("it went boom"));
  EXPECT_EQ(text("app-by-value-repartition"), "") << "a committed reader sees what was aborted";
  ASSERT_TRUE(run(topology, {{"processing.exception.handler", "continue"}}));
  EXPECT_EQ(last_counts(), (std::map<std::string, std::int64_t>{{"a", 1}, {"b", 1}}));
  EXPECT_EQ(text("app-by-value-repartition"), "a=a b=b boom=boom");
}

TEST_F(RecordSemantics, a_record_that_one_node_skips_reaches_the_others) {
  create("in");
  send({{"in", "k", "a"}, {"in", "k", "boom"}, {"in", "k", "b"}});
  ASSERT_TRUE(run(
      [](StreamsBuilder& builder) {
        auto stream = builder.stream(in);
        stream.for_each([](const std::string& value) {
          if (value == "boom") throw std::runtime_error("it went boom");
        });
        stream.flat_map_values([](const std::string& value) { return std::vector<std::string>{value, value + "!"}; })
            .peek([](const std::string& value) {
              if (value == "boom") throw std::runtime_error("it went boom");
            })
            .to(plain_out);
      },
      {{"processing.exception.handler", "continue"}}));
  EXPECT_EQ(text("out"), "k=a k=a! k=boom! k=b k=b!");
  EXPECT_EQ(dropped_, 2);  // by each node that failed
}

// What the record cache lets go, at a commit or for want of room, passes the handler one by one.
TEST_F(RecordSemantics, a_node_behind_a_cached_table_that_fails_costs_no_other_update) {
  const auto topology = [](StreamsBuilder& builder) {
    builder.stream(in)
        .group_by([](const std::string& value) { return value; }, {.name = "by-value"})
        .count({.as = "n"})
        .to_stream()
        .peek([](const std::string& key, std::int64_t) {
          if (key == "boom") throw std::runtime_error("it went boom");
        })
        .to(counts);
  };
  for (const char* cache : {"10485760", "150"}) {
    open(std::string("cache-") + cache);
    create("in");
    send({{"in", "k", "a"}, {"in", "k", "boom"}, {"in", "k", "b"}, {"in", "k", "c"}, {"in", "k", "a"}});
    ASSERT_TRUE(run(topology, {{"processing.exception.handler", "continue"}, {"statestore.cache.max.bytes", cache}}));
    EXPECT_EQ(last_counts(), (std::map<std::string, std::int64_t>{{"a", 2}, {"b", 1}, {"c", 1}})) << cache;
    std::map<std::string, std::int64_t> logged;
    for (const ConsumedRecord& r : records("app-n-changelog")) logged[*r.key] = number(r);
    EXPECT_EQ(logged, (std::map<std::string, std::int64_t>{{"a", 2}, {"b", 1}, {"boom", 1}, {"c", 1}})) << cache;
  }
}

TEST_F(RecordSemantics, streams_of_different_partition_counts_merge) {
  create("in", 2);
  create("other", 3);
  send({{"in", "k", "a", {1}, {}, 1}, {"other", "k", "b", {2}, {}, 2}});
  ASSERT_TRUE(run([](StreamsBuilder& builder) {
    builder.stream(in).merge(builder.stream(other)).map_values([](const std::string& v) { return v; }).to(plain_out);
  }));
  const std::string got = text("out");
  EXPECT_TRUE(got == "k=a k=b" || got == "k=b k=a") << got;
}

TEST_F(RecordSemantics, a_transaction_that_is_open_holds_the_input_back_until_it_is_decided) {
  create("in");
  ProducerConfig config;
  config.transactional_id = "open";
  auto producer = log_->make_producer(config);
  ASSERT_TRUE(producer);
  ASSERT_TRUE((*producer)->init_transactions());
  ASSERT_TRUE((*producer)->begin_transaction());
  ASSERT_TRUE((*producer)->send({"in", 0, Bytes("k"), Bytes("a"), Timestamp{1'000}, {}}, {}));
  ASSERT_TRUE((*producer)->flush());
  send({{"in", "k", "b"}});
  ASSERT_TRUE(run(rekey_and_count));
  EXPECT_EQ(last_counts(), (std::map<std::string, std::int64_t>{})) << "it read past the last stable offset";
  ASSERT_TRUE((*producer)->commit_transaction());
  ASSERT_TRUE(run(rekey_and_count));
  EXPECT_EQ(last_counts(), (std::map<std::string, std::int64_t>{{"a", 1}, {"b", 1}}));
}

// ---------------------------------------------------------------- the value cache

// A key-value store behind a repartition topic, a table that is joined, a window store, an aggregate that is deleted
// again and again. One writer and one partition a topic, so that every order is given.
void many_stores(StreamsBuilder& builder) {
  auto names = builder.table(other, {.as = "names"});
  auto stream = builder.stream(in);
  stream.join(names, [](const std::string& left, const std::string& right) { return left + right; }).to(plain_out);
  auto by_value = stream.group_by([](const std::string& v) { return v; }, {.name = "by-value"});
  by_value.count({.as = "n"}).to_stream().to(counts);
  by_value.windowed_by(TimeWindows{.size = 100ms, .advance = 50ms, .grace = 200ms})
      .count({.as = "windows", .retention = 500ms})
      .to_stream()
      .map([](const Windowed<std::string>& w, std::int64_t n) {
        return KeyValue{w.key + std::to_string(w.window.start.ms), n};
      })
      .to(Topic<std::string, std::int64_t>{"window-counts"});
  by_value
      .aggregate(std::optional<std::string>{},
                 [](const std::string& v, std::optional<std::string> all) -> std::optional<std::string> {
                   if (all && all->size() > 12) return std::nullopt;
                   return all.value_or("") + v;
                 },
                 {.as = "texts", .caching = false})
      .to_stream()
      .to(Topic<std::string, std::optional<std::string>>{"texts"});
}

class ValueCache : public EmbeddedApp {
 protected:
  using Topics = std::map<std::string, std::vector<std::string>>;

  void send_round(int round) {
    std::vector<Sent> records;
    for (int i = 0; i < 4'000; ++i) {
      const int n = round * 4'000 + i;
      // Half of the keys come all the time, the others rarely: they leave the cache and have to come back.
      const int key = i % 2 ? i * 7 % 40 : 40 + i * 13 % 900;
      records.push_back({"in", "k" + std::to_string(i % 50), "v" + std::to_string(key), {1'000 + n / 2 - n % 97}});
      if (i % 10 == 0)
        records.push_back({"other",
                           "k" + std::to_string(i % 60),
                           i % 70 ? std::optional("row" + std::to_string(n)) : std::nullopt,
                           {1'000 + n / 2}});
    }
    send(records);
  }
  // Two rounds with a restart between; then every topic, every record of it, byte for byte.
  Topics run_all(const std::string& name, ConfigValues config, Env& env) {
    open(name);
    for (const char* topic : {"in", "other"}) create(topic);
    config["num.partitions"] = "1";
    for (int round = 0; round < 2; ++round) {
      send_round(round);
      auto ran = run(many_stores, config, env);
      EXPECT_TRUE(ran) << ran.error().text();
    }
    Topics all;
    auto topics = log_->admin().list_topics();
    EXPECT_TRUE(topics);
    for (const TopicDescription& topic : *topics) {
      if (topic.internal) continue;
      for (const ConsumedRecord& r : records(topic.name))
        all[topic.name].push_back((r.key ? *r.key : "null") + "=" + (r.value ? *r.value : "null") + "@" +
                                  std::to_string(r.timestamp.ms));
    }
    return all;
  }
  static void expect_same(const Topics& a, const Topics& b) {
    for (const auto& [topic, records] : a) {
      ASSERT_TRUE(b.contains(topic)) << topic;
      const auto& others = b.at(topic);
      for (std::size_t i = 0; i < std::min(records.size(), others.size()); ++i)
        ASSERT_EQ(records[i], others[i]) << topic << ", record " << i;
      EXPECT_EQ(records.size(), others.size()) << topic;
    }
    EXPECT_EQ(a.size(), b.size());
  }
};

// Nothing is ever evicted with the first setting; with zero, all that a checkpoint holds is, every time it may be.
TEST_F(ValueCache, none_at_all_changes_no_output_and_no_changelog) {
  const ConfigValues large{{"statestore.cache.max.bytes", "0"}, {"state.value.cache.max.bytes", "100000000"}};
  const Topics expected = run_all("large", large, real_env());
  for (const char* topic : {"app-n-changelog", "app-windows-changelog", "app-texts-changelog", "app-names-changelog",
                            "app-by-value-repartition", "counts", "window-counts", "texts", "out"})
    EXPECT_GT(expected.count(topic) ? expected.at(topic).size() : 0, 500u) << topic;
  HurriedEnv env;
  const ConfigValues none{{"statestore.cache.max.bytes", "0"}, {"state.value.cache.max.bytes", "0"}};
  expect_same(run_all("none", none, env), expected);
}

// With a record cache, what is written depends on when the commits are: here at the ends of the rounds alone.
TEST_F(ValueCache, none_at_all_changes_nothing_behind_a_record_cache_either) {
  const ConfigValues large{{"commit.interval.ms", "600000"},
                           {"transaction.timeout.ms", "900000"},
                           {"state.value.cache.max.bytes", "100000000"}};
  const Topics expected = run_all("large", large, real_env());
  HurriedEnv env;
  const ConfigValues none{
      {"commit.interval.ms", "600000"}, {"transaction.timeout.ms", "900000"}, {"state.value.cache.max.bytes", "0"}};
  expect_same(run_all("none", none, env), expected);
}

}  // namespace
}  // namespace millrace
