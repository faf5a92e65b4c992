#include "millrace/base/murmur2.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "millrace/base/crc32c.h"

namespace millrace {
namespace {

TEST(Murmur2, hashes_and_partitions_as_kafka_does) {
  std::ifstream in(MILLRACE_SOURCE_DIR "/tests/conformance/vectors/partitioner.json");
  auto all = nlohmann::json::parse(in);
  for (const auto& v : all["vectors"]) {
    std::string hex = v["key_hex"], key;
    for (std::size_t i = 0; i < hex.size(); i += 2)
      key.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    EXPECT_EQ(murmur2(key), v["murmur2"]) << hex;
    for (std::size_t i = 0; i < all["counts"].size(); ++i) {
      EXPECT_EQ(partition_for_key(key, all["counts"][i]), v["partitions"][i]) << hex;
    }
  }
}

TEST(Crc32c, has_the_check_value_of_the_standard) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

}  // namespace
}  // namespace millrace
