#include "millrace/statestore/use_order.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace millrace {
namespace {

// Entries in a cache, and what a search through all of them calls the oldest.
struct Cache {
  std::deque<Entry> entries;
  UseOrder order;
  std::int64_t tick = 0;
  int visits = 0;

  void use(std::size_t i) {
    entries[i].in_cache = true;
    entries[i].used = ++tick;
    order.used(&entries[i]);
  }
  Entry* oldest() {
    return order.oldest([&](auto visit) {
      ++visits;
      for (Entry& e : entries) visit(&e);
    });
  }
  Entry* searched() {
    Entry* found = nullptr;
    for (Entry& e : entries)
      if (e.in_cache && (!found || e.used < found->used)) found = &e;
    return found;
  }
};

TEST(UseOrder, gives_what_a_search_of_all_entries_gives_whatever_happens_between) {
  std::mt19937 random(7);
  Cache cache;
  cache.entries.resize(200);
  for (std::size_t i = 0; i < cache.entries.size(); ++i) cache.use(i);
  int evicted = 0;
  for (int step = 0; step < 50'000; ++step) {
    const unsigned uses = step % 10'000 < 5000 ? 2 : 40;  // times when little is evicted are among them
    for (unsigned n = random() % uses; n > 0; --n) cache.use(random() % cache.entries.size());
    if (random() % 100 == 0) cache.entries[random() % cache.entries.size()].in_cache = false;
    if (!cache.searched()) continue;
    Entry* oldest = cache.oldest();
    ASSERT_EQ(oldest, cache.searched()) << "at step " << step;
    oldest->in_cache = false;
    ++evicted;
  }
  EXPECT_GT(evicted, 30'000);
}

TEST(UseOrder, looks_at_all_entries_once_and_then_follows_their_use) {
  Cache cache;
  cache.entries.resize(1000);
  for (std::size_t i = 0; i < 500; ++i) cache.use(i);
  for (std::size_t i = 0; i < 100'000; ++i) {
    cache.oldest()->in_cache = false;
    cache.use((i + 500) % 1000);
  }
  EXPECT_EQ(cache.visits, 1);
}

TEST(UseOrder, remembers_a_few_uses_an_entry_at_most) {
  Cache cache;
  cache.entries.resize(100);
  for (std::size_t i = 0; i < 100; ++i) cache.use(i);
  cache.oldest()->in_cache = false;
  for (int i = 0; i < 1'000'000; ++i) cache.use(static_cast<std::size_t>(i) % 99);
  EXPECT_LT(cache.order.memory_bytes(), 100'000u);
}

}  // namespace
}  // namespace millrace
