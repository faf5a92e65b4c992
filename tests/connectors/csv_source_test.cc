#include "millrace/connectors/csv_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/sim/sim_env.h"
#include "tests/connectors/memory_log.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CsvSourceTest : public ::testing::Test {
 protected:
  CsvSourceTest() { EXPECT_TRUE(log_.create_topic({.name = "rows"})); }
  void write(const std::string& text, const std::string& path = "/a.csv") {
    auto file = env_.files().open(path, OpenMode::replace);
    ASSERT_TRUE((*file)->append(text, "test"));
  }
  std::unique_ptr<CsvSource> make(const std::string& file = "/a.csv", const std::string& identity = "",
                                  const std::string& topic = "", bool finds_older = true) {
    return std::make_unique<CsvSource>(env_, log_,
                                       CsvSourceOptions{.application_id = "app",
                                                        .file = file,
                                                        .identity = identity,
                                                        .topic = topic,
                                                        .finds_older = finds_older,
                                                        .rows_per_transaction = 2},
                                       [](const CsvRow& row) -> Result<std::optional<ProducerRecord>> {
                                         auto n = row.integer("n");
                                         if (!n) return std::optional<ProducerRecord>();
                                         ProducerRecord record;
                                         record.topic = "rows";
                                         record.value = Bytes(std::to_string(*n));
                                         return std::optional(std::move(record));
                                       });
  }
  // Starts and reads to the end; the error, if any.
  std::string run(CsvSource& source) {
    if (auto started = source.start(); !started) return started.error().message();
    while (true) {
      auto read = source.read();
      if (!read) return read.error().message();
      if (!*read) return "";
    }
  }
  std::vector<std::string> rows() const { return log_.values("rows"); }
  sim::SimEnv env_{1};
  test::MemoryLog log_;
};

TEST_F(CsvSourceTest, every_row_becomes_a_record_unless_it_is_skipped) {
  write("n\n1\nNA\n3\n");
  auto source = make();
  EXPECT_EQ(run(*source), "");
  EXPECT_THAT(rows(), ElementsAre("1", "3"));
  EXPECT_EQ(source->rows(), 3u);
}

TEST_F(CsvSourceTest, its_position_is_a_record_in_a_compacted_topic_in_the_rows_transaction) {
  write("n\n1\n2\n3\n");
  EXPECT_EQ(run(*make()), "");
  EXPECT_EQ(log_.state.cleanup.at("app-source-offsets"), "compact");
  auto& positions = log_.state.topics.at("app-source-offsets");
  ASSERT_EQ(positions.size(), 2u) << "one a transaction";
  EXPECT_EQ(*positions[1].key, "[\"csv\",{\"file\":\"/a.csv\"}]");
  EXPECT_THAT(*positions[1].value, HasSubstr("{\"version\":1,\"byte_offset\":8,\"row\":3,"));
}

TEST_F(CsvSourceTest, a_restart_neither_loses_nor_repeats_a_row) {
  write("n\n1\n2\n3\n4\n5\n");
  {
    auto first = make();
    ASSERT_TRUE(first->start());
    ASSERT_TRUE(first->read().value());
  }
  EXPECT_THAT(rows(), ElementsAre("1", "2"));
  EXPECT_EQ(run(*make()), "");
  EXPECT_EQ(run(*make()), "") << "and a third run finds nothing to do";
  EXPECT_THAT(rows(), ElementsAre("1", "2", "3", "4", "5"));
}

TEST_F(CsvSourceTest, a_file_is_one_file_however_its_path_is_written) {
  for (const char* path : {"/a.csv", "/./a.csv"})
    write("n\n1\n2\n", path);  // the simulated disk takes paths as they are
  EXPECT_EQ(run(*make("/./a.csv")), "");
  EXPECT_EQ(run(*make("/./a.csv", "/a.csv")), "") << "goes on from where it stood under the path as given";
  EXPECT_THAT(rows(), ElementsAre("1", "2"));
  for (const char* path : {"/a.csv", "/./a.csv"}) write("n\n1\n2\n3\n", path);
  EXPECT_EQ(run(*make("/./a.csv", "/a.csv")), "");
  EXPECT_EQ(run(*make("/a.csv", "/a.csv")), "");
  EXPECT_THAT(rows(), ElementsAre("1", "2", "3"));
}

TEST_F(CsvSourceTest, a_file_may_be_read_into_several_topics) {
  write("n\n1\n2\n");
  for (const char* topic : {"rows", "others", "rows"}) {
    auto source = make("/a.csv", "", topic, false);
    EXPECT_EQ(run(*source), "");
    EXPECT_EQ(source->rows(), 2u) << topic;
  }
  EXPECT_THAT(rows(), ElementsAre("1", "2", "1", "2")) << "once for each topic, and no more";
}

TEST_F(CsvSourceTest, a_position_that_was_kept_without_a_topic_is_found) {
  write("n\n1\n2\n");
  EXPECT_EQ(run(*make()), "");
  EXPECT_EQ(run(*make("/a.csv", "", "rows")), "");
  EXPECT_THAT(rows(), ElementsAre("1", "2"));
}

