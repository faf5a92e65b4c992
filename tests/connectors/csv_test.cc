#include "millrace/connectors/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "millrace/base/sim/sim_env.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string compressed(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

class Csv : public ::testing::TestWithParam<bool> {
 protected:
  void write(const std::string& text) {
    auto file = env_.files().open("/a.csv", OpenMode::replace);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->append(GetParam() ? compressed(text) : text, "test"));
  }
  Result<std::unique_ptr<CsvReader>> open(CsvOptions options = {}) {
    return CsvReader::open(env_.files(), "/a.csv", options);
  }
  // All rows, fields joined by '|', null as "-"; then the error, if any.
  std::vector<std::string> rows(CsvReader& reader) {
    std::vector<std::string> all;
    CsvRow row;
    while (true) {
      auto found = reader.next(row);
      if (!found) all.push_back("error: " + found.error().message());
      if (!found || !*found) return all;
      std::string text;
      for (const std::string& column : row.columns())
        text += (text.empty() ? "" : "|") + std::string(row[column].value_or("-"));
      all.push_back(text);
    }
  }
  std::vector<std::string> rows_of(const std::string& text, CsvOptions options = {}) {
    write(text);
    auto reader = open(options);
    if (!reader) return {"error: " + reader.error().message()};
    return rows(**reader);
  }
  // Reads `count` rows of `text` and returns the position behind them.
  CsvPosition after(const std::string& text, int count) {
    write(text);
    auto reader = open();
    EXPECT_TRUE(reader);
    CsvRow row;
    for (int i = 0; i < count; ++i) EXPECT_TRUE((*reader)->next(row).value());
    return (*reader)->position();
  }
  sim::SimEnv env_{1};
};
INSTANTIATE_TEST_SUITE_P(Files, Csv, ::testing::Bool(), [](const auto& info) { return info.param ? "zstd" : "plain"; });

TEST_P(Csv, rows_are_read_by_the_names_in_the_header) {
  write("id,name,share\n1,Ann,0.5\n2,NA,\n");
  auto reader = open();
  ASSERT_TRUE(reader) << reader.error().text();
  CsvRow row;
  ASSERT_TRUE((*reader)->next(row).value());
  EXPECT_EQ(row["name"], "Ann");
  EXPECT_EQ(row.integer("id"), 1);
  EXPECT_EQ(row.number("share"), 0.5);
  ASSERT_TRUE((*reader)->next(row).value());
  EXPECT_EQ(row["name"], std::nullopt);
  EXPECT_EQ(row["share"], "");
  EXPECT_EQ(row.number("share"), std::nullopt);
  EXPECT_EQ(row.number_in_file(), 2u);
  EXPECT_EQ(row.error(), nullptr);
  EXPECT_FALSE((*reader)->next(row).value());
}

TEST_P(Csv, quotes_hold_separators_line_ends_and_quotes) {
  EXPECT_THAT(rows_of("a,b\n\"x,y\",\"two\nlines\"\n\"say \"\"hi\"\"\",\"\"\n"),
              ElementsAre("x,y|two\nlines", "say \"hi\"|"));
}

TEST_P(Csv, a_quoted_null_text_is_text) { EXPECT_THAT(rows_of("a,b\nNA,\"NA\"\n"), ElementsAre("-|NA")); }

TEST_P(Csv, line_ends_byte_order_mark_and_blank_lines_do_not_matter) {
  EXPECT_THAT(rows_of("\xef\xbb\xbf"
                      "a,b\r\n1,2\r\n\r\n3,4"),
              ElementsAre("1|2", "3|4"));
}

TEST_P(Csv, separator_and_null_can_be_chosen) {
  EXPECT_THAT(rows_of("a;b\n1,0;\\N\n", {.separator = ';', .null = "\\N"}), ElementsAre("1,0|-"));
}

TEST_P(Csv, a_ragged_row_is_an_error_with_file_and_row) {
  EXPECT_THAT(rows_of("a,b\n1,2\n3\n"), ElementsAre("1|2", "error: /a.csv: row 2 has 1 fields, the header has 2"));
}

TEST_P(Csv, broken_quotes_are_errors_with_file_and_row) {
  EXPECT_THAT(rows_of("a,b\n\"1,2\n"), ElementsAre("error: /a.csv: row 1: a quote is not closed"));
  EXPECT_THAT(rows_of("a,b\n\"1\"x,2\n"), ElementsAre("error: /a.csv: row 1: text after a closing quote"));
}

TEST_P(Csv, a_quote_within_an_unquoted_field_is_text) {
  EXPECT_THAT(rows_of("size,n\n5\" pipe,1\n6\" pipe,\"2\"\n\"\"\"7\"\"\",\" \"\n"),
              ElementsAre("5\" pipe|1", "6\" pipe|2", "\"7\"| "));
  EXPECT_THAT(rows_of("size\n\"5\"x\nother\n"), ElementsAre("error: /a.csv: row 1: text after a closing quote"));
}

