// Newer versions: each artefact with a number that this Millrace does not know, and what docs/formats/README.md says of
// it.
#include <rocksdb/db.h>

#include "millrace/base/log.h"
#include "millrace/base/record_batch.h"
#include "millrace/broker/broker.h"
#include "millrace/connectors/csv_source.h"
#include "millrace/connectors/embedded/embedded_client.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/offset_metadata.h"
#include "millrace/runtime/streams.h"
#include "tests/formats/release.h"

namespace millrace::formats {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Refusal : public ReleaseTest {
 protected:
  void expect_refused(ErrorCode code, const ::testing::Matcher<const std::string&>& message) {
    auto text = read();
    ASSERT_FALSE(text) << "it opened";
    EXPECT_EQ(text.error().code(), code) << text.error().text();
    EXPECT_THAT(text.error().message(), message);
  }
  void expect_all_reads_back() {
    auto text = read();
    ASSERT_TRUE(text) << text.error().text();
    expect_same(*text, expected());
  }
  // Appends one record to a partition, as a program would that knows a newer format.
  void append(const TopicPartition& partition, BytesView key, BytesView value) {
    broker::BrokerConfig config;
    config.data_dir = data();
    auto broker = broker::Broker::open(env_, config);
    ASSERT_TRUE(broker) << broker.error().text();
    auto log = (*broker)->partition(partition);
    ASSERT_TRUE(log) << log.error().text();
    RecordBatchBuilder batch;
    batch.append(written_at, key, value);
    ASSERT_TRUE((*log)->append(batch, {}));
    ASSERT_TRUE((*broker)->close());
  }
  Result<> start_application() {
    EmbeddedConfig config;
    config.data_dir = data();
    MR_ASSIGN(auto log, open_embedded(env_, config));
    StreamsBuilder builder;
    golden_topology(builder);
    StreamsOptions options;
    options.state_dir = dir_ / "state";
    Streams streams(application_id, builder.build(), options, env_, *log);
    return streams.start();
  }
  void flip(const std::string& path, std::size_t at, char to) {
    std::string bytes = content(path);
    ASSERT_GT(bytes.size(), at) << path;
    bytes[at] = to;
    replace(path, bytes);
  }
};

Bytes big_endian(std::int16_t number) {
  Bytes out;
  append_big_endian(out, number);
  return out;
}

TEST_F(Refusal, a_newer_data_directory_is_refused_by_its_number) {
  replace(data() + "/millrace.format", "2\n");
  expect_refused(ErrorCode::unsupported_version,
                 AllOf(HasSubstr("millrace.format"), HasSubstr("format 2"), HasSubstr("use a newer one")));
  replace(data() + "/millrace.format", "what?\n");
  expect_refused(ErrorCode::unsupported_version, HasSubstr("millrace.format"));
}

TEST_F(Refusal, a_newer_record_of_topics_log_is_refused) {
  auto append_to_topics_log = [&](BytesView key, BytesView value) {
    RecordBatchBuilder batch;
    batch.append(written_at, key, value);
    RecordBatchBuilder::Stamp stamp;
    stamp.base_offset = 1'000;
    std::ofstream(data() + "/topics.log", std::ios::binary | std::ios::app) << batch.seal(stamp);
  };
  const std::string before = content(data() + "/topics.log");
  append_to_topics_log("topic", big_endian(1) + Bytes("more"));
  expect_refused(ErrorCode::unsupported_version, AllOf(HasSubstr("topics.log, byte "), HasSubstr("version 1")));
  replace(data() + "/topics.log", before);
  append_to_topics_log("quota", big_endian(0));
  expect_refused(ErrorCode::unsupported_version, AllOf(HasSubstr("topics.log, byte "), HasSubstr("quota")));
}

TEST_F(Refusal, newer_checkpoints_of_offsets_are_refused_by_name) {
  for (const std::string file : {"/recovery-point-offset-checkpoint", "/log-start-offset-checkpoint",
                                 "/cleaner-offset-checkpoint", "/records-0/leader-epoch-checkpoint"}) {
    open(releases().back());
    const std::string before = content(data() + file);
    ASSERT_EQ(before.substr(0, 2), "0\n") << file;
    replace(data() + file, "1" + before.substr(1));
    auto text = read();
    ASSERT_FALSE(text) << file;
    EXPECT_THAT(text.error().message(), AllOf(HasSubstr(file), HasSubstr("version 1")));
  }
}

TEST_F(Refusal, newer_partition_metadata_is_refused_by_name) {
  const std::string file = data() + "/records-0/partition.metadata";
  replace(file, "version: 1" + content(file).substr(10));
  expect_refused(ErrorCode::kafka_storage_error, AllOf(HasSubstr(file), HasSubstr("version: 1")));
}

TEST_F(Refusal, a_newer_producer_snapshot_is_reported_and_the_log_is_read_instead) {
  const std::string file = data() + "/records-0/00000000000000000020.snapshot";
  flip(file, 1, 2);
  CapturedLog captured(LogLevel::warn);
  expect_all_reads_back();
  EXPECT_TRUE(captured.contains("producer snapshot of version 2"));
}

TEST_F(Refusal, an_index_of_aborted_transactions_of_a_newer_version_is_built_anew) {
  const std::string file = data() + "/transactions-0/00000000000000000009.txnindex";
  ASSERT_EQ(content(file).size(), 68u);
  flip(file, 34 + 1, 1);   // the version of the last entry
  flip(file, 34 + 9, 77);  // and what the entries of that version may mean
  expect_all_reads_back();
}

TEST_F(Refusal, a_slot_of_synced_offsets_that_does_not_fit_says_nothing) {
  flip(data() + "/synced-offsets", 0, 77);
  expect_all_reads_back();
}

TEST_F(Refusal, a_batch_of_a_newer_format_is_not_read_and_not_truncated) {
  const std::string sealed = data() + "/transactions-0/00000000000000000000.log";  // a start does not look at it
  flip(sealed, 16, 3);
  expect_refused(ErrorCode::unsupported_version, HasSubstr("magic 3"));
  flip(sealed, 16, 2);
  const std::string file = data() + "/records-1/00000000000000000000.log";  // a start does
  const std::size_t size = content(file).size();
  flip(file, 16, 3);
  expect_refused(ErrorCode::corrupt_message, AllOf(HasSubstr(file), HasSubstr("damaged at offset 0")));
  EXPECT_EQ(content(file).size(), size);
}

TEST_F(Refusal, a_newer_offset_commit_is_refused_and_a_newer_kind_of_key_passed_over) {
  append({broker::consumer_offsets_topic, 0}, big_endian(2) + Bytes("group metadata"), "anything");
  auto text = read();
  ASSERT_TRUE(text) << text.error().text();
  broker::OffsetKey key{"new-group", {"records", 0}};
  append({broker::consumer_offsets_topic, 0}, broker::encode_offset_key(key), big_endian(5) + Bytes("more"));
  expect_refused(ErrorCode::unsupported_version, HasSubstr("offset commit value of version 5"));
}

TEST_F(Refusal, newer_transaction_records_are_refused) {
  append({broker::transaction_state_topic, 0}, broker::encode_transaction_key("someone"),
         big_endian(2) + Bytes("more"));
  expect_refused(ErrorCode::unsupported_version, HasSubstr("transaction record"));
}

TEST_F(Refusal, metadata_of_a_newer_version_beside_an_offset_stops_the_program) {
  EmbeddedConfig config;
  config.data_dir = data();
  {
    auto log = open_embedded(env_, config);
    ASSERT_TRUE(log) << log.error().text();
    ConsumerConfig consuming;
    consuming.group_id = application_id;
    auto consumer = (*log)->make_consumer(consuming);
    ASSERT_TRUE(consumer);
    ASSERT_TRUE((*consumer)->commit({{{"words", 0}, {20, 0, "AwAAAZt2yfI4"}}}));  // the first byte is 3
  }
  auto started = start_application();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::unsupported_version);
  EXPECT_THAT(started.error().message(), HasSubstr("offset metadata of version 3"));
}

