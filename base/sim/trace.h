// What happened in a simulation, call by call, so that two runs of a seed can be compared.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::sim {

// FNV-1a, 64 bits: the same everywhere, unlike std::hash.
constexpr std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = 0xcbf29ce484222325u) {
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

// One thread.
class Trace {
 public:
  explicit Trace(bool keeps_text) : keeps_text_(keeps_text) {}
  void add(std::string_view line) {
    hash_ = fnv1a("\n", fnv1a(line, hash_));
    ++count_;
    if (keeps_text_) lines_.emplace_back(line);
  }
  // Of all lines so far.
  std::uint64_t hash() const { return hash_; }
  std::uint64_t count() const { return count_; }
  // Empty unless text is kept.
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  bool keeps_text_;
  std::uint64_t hash_ = fnv1a("");
  std::uint64_t count_ = 0;
  std::vector<std::string> lines_;
};

}  // namespace millrace::sim
