// Windowed keys against Kafka's bytes and partitions, and windows that cannot be.
#include "millrace/dsl/windows.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "millrace/base/murmur2.h"
#include "millrace/dsl/graph/graph.h"
#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

Json vectors(const char* file) {
  std::ifstream in(std::string(MILLRACE_SOURCE_DIR "/tests/conformance/vectors/") + file);
  return Json::parse(in);
}
std::int64_t whole_of(const Json& v) {
  return v.is_number() ? v.get<std::int64_t>() : std::stoll(v.get<std::string>());
}
std::string hex(const std::string& bytes) {
  std::string text;
  for (char c : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    text += {digits[static_cast<unsigned char>(c) >> 4], digits[c & 15]};
  }
  return text;
}

TEST(WindowedSerde, has_the_bytes_of_kafkas) {
  Json all = vectors("serdes.json");
  for (const Json& v : all["time_windowed"]) {
    WindowedSerde<std::string> serde{.size = Duration{whole_of(v["size"])}};
    AnySerde any = SerdeRef<Windowed<std::string>>(serde);
    Timestamp start{whole_of(v["start"])};
    Windowed<std::string> key{v["key"], {start, window_end(start, serde.size.value)}};
    Bytes out;
    ASSERT_TRUE(any.table->write(any.self, &key, out, {}));
    EXPECT_EQ(hex(out), v["hex"].get<std::string>());
    auto read = serde.read(out, {});
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, key);
  }
}

TEST(WindowedSerde, partitions_by_the_inner_key_alone) {
  Json all = vectors("partitioner.json");
  for (const Json& v : all["windowed"]) {
    if (v["session"]) continue;
    std::int64_t size = whole_of(v["end"]) - whole_of(v["start"]);
    WindowedSerde<std::string> serde{.size = Duration{size}};
    AnySerde any = SerdeRef<Windowed<std::string>>(serde);
    Windowed<std::string> key{v["key"], {{whole_of(v["start"])}, {whole_of(v["end"])}}};
    Bytes out;
    ASSERT_TRUE(any.table->write(any.self, &key, out, {}));
    out.resize(out.size() - any.table->suffix(any.self));
    for (std::size_t i = 0; i < all["counts"].size(); ++i) {
      EXPECT_EQ(partition_for_key(out, all["counts"][i]), v["partitions"][i]) << v.dump();
    }
  }
}

TEST(WindowedSerde, refuses_keys_that_are_too_short) {
  WindowedSerde<std::string> serde{.size = 1s};
  EXPECT_FALSE(serde.read("1234567", {}));
}

TEST(Windows, end_no_later_than_the_largest_time) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(window_end({10}, 5ms), (Timestamp{15}));
  EXPECT_EQ(window_end({most - 1}, 5ms), (Timestamp{most}));
}

std::string error_of(TimeWindows windows) {
  try {
    check_windows(windows);
    return "none";
  } catch (const TopologyError& e) {
    return e.what();
  }
}

TEST(Windows, that_cannot_be_are_refused_with_kafkas_words) {
  EXPECT_EQ(error_of({.size = 0ms, .grace = 0ms}), "Window size (sizeMs) must be larger than zero.");
  EXPECT_EQ(error_of({.size = 1ms, .grace = -1ms}), "Grace period must not be negative.");
  EXPECT_EQ(
      error_of({.size = 5ms, .advance = 6ms, .grace = 0ms}),
      "Window advancement interval should be more than zero and less than window duration which is 5 ms, but given "
      "advancement interval is: 6 ms");
  EXPECT_EQ(error_of({.size = 5ms, .advance = 5ms, .grace = 0ms}), "none");
}

}  // namespace
}  // namespace millrace
