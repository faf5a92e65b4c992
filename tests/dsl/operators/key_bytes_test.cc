#include "millrace/dsl/operators/key_bytes.h"

#include <gtest/gtest.h>

#include "millrace/dsl/serdes/primitives.h"
#include "millrace/statestore/serialization_error.h"

namespace millrace {
namespace {

TEST(KeyBytes, views_a_string_and_copies_nothing) {
  KeyBytes keys(SerdeRef<std::string>(the_serde<std::string>), "t");
  std::string key = "a key";
  EXPECT_EQ(keys.of(&key).data(), key.data());
}

TEST(KeyBytes, writes_other_keys_into_one_scratch) {
  KeyBytes keys(SerdeRef<std::int32_t>(the_serde<std::int32_t>), "t");
  std::int32_t a = 1, b = -1;
  EXPECT_EQ(keys.of(&a), BytesView("\0\0\0\1", 4));
  EXPECT_EQ(keys.of(&b), "\xff\xff\xff\xff");
}

struct Refuses {
  static Result<> write(int, Bytes&, const SerdeContext& c) {
    return Error(std::string(c.topic) + (c.is_key ? " key" : " value"));
  }
  static Result<int> read(BytesView) { return 0; }
};
constexpr Refuses refuses{};

TEST(KeyBytes, throws_what_the_serde_says) {
  KeyBytes keys(SerdeRef<int>(refuses), "t");
  int key = 0;
  try {
    keys.of(&key);
    FAIL();
  } catch (const SerializationError& e) {
    EXPECT_STREQ(e.what(), "a key of t could not be serialised: t key");
  }
}

}  // namespace
}  // namespace millrace