TEST_F(CsvSourceTest, after_a_commit_of_unknown_outcome_start_finds_out) {
  for (bool happened : {false, true}) {
    log_.state.topics["rows"].clear();
    log_.state.topics["app-source-offsets"].clear();
    write("n\n1\n2\n3\n");
    log_.state.fail_commit_in = 1;
    log_.state.commit_takes_effect = happened;
    auto source = make();
    EXPECT_THAT(run(*source), HasSubstr("ordered"));
    EXPECT_FALSE(source->read()) << "it must be started again first";
    EXPECT_EQ(run(*source), "");
    EXPECT_THAT(rows(), ElementsAre("1", "2", "3"));
  }
}

TEST_F(CsvSourceTest, a_record_that_cannot_be_sent_aborts_the_transaction) {
  write("n\n1\n2\n3\n");
  log_.state.fail_send_in = 2;
  auto source = make();
  EXPECT_EQ(run(*source), "csv /a.csv: row 2: ordered");
  EXPECT_THAT(rows(), ElementsAre());
  EXPECT_EQ(run(*source), "");
  EXPECT_THAT(rows(), ElementsAre("1", "2", "3"));
}

TEST_F(CsvSourceTest, a_bad_row_stops_it_with_file_and_row_and_keeps_what_was_committed) {
  write("n\n1\n2\n3\nfour\n");
  EXPECT_EQ(run(*make()), "csv /a.csv: row 4: column n: four is not an integer");
  EXPECT_THAT(rows(), ElementsAre("1", "2"));
}

TEST_F(CsvSourceTest, a_row_function_that_throws_stops_it_with_file_and_row_and_repeats_no_row) {
  write("n\n1\n2\n3\nx\n5\n");
  bool mended = false;
  CsvSource source(env_, log_, {.application_id = "app", .file = "/a.csv", .rows_per_transaction = 2},
                   [&](const CsvRow& row) -> Result<std::optional<ProducerRecord>> {
                     ProducerRecord record;
                     record.topic = "rows";
                     const std::string n(*row["n"]);
                     record.value = Bytes(std::to_string(mended && n == "x" ? 4 : std::stoi(n)));
                     return std::optional(std::move(record));
                   });
  EXPECT_EQ(run(source), "csv /a.csv: row 4: the row function threw: stoi");
  EXPECT_THAT(rows(), ElementsAre("1", "2"));
  mended = true;
  EXPECT_EQ(run(source), "");
  EXPECT_THAT(rows(), ElementsAre("1", "2", "3", "4", "5"));
}

TEST_F(CsvSourceTest, a_transaction_ends_after_so_many_bytes) {
  write("n\n11\n22\n33\n44\n55\n");
  CsvSource source(env_, log_, {.application_id = "app", .file = "/a.csv", .bytes_per_transaction = 5},
                   [](const CsvRow&) { return std::optional<ProducerRecord>(); });
  EXPECT_EQ(run(source), "");
  EXPECT_EQ(log_.state.topics.at("app-source-offsets").size(), 3u) << "of two rows, of two, of one";
  EXPECT_EQ(source.rows(), 5u);
}

TEST_F(CsvSourceTest, a_transaction_ends_long_before_it_times_out) {
  write("n\n1\n2\n3\n4\n5\n");
  CsvSource source(env_, log_, {.application_id = "app", .file = "/a.csv", .transaction_timeout = 4s},
                   [&](const CsvRow&) {
                     env_.advance(1s);
                     return std::optional<ProducerRecord>();
                   });
  EXPECT_EQ(run(source), "");
  EXPECT_EQ(log_.state.topics.at("app-source-offsets").size(), 3u) << "of two rows, of two, of one";
}

TEST_F(CsvSourceTest, a_file_replaced_between_runs_is_an_error_that_says_so) {
  write("n\n1\n2\n");
  EXPECT_EQ(run(*make()), "");
  write("n\n1\n3\n");
  EXPECT_THAT(run(*make()), HasSubstr("/a.csv: the file was replaced"));
  write("n\n1\n");
  EXPECT_THAT(run(*make()), HasSubstr("/a.csv: the file was truncated"));
  EXPECT_THAT(rows(), ElementsAre("1", "2"));
}

TEST_F(CsvSourceTest, a_second_instance_fences_the_first) {
  write("n\n1\n2\n3\n");
  auto first = make(), second = make();
  ASSERT_TRUE(first->start());
  ASSERT_TRUE(second->start());
  auto fenced = first->read();
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error().code(), ErrorCode::producer_fenced);
  EXPECT_TRUE(second->read().value());
}

TEST(CsvPosition, what_was_not_written_as_a_position_is_refused) {
  CsvPosition position{12, 3, 4, 5};
  EXPECT_EQ(decode_csv_position(encode_csv_position(position)).value(), position);
  for (const char* wrong : {"", "{}", "[]", "{\"byte_offset\":-1,\"row\":1,\"head_crc\":1,\"tail_crc\":1}"}) {
    EXPECT_FALSE(decode_csv_position(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace millrace
