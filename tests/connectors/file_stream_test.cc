#include "millrace/connectors/file_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "millrace/base/sim/sim_env.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string compressed(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string many_lines() {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "line " + std::to_string(i * 7919 % 100'003) + "\n";
  return text;
}

class FileStreamTest : public ::testing::Test {
 protected:
  std::unique_ptr<FileStream> open(const std::string& content) {
    EXPECT_TRUE((*env_.files().open("/f", OpenMode::replace))->append(content, "test"));
    auto opened = FileStream::open(env_.files(), "/f");
    EXPECT_TRUE(opened) << opened.error().text();
    return *std::move(opened);
  }
  // All that is left, read `piece` bytes at a time.
  static Result<std::string> rest(FileStream& stream, std::size_t piece) {
    std::string all, buffer(piece, '\0');
    for (;;) {
      MR_ASSIGN(std::size_t got, stream.read(buffer.data(), piece));
      if (got == 0) return all;
      EXPECT_LE(got, piece);
      all.append(buffer, 0, got);
    }
  }
  sim::SimEnv env_{1};
};

TEST_F(FileStreamTest, gives_the_content_plain_or_compressed_in_pieces_of_any_size) {
  const std::string text = many_lines();
  for (const std::string& content : {text, compressed(text)})
    for (std::size_t piece : {std::size_t{7}, std::size_t{4096}, text.size(), text.size() * 2}) {
      auto stream = open(content);
      EXPECT_EQ(*rest(*stream, piece), text) << piece;
    }
}

TEST_F(FileStreamTest, a_file_is_told_by_its_first_bytes_and_may_be_short_or_empty) {
  for (const std::string text : {"", "a", "abc", "\x28\xb5\x2f", "(zst"}) {
    auto stream = open(text);
    EXPECT_EQ(*rest(*stream, 10), text);
  }
  EXPECT_EQ(*rest(*open(compressed("")), 10), "");
}

TEST_F(FileStreamTest, frames_one_after_the_other_are_one_content) {
  auto stream = open(compressed("first ") + compressed("") + compressed("second"));
  EXPECT_EQ(*rest(*stream, 3), "first second");
}

TEST_F(FileStreamTest, skips_in_the_content_not_in_the_file) {
  const std::string text = many_lines();
  for (const std::string& content : {text, compressed(text)}) {
    auto stream = open(content);
    EXPECT_EQ(*stream->skip(300'001), 300'001u);
    EXPECT_EQ(*stream->skip(0), 0u);
    EXPECT_EQ(*rest(*stream, 1000), text.substr(300'001));
  }
}

TEST_F(FileStreamTest, skipping_past_the_end_says_how_much_there_was) {
  for (const std::string& content : {std::string("0123456789"), compressed("0123456789")}) {
    auto stream = open(content);
    EXPECT_EQ(*stream->skip(4), 4u);
    EXPECT_EQ(*stream->skip(100), 6u);
    EXPECT_EQ(*stream->skip(1), 0u);
    EXPECT_EQ(*rest(*stream, 10), "");
  }
}

TEST_F(FileStreamTest, the_end_stays_the_end) {
  auto stream = open(compressed("abc"));
  EXPECT_EQ(*rest(*stream, 10), "abc");
  char more[4];
  EXPECT_EQ(*stream->read(more, 4), 0u);
  EXPECT_EQ(*stream->read(more, 4), 0u);
}

TEST_F(FileStreamTest, a_compressed_file_that_ends_early_is_an_error) {
  const std::string whole = compressed(many_lines());
  for (std::size_t size : {std::size_t{4}, whole.size() / 2, whole.size() - 1}) {
    auto text = rest(*open(whole.substr(0, size)), 4096);
    ASSERT_FALSE(text) << size;
    EXPECT_EQ(text.error().code(), ErrorCode::corrupt_message);
    EXPECT_THAT(text.error().message(), AllOf(HasSubstr("/f"), HasSubstr("truncated")));
  }
}

TEST_F(FileStreamTest, a_compressed_file_that_is_damaged_is_an_error_with_its_position) {
  std::string content = compressed(many_lines());
  content[content.size() / 2] ^= 1;
  content[content.size() / 2 + 1] ^= 0x55;
  for (std::size_t i = 5; i < 12; ++i) content[i] ^= 0x77;  // and its header, so that no codec can pass over it
  auto text = rest(*open(content), 4096);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code(), ErrorCode::corrupt_message);
  EXPECT_THAT(text.error().message(), AllOf(HasSubstr("/f, before byte "), HasSubstr("zstd")));
}

TEST_F(FileStreamTest, a_file_that_is_not_there_is_an_error_with_its_path) {
  auto opened = FileStream::open(env_.files(), "/missing");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kafka_storage_error);
  EXPECT_THAT(opened.error().message(), HasSubstr("/missing"));
}

}  // namespace
}  // namespace millrace
