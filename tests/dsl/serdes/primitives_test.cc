// The bytes of serdes against Kafka's own (tests/conformance/vectors/serdes.json).
#include "millrace/dsl/serdes/primitives.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

namespace millrace {
namespace {

using Json = nlohmann::json;

Json vectors() {
  std::ifstream in(MILLRACE_SOURCE_DIR "/tests/conformance/vectors/serdes.json");
  return Json::parse(in);
}
std::string bytes_of(const Json& v) {
  std::string hex = v.at("hex"), bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}
// Numbers that JSON readers may round are strings; Java's names for what JSON lacks.
double real_of(const Json& v) {
  if (v.is_number()) return v.get<double>();
  std::string text = v;
  if (text == "NaN") return std::nan("");
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::strtod(text.c_str(), nullptr);
}
std::int64_t whole_of(const Json& v) {
  return v.is_number() ? v.get<std::int64_t>() : std::stoll(v.get<std::string>());
}

// What a table may be asked: write, both ways to read, sizes.
template <class T>
void check(const T& value, const std::string& bytes) {
  const SerdeTable& table = serde_table<Serde<T>, T>;
  Bytes out;
  ASSERT_TRUE(table.write(&the_serde<T>, &value, out, {}));
  EXPECT_EQ(out, bytes);
  EXPECT_EQ(*table.serialized_size(&the_serde<T>, &value), bytes.size());
  if (auto view = table.view) {
    EXPECT_EQ(view(&value), bytes);
  }
  EXPECT_EQ(table.suffix(&the_serde<T>), 0u);
  AnyValue any(table.type);
  for (int i = 0; i < 2; ++i) {  // constructs, then assigns
    ASSERT_TRUE(any.read({&table, &the_serde<T>}, bytes, {}));
    Bytes again;
    ASSERT_TRUE(table.write(&the_serde<T>, any.get(), again, {}));
    EXPECT_EQ(again, bytes);
  }
}

TEST(Primitives, have_the_bytes_of_kafkas_serdes) {
  Json all = vectors();
  for (const Json& v : all["string"]) check<std::string>(v["value"], bytes_of(v));
  for (const Json& v : all["long"]) check<std::int64_t>(whole_of(v["value"]), bytes_of(v));
  for (const Json& v : all["int"]) check<std::int32_t>(static_cast<std::int32_t>(whole_of(v["value"])), bytes_of(v));
  for (const Json& v : all["short"]) check<std::int16_t>(static_cast<std::int16_t>(whole_of(v["value"])), bytes_of(v));
  for (const Json& v : all["double"]) check<double>(real_of(v["value"]), bytes_of(v));
  for (const Json& v : all["float"]) check<float>(static_cast<float>(real_of(v["value"])), bytes_of(v));
  for (const Json& v : all["boolean"]) check<bool>(v["value"], bytes_of(v));
  for (const Json& v : all["bytes"]) check<Bytes>(Bytes(bytes_of(v)), bytes_of(v));
}

template <class T>
std::string error_of(BytesView in) {
  auto result = Serde<T>::read(in);
  return result ? "none" : result.error().message();
}

TEST(Primitives, refuse_other_sizes_with_kafkas_words) {
  EXPECT_EQ(error_of<std::int64_t>("1234567"), "Size of data received by LongDeserializer is not 8");
  EXPECT_EQ(error_of<std::int32_t>("12345"), "Size of data received by IntegerDeserializer is not 4");
  EXPECT_EQ(error_of<std::int16_t>(""), "Size of data received by ShortDeserializer is not 2");
  EXPECT_EQ(error_of<double>("1234"), "Size of data received by Deserializer is not 8");
  EXPECT_EQ(error_of<bool>("12"), "Size of data received by BooleanDeserializer is not 1");
  EXPECT_EQ(error_of<bool>("\x02"), "Unexpected byte received by BooleanDeserializer: 2");
}

TEST(Primitives, leave_nothing_behind_after_a_failed_read) {
  const SerdeTable& table = serde_table<Serde<std::int64_t>, std::int64_t>;
  AnyValue any(table.type);
  EXPECT_FALSE(any.read({&table, &the_serde<std::int64_t>}, "123", {}));
  EXPECT_EQ(any.get(), nullptr);
}

}  // namespace
}  // namespace millrace
