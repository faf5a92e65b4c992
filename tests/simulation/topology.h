// What the simulated application does: a copy, an aggregate across a repartition topic, one that deletes its rows,
// windows that expire, a store without a changelog, joins with a table and a global table.
#pragma once
#include <optional>
#include <string>

#include "millrace/dsl/streams_builder.h"

namespace millrace::test {

// An order's value is "id product amount"; its key is the customer.
constexpr Topic<std::string, std::string> orders{"orders", {.partitions = 2}};
constexpr Topic<std::string, std::string> customers{"customers", {.partitions = 2}};
constexpr Topic<std::string, std::string> prices{"prices", {.partitions = 1}};
constexpr Topic<std::string, std::string> copies{"copies", {.partitions = 2}};
constexpr Topic<std::string, std::string> totals{"totals", {.partitions = 2}};
constexpr Topic<std::string, std::string> windows{"windows", {.partitions = 2}};
constexpr Topic<std::string, std::optional<std::string>> baskets{"baskets", {.partitions = 2}};
constexpr Topic<std::string, std::string> visits{"visits", {.partitions = 2}};
constexpr Topic<std::string, std::string> joined{"joined", {.partitions = 2}};
constexpr Topic<std::string, std::string> priced{"priced", {.partitions = 2}};

constexpr std::int64_t window_ms = 1000, window_grace_ms = 3000, window_retention_ms = 60'000;
constexpr std::int64_t window_segment_ms = 60'000;  // on disk, Kafka's least: rows go by the segment
constexpr std::int64_t checkout_below = 25;         // an order of less takes the customer's basket away

struct Order {
  std::int64_t id = 0;
  std::string product;
  std::int64_t amount = 0;
};
Order parse_order(const std::string& value);

// Parts that not every seed has: each costs a column family and a topic.
struct Shape {
  bool has_baskets = true;
  bool has_visits = true;      // the store without a changelog
  bool reuses_source = false;  // the table's source topic is its changelog
  std::string delete_retention_ms = "86400000";
};

// The n-th update of a total from now on throws, and so do the `times` - 1 after it; 0: none.
void fail_at_update(int n, int times);

void sales(StreamsBuilder& builder, const Shape& shape);

}  // namespace millrace::test
