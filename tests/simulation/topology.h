// What the simulated application does: a copy, an aggregate across a repartition topic, windows, joins with a table and
// a global table.
#pragma once
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
constexpr Topic<std::string, std::string> joined{"joined", {.partitions = 2}};
constexpr Topic<std::string, std::string> priced{"priced", {.partitions = 2}};

constexpr std::int64_t window_ms = 50;

struct Order {
  std::int64_t id = 0;
  std::string product;
  std::int64_t amount = 0;
};
Order parse_order(const std::string& value);

// The n-th update of a total from now on throws, and so do the `times` - 1 after it; 0: none.
void fail_at_update(int n, int times);

void sales(StreamsBuilder& builder);

}  // namespace millrace::test
