#include "millrace/base/base64.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(TopicId, is_printed_as_kafka_prints_it) {
  EXPECT_EQ(text_of(TopicId{0, 1}), "AAAAAAAAAAAAAAAAAAAAAQ");
  EXPECT_EQ(text_of(TopicId{~0ull, ~0ull}), "_____________________w");
}

TEST(Base64, gives_the_examples_of_rfc_4648_both_ways) {
  const std::pair<const char*, const char*> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (auto [bytes, text] : examples) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text).value(), Bytes(bytes)) << text;
  }
}

TEST(Base64, brings_every_byte_back) {
  Bytes all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (std::size_t size = 0; size <= all.size(); ++size) {
    const Bytes part(all.substr(all.size() - size));
    ASSERT_EQ(from_base64(to_base64(part)).value(), part) << size;
  }
  EXPECT_EQ(to_base64("\xfb\xef\xff"), "++//");
}

TEST(Base64, url_safe_text_has_other_digits_and_no_padding) {
  EXPECT_EQ(to_base64_url("\xfb\xef\xff"), "--__");
  EXPECT_EQ(to_base64_url("f"), "Zg");
  EXPECT_EQ(to_base64_url("fo"), "Zm8");
}

TEST(Base64, refuses_what_is_not_base64) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zg==Zg==", "Zm9v=", "Zm9*", "Zm9-", "Zm 9v", "=Zm9"}) {
    auto bytes = from_base64(text);
    ASSERT_FALSE(bytes) << text;
    EXPECT_EQ(bytes.error().code(), ErrorCode::invalid_record);
  }
}

}  // namespace
}  // namespace millrace