TEST_F(Refusal, a_newer_position_of_a_source_stops_the_source) {
  append({"golden-source-offsets", 0}, R"(["csv",{"file":"rows.csv"}])", R"({"version":2,"where":"elsewhere"})");
  EmbeddedConfig config;
  config.data_dir = data();
  auto log = open_embedded(env_, config);
  ASSERT_TRUE(log) << log.error().text();
  std::filesystem::current_path(dir_);
  replace("rows.csv", "id,name\n");
  CsvSourceOptions options;
  options.application_id = application_id;
  options.file = "rows.csv";
  CsvSource source(env_, **log, options, [](const CsvRow&) { return std::optional<ProducerRecord>(); });
  auto started = source.start();
  std::filesystem::current_path(std::filesystem::temp_directory_path());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::unsupported_version);
  EXPECT_THAT(started.error().message(), HasSubstr("version 2"));
}

TEST_F(Refusal, a_newer_state_directory_is_refused_by_its_number) {
  const std::string file = state() + "/millrace-state.json", before = content(file);
  std::string newer = before;
  newer.replace(newer.find("\"format\": 1"), 11, "\"format\": 2");
  replace(file, newer);
  expect_refused(ErrorCode::unsupported_version, AllOf(HasSubstr("format 2"), HasSubstr("newer Millrace")));
  auto started = start_application();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::unsupported_version);
  replace(file, before.substr(0, before.size() / 2));
  expect_refused(ErrorCode::corrupt_message, HasSubstr("is damaged"));
}

TEST_F(Refusal, a_position_of_a_newer_version_in_a_checkpoint_is_refused_by_directory_and_store) {
  const std::string task = state() + "/1_0";
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, task, &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, task, families, &handles, &db).ok());
  const auto positions = static_cast<std::size_t>(std::ranges::find(names, "millrace.positions") - names.begin());
  ASSERT_LT(positions, names.size());
  ASSERT_TRUE(db->Put({}, handles[positions], "windows", std::string(1, 3) + std::string(36, 0)).ok());
  for (auto* handle : handles) ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
  delete db;
  expect_refused(ErrorCode::unsupported_version,
                 AllOf(HasSubstr(task), HasSubstr("store windows"), HasSubstr("version 3")));
}

}  // namespace
}  // namespace millrace::formats
