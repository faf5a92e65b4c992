// ReleaseTest: a copy of what a release wrote, to open and to damage.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/formats/dump.h"
#include "tests/formats/fixed_env.h"
#include "tests/formats/golden_topology.h"

namespace millrace::formats {

// The directories under tests/formats/, oldest first.
inline std::vector<std::string> releases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(MILLRACE_SOURCE_DIR "/tests/formats"))
    if (std::filesystem::exists(entry.path() / "expected.txt")) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());  // good until there is a 0.10
  return names;
}

inline std::string content(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

inline void replace(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

class ReleaseTest : public ::testing::Test {
 protected:
  void SetUp() override { open(releases().back()); }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void open(const std::string& release) {
    if (!dir_.empty()) std::filesystem::remove_all(dir_);
    dir_ = std::filesystem::temp_directory_path() / ("millrace-formats-" + std::to_string(real_env().random().next()));
    std::filesystem::copy(MILLRACE_SOURCE_DIR "/tests/formats/" + release, dir_,
                          std::filesystem::copy_options::recursive);
  }
  std::string data() const { return dir_ / "data"; }
  std::string state() const { return dir_ / "state" / application_id; }
  std::string expected() const { return content(dir_ / "expected.txt"); }
  Result<std::string> read() { return dump(env_, data(), state()); }
  // Names the first line that differs.
  static void expect_same(const std::string& actual, const std::string& expected) {
    std::istringstream a(actual), e(expected);
    std::string line, wanted;
    for (int number = 1; std::getline(e, wanted); ++number) {
      ASSERT_TRUE(std::getline(a, line)) << "missing from line " << number << " on: " << wanted;
      ASSERT_EQ(line, wanted) << "line " << number;
    }
    ASSERT_FALSE(std::getline(a, line)) << "more than expected: " << line;
  }

  std::filesystem::path dir_;
  FixedEnv env_{written_at + 60s};
};

}  // namespace millrace::formats
