#include "millrace/base/radix_sort.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

namespace millrace {
namespace {

struct Item {
  std::int64_t key;
  std::size_t number;
  bool operator==(const Item&) const = default;
};

void expect_sorts(std::vector<Item> items, const std::string& what) {
  for (std::size_t i = 0; i < items.size(); ++i) items[i].number = i;
  std::vector<Item> expected = items;
  std::stable_sort(expected.begin(), expected.end(), [](const Item& a, const Item& b) { return a.key < b.key; });
  radix_sort(items, [](const Item& item) { return item.key; });
  EXPECT_TRUE(items == expected) << what;
}

std::vector<Item> drawn(std::size_t n, std::int64_t least, std::int64_t most) {
  std::mt19937_64 random(n);
  std::uniform_int_distribution<std::int64_t> key(least, most);
  std::vector<Item> items(n);
  for (Item& item : items) item.key = key(random);
  return items;
}

TEST(RadixSort, sorts_like_a_stable_sort_whatever_the_count_and_the_range) {
  constexpr auto lowest = std::numeric_limits<std::int64_t>::min(), highest = std::numeric_limits<std::int64_t>::max();
  for (std::size_t n : {0u, 1u, 2u, 511u, 512u, 513u, 5000u, 40000u}) {
    const std::string count = std::to_string(n) + " items";
    expect_sorts(drawn(n, 7, 7), count + " of one key");
    expect_sorts(drawn(n, 0, 100), count + " of few keys");
    expect_sorts(drawn(n, 1'000'000'000'000, 1'000'000'002'047), count + " of one digit far from zero");
    expect_sorts(drawn(n, -3000, 3000), count + " on both sides of zero");
    expect_sorts(drawn(n, lowest, highest), count + " of all keys there are");
  }
}

}  // namespace
}  // namespace millrace