TEST_P(Csv, a_row_is_found_wherever_reading_it_pauses) {
  for (std::size_t size = (1 << 18) - 30; size <= (1 << 18); ++size) {
    const std::string x(size, 'x');
    ASSERT_THAT(rows_of("a,b\n\"" + x + "\"\"\n,\",\"y\ny\"\r\nz\"z,\"\"\r\n"), ElementsAre(x + "\"\n,|y\ny", "z\"z|"))
        << size;
  }
}

TEST_P(Csv, a_row_that_does_not_end_is_an_error_with_file_and_row) {
  const std::string line = std::string(99, 'x') + "\n";
  std::string lines;
  while (lines.size() <= CsvReader::row_bytes_max) lines += line;
  EXPECT_THAT(rows_of("a,b\n1,2\n3,\"" + lines), ElementsAre("1|2",
                                                             "error: /a.csv: row 2 is longer than 16777216 "
                                                             "bytes: perhaps a quote is not closed"));
  EXPECT_THAT(rows_of("\"a,b\n" + lines),
              ElementsAre("error: /a.csv: the header is longer than 16777216 bytes: perhaps a quote is not closed"));
}

TEST_P(Csv, an_empty_file_and_a_column_named_twice_are_errors) {
  EXPECT_THAT(rows_of(""), ElementsAre("error: /a.csv: the file is empty: it has no header line"));
  EXPECT_THAT(rows_of("a,a\n"), ElementsAre("error: /a.csv: two columns are named a"));
}

TEST_P(Csv, a_getter_that_stumbles_marks_the_row) {
  write("month,n\n1,x\n");
  auto reader = open();
  CsvRow row;
  ASSERT_TRUE((*reader)->next(row).value());
  EXPECT_EQ(row["mnoth"], std::nullopt);
  ASSERT_TRUE(row.error());
  EXPECT_EQ(row.error()->message(), "there is no column mnoth; did you mean month?");
  auto again = open();
  ASSERT_TRUE((*again)->next(row).value());
  EXPECT_EQ(row.integer("n"), std::nullopt);
  EXPECT_EQ(row.error()->message(), "column n: x is not an integer");
}

std::string many_rows(int count) {
  std::string text = "id,text\n";
  for (int i = 0; i < count; ++i) text += std::to_string(i) + ",\"row, number " + std::to_string(i * 7919) + "\"\n";
  return text;
}

TEST_P(Csv, reading_goes_on_at_any_row_after_a_restart) {
  std::string text = many_rows(40'000);  // more than one buffer
  write(text);
  auto whole = rows(**open());
  ASSERT_EQ(whole.size(), 40'000u);
  for (int at : {0, 1, 100, 20'000, 39'999, 40'000}) {
    CsvPosition position = after(text, at);
    auto reader = open();
    auto resumed = (*reader)->resume(position);
    ASSERT_TRUE(resumed) << resumed.error().text();
    EXPECT_EQ((*reader)->position(), position);
    EXPECT_EQ(rows(**reader), std::vector<std::string>(whole.begin() + at, whole.end())) << at;
  }
}

TEST_P(Csv, a_file_that_grew_is_read_on) {
  CsvPosition position = after("a\n1\n2\n", 2);
  write("a\n1\n2\n3\n");
  auto reader = open();
  ASSERT_TRUE((*reader)->resume(position));
  EXPECT_THAT(rows(**reader), ElementsAre("3"));
}

TEST_P(Csv, a_truncated_file_is_an_error_that_says_so) {
  std::string text = many_rows(30'000);
  CsvPosition position = after(text, 30'000);
  write(many_rows(20'000));
  auto resumed = (*open())->resume(position);
  ASSERT_FALSE(resumed);
  EXPECT_THAT(resumed.error().message(), HasSubstr("/a.csv: the file was truncated: it was read up to byte " +
                                                   std::to_string(text.size()) + " before"));
}

TEST_P(Csv, a_replaced_file_is_an_error_that_says_so) {
  CsvPosition position = after(many_rows(30'000), 30'000);
  std::string other = many_rows(31'000);
  other[10] = 'x';
  write(other);
  auto head_differs = (*open())->resume(position);
  ASSERT_FALSE(head_differs);
  EXPECT_THAT(head_differs.error().message(), HasSubstr("/a.csv: the file was replaced"));
  other = many_rows(31'000);
  other[position.byte_offset - 3] = 'x';
  write(other);
  EXPECT_FALSE((*open())->resume(position)) << "the text before the position differs";
}

TEST_P(Csv, a_last_line_that_was_continued_is_an_error) {
  CsvPosition position = after("a\n12", 1);
  write("a\n123\n");
  auto resumed = (*open())->resume(position);
  ASSERT_FALSE(resumed);
  EXPECT_THAT(resumed.error().message(), HasSubstr("row 1 was the last one and is longer now"));
  write("a\n12\n3\n");
  auto reader = open();
  ASSERT_TRUE((*reader)->resume(position));
  EXPECT_THAT(rows(**reader), ElementsAre("3"));
}

}  // namespace
}  // namespace millrace
