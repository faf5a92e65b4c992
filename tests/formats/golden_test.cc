// What releases wrote, read by the present code.
#include "tests/formats/golden.h"

#include "millrace/base/log.h"
#include "millrace/connectors/csv_source.h"
#include "millrace/connectors/embedded/embedded_client.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/streams.h"
#include "tests/formats/release.h"

namespace millrace::formats {
namespace {

using Golden = ReleaseTest;

TEST_F(Golden, every_record_offset_transaction_and_row_of_each_release_reads_back) {
  ASSERT_FALSE(releases().empty());
  for (const std::string& release : releases()) {
    SCOPED_TRACE(release);
    open(release);
    auto text = read();
    ASSERT_TRUE(text) << text.error().text();
    expect_same(*text, expected());
  }
}

TEST_F(Golden, reading_twice_gives_the_same) {
  ASSERT_TRUE(read());
  auto again = read();
  ASSERT_TRUE(again) << again.error().text();
  // The first start decided the transaction that was left open, so it is the epochs of the logs that may differ.
  EXPECT_EQ(std::count(again->begin(), again->end(), '\n'), std::ranges::count(expected(), '\n'));
}

TEST_F(Golden, the_present_code_writes_what_the_newest_release_wrote) {
  const std::string made = dir_ / "made";
  auto written = write_golden(made);
  ASSERT_TRUE(written) << written.error().text();
  expect_same(content(made + "/expected.txt"), expected());
}

TEST_F(Golden, the_application_goes_on_from_its_offsets_and_its_checkpoint) {
  EmbeddedConfig config;
  config.data_dir = data();
  auto log = open_embedded(env_, config);
  ASSERT_TRUE(log) << log.error().text();
  auto producer = (*log)->make_producer({});
  ASSERT_TRUE(producer);
  ASSERT_TRUE((*producer)->send({"words", 0, std::nullopt, Bytes("w0"), written_at, {}}, {}));
  ASSERT_TRUE((*producer)->flush());
  StreamsBuilder builder;
  golden_topology(builder);
  StreamsOptions options;
  options.state_dir = dir_ / "state";
  CapturedLog captured(LogLevel::warn);
  Streams streams(application_id, builder.build(), options, env_, **log);
  auto started = streams.start();
  ASSERT_TRUE(started) << started.error().text();
  ASSERT_TRUE(streams.run_until_end_of_input());
  std::int64_t count = 0;
  ASSERT_TRUE(streams.query("counts", "w0", [&](ValueAndTimestamp v) {
    if (v) count = *static_cast<const std::int64_t*>(v.value);
  }));
  EXPECT_EQ(count, 8) << "7 in the checkpoint, one more now";
  EXPECT_TRUE(streams.close());
  EXPECT_FALSE(captured.contains("restoring a store from the start")) << captured.lines().front();
}

TEST_F(Golden, the_source_goes_on_behind_the_row_it_committed_last) {
  EmbeddedConfig config;
  config.data_dir = data();
  auto log = open_embedded(env_, config);
  ASSERT_TRUE(log) << log.error().text();
  std::filesystem::current_path(dir_);  // the path as given is the key
  replace("rows.csv", "id,name\n1,one\n2,two\n3,three\n4,four\n");
  std::vector<std::string> seen;
  CsvSourceOptions options;
  options.application_id = application_id;
  options.file = "rows.csv";
  CsvSource source(env_, **log, options, [&](const CsvRow& row) -> Result<std::optional<ProducerRecord>> {
    seen.emplace_back(*row["id"]);
    return std::optional<ProducerRecord>();
  });
  auto started = source.start();
  ASSERT_TRUE(started) << started.error().text();
  for (;;) {
    auto more = source.read();
    ASSERT_TRUE(more) << more.error().text();
    if (!*more) break;
  }
  EXPECT_EQ(seen, std::vector<std::string>{"4"});
  std::filesystem::current_path(std::filesystem::temp_directory_path());
}

}  // namespace
}  // namespace millrace::formats
