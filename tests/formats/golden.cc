#include "tests/formats/golden.h"

#include <filesystem>

#include "millrace/broker/broker.h"
#include "millrace/connectors/csv_source.h"
#include "millrace/connectors/embedded/embedded_client.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/streams.h"
#include "tests/formats/dump.h"
#include "tests/formats/fixed_env.h"
#include "tests/formats/golden_topology.h"

namespace millrace::formats {
namespace {

ProducerRecord record(const std::string& topic, std::optional<std::string> key, std::optional<std::string> value,
                      std::int64_t at, Headers headers = {}, PartitionId partition = 0) {
  auto bytes = [](const auto& text) { return text ? std::optional<Bytes>(Bytes(*text)) : std::nullopt; };
  return {topic, partition, bytes(key), bytes(value), written_at + Duration(at), std::move(headers)};
}

ProducerConfig producer_config(std::string transactional_id = {}, Compression codec = Compression::none) {
  ProducerConfig config;
  config.transactional_id = std::move(transactional_id);
  config.compression = codec;
  config.linger = 1h;  // batches are cut by flush() alone
  return config;
}

Result<std::unique_ptr<LogClient>> open_log(Env& env, const std::string& directory) {
  EmbeddedConfig config;
  config.data_dir = directory + "/data";
  config.housekeeping_interval = 0ms;
  return open_embedded(env, config);
}

Result<> send_all(Producer& producer, std::vector<ProducerRecord> records) {
  for (ProducerRecord& r : records) MR_TRY(producer.send(std::move(r), {}));
  return producer.flush();
}

// Nulls, empty ones, headers; every codec; two partitions; a log that begins later; a topic that was removed.
Result<> write_records(LogClient& log) {
  MR_TRY(log.admin().create_topic({"records", 2, {{"retention.ms", "-1"}}}));
  MR_TRY(log.admin().create_topic({"removed", 1, {}}));
  MR_TRY(log.admin().delete_topic("removed"));
  for (Compression codec :
       {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
    MR_ASSIGN(auto producer, log.make_producer(producer_config({}, codec)));
    const std::string name(name_of(codec));
    MR_TRY(send_all(*producer, {record("records", name, std::string(200, 'v'), 1),
                                record("records", std::nullopt, name, 2, {{"trace", Bytes("17")}, {"null", {}}}),
                                record("records", "", "", 3), record("records", name, std::nullopt, -5)}));
    MR_TRY(send_all(*producer, {record("records", "second partition", name, 4, {}, 1)}));
  }
  return log.admin().delete_records({"records", 1}, 2);
}

// Committed, aborted, left open; several segments with their indexes.
Result<> write_transactions(Env& env, const std::string& directory) {
  MR_ASSIGN(auto client, open_log(env, directory));
  LogClient& log = *client;
  MR_TRY(log.admin().create_topic({"transactions", 1, {{"segment.bytes", "1024"}, {"index.interval.bytes", "200"}}}));
  MR_ASSIGN(auto producer, log.make_producer(producer_config("writer")));
  MR_TRY(producer->init_transactions());
  for (int i = 0; i < 12; ++i) {
    MR_TRY(producer->begin_transaction());
    MR_TRY(send_all(*producer, {record("transactions", "k" + std::to_string(i), std::string(60, 'v'), i)}));
    MR_TRY(producer->send_offsets_to_transaction({{{"records", 0}, {i + 1, 0, ""}}}, "in-transactions"));
    MR_TRY(i % 3 == 2 ? producer->abort_transaction() : producer->commit_transaction());
  }
  MR_ASSIGN(auto left, log.make_producer(producer_config("left-open")));
  MR_TRY(left->init_transactions());
  MR_TRY(left->begin_transaction());
  return send_all(*left, {record("transactions", "undecided", "v", 20)});
}

Result<> write_compacted(LogClient& log) {
  MR_TRY(log.admin().create_topic(
      {"compacted",
       1,
       {{"cleanup.policy", "compact"}, {"segment.bytes", "1024"}, {"min.cleanable.dirty.ratio", "0"}}}));
  MR_ASSIGN(auto producer, log.make_producer(producer_config()));
  for (int i = 0; i < 30; ++i) {
    auto value = i % 7 ? std::optional(std::to_string(i) + std::string(50, 'v')) : std::nullopt;
    MR_TRY(send_all(*producer, {record("compacted", "k" + std::to_string(i % 4), value, i)}));
  }
  return {};
}

Result<> write_group(LogClient& log) {
  ConsumerConfig config;
  config.group_id = "plain-group";
  MR_ASSIGN(auto consumer, log.make_consumer(config));
  return consumer->commit({{{"records", 0}, {7, 0, ""}}, {{"records", 1}, {3, -1, ""}}});
}

Result<> write_source(Env& env, LogClient& log, const std::string& directory) {
  const std::string file = directory + "/rows.csv";
  MR_TRY(env.files().write_file_atomically(file, "id,name\n1,one\n2,two\n3,three\n", "tests.formats"));
  MR_TRY(log.admin().create_topic({"rows", 1, {}}));
  MR_ASSIGN(const std::string here, Result<std::string>(std::filesystem::current_path().string()));
  std::filesystem::current_path(directory);  // the path is a part of the key
  CsvSourceOptions options;
  options.application_id = application_id;
  options.file = "rows.csv";
  CsvSource source(env, log, options, [](const CsvRow& row) -> Result<std::optional<ProducerRecord>> {
    return std::optional(record("rows", std::string(*row["id"]), std::string(*row["name"]), 0));
  });
  Result<> done = source.start();
  while (done) {
    auto more = source.read();
    if (more && !*more) break;
    if (!more) done = std::move(more).error();
  }
  std::filesystem::current_path(here);
  std::filesystem::remove(file);
  return done;
}

Result<> run_application(Env& env, LogClient& log, const std::string& state) {
  MR_TRY(log.admin().create_topic({"words", 1, {}}));
  MR_TRY(log.admin().create_topic({"users", 1, {}}));
  MR_ASSIGN(auto producer, log.make_producer(producer_config()));
  std::vector<ProducerRecord> input;
  for (int i = 0; i < 20; ++i) input.push_back(record("words", std::nullopt, "w" + std::to_string(i % 3), i * 1000));
  for (int i = 0; i < 4; ++i) input.push_back(record("users", "u" + std::to_string(i), "User " + std::to_string(i), i));
  input.push_back(record("users", "u1", std::nullopt, 5));
  MR_TRY(send_all(*producer, std::move(input)));
  StreamsBuilder builder;
  golden_topology(builder);
  StreamsOptions options;
  options.config = {{"commit.interval.ms", "10000"}, {"num.partitions", "1"}, {"num.stream.threads", "1"}};
  options.state_dir = state;
  Streams streams(application_id, builder.build(), options, env, log);
  MR_TRY(streams.start());
  MR_TRY(streams.run_until_end_of_input());
  return streams.close();
}

Result<> write_data(Env& env, const std::string& directory) {
  MR_ASSIGN(auto log, open_log(env, directory));
  MR_TRY(write_records(*log));
  MR_TRY(write_compacted(*log));
  MR_TRY(write_group(*log));
  MR_TRY(write_source(env, *log, directory));
  return run_application(env, *log, directory + "/state");
}

Result<> compact(Env& env, const std::string& directory) {
  broker::BrokerConfig config;
  config.data_dir = directory + "/data";
  config.housekeeping_interval = 0ms;
  MR_ASSIGN(auto broker, broker::Broker::open(env, config));
  MR_TRY(broker->housekeep());
  return broker->close();
}

}  // namespace

Result<> write_golden(const std::string& directory) {
  FixedEnv env(written_at);
  if (std::filesystem::exists(directory)) return Error(directory + " exists: take another, or remove it");
  MR_TRY(env.files().make_directories(directory));
  const auto absolute = std::filesystem::absolute(directory).string();
  MR_TRY(write_data(env, absolute));
  MR_TRY(compact(env, absolute));
  MR_TRY(write_transactions(env, absolute));  // last: each start decides what is open
  for (const auto& entry : std::filesystem::recursive_directory_iterator(absolute))
    if (entry.path().filename() == "millrace.lock" || entry.path().filename() == "LOCK")
      std::filesystem::remove(entry.path());
  const std::string copy = absolute + ".copy";  // reading recovers, and so may write
  std::filesystem::copy(absolute, copy, std::filesystem::copy_options::recursive);
  FixedEnv later(written_at + 60s);
  auto text = dump(later, copy + "/data", copy + "/state/" + application_id);
  std::filesystem::remove_all(copy);
  if (!text) return std::move(text).error();
  return env.files().write_file_atomically(absolute + "/expected.txt", *text, "tests.formats");
}

}  // namespace millrace::formats
