// Numbers drawn from a seed.
#pragma once
#include <cstdint>

#include "millrace/base/env.h"

namespace millrace::sim {

// SplitMix64: any seed is as good as any other, and streams of different seeds don't overlap in practice. One thread.
// Source: Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (2014).
class SeededRandom : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // 0 to bound - 1. Precondition: bound > 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool chance(double probability) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability; }

 private:
  std::uint64_t state_;
};

}  // namespace millrace::sim
