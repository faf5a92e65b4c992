#include "tests/simulation/topology.h"

#include <sstream>
#include <stdexcept>

namespace millrace::test {

Order parse_order(const std::string& value) {
  Order order;
  std::istringstream(value) >> order.id >> order.product >> order.amount;
  return order;
}

namespace {

int updates_until_failure = 0, failures_left = 0;

// "count sum"
std::string add(const std::string& value, const std::string& total) {
  if (updates_until_failure > 0) --updates_until_failure;
  if (updates_until_failure == 0 && failures_left > 0) {
    --failures_left;
    throw std::runtime_error("a bad day");
  }
  std::int64_t count = 0, sum = 0;
  std::istringstream(total) >> count >> sum;
  return std::to_string(count + 1) + " " + std::to_string(sum + parse_order(value).amount);
}

}  // namespace

void fail_at_update(int n, int times) {
  updates_until_failure = n;
  failures_left = n > 0 ? times : 0;
}

void sales(StreamsBuilder& builder) {
  auto all = builder.stream(orders);
  auto table = builder.table(
      customers,
      {.as = "customers-by-name", .changelog = {{"segment.bytes", "4096"}, {"min.cleanable.dirty.ratio", "0.1"}}});
  auto rates = builder.global_table(prices);

  all.map_values([](const std::string& value) { return value; }).to(copies);

  all.group_by([](const std::string& value) { return parse_order(value).product; })
      .aggregate(
          std::string("0 0"), add,
          {.as = "totals-by-product", .changelog = {{"segment.bytes", "4096"}, {"min.cleanable.dirty.ratio", "0.1"}}})
      .to_stream()
      .to(totals);

  all.group_by_key()
      .windowed_by(TimeWindows{.size = Duration(window_ms), .grace = 1h})
      .count({.as = "orders-by-window"})
      .to_stream()
      .map([](const Windowed<std::string>& w, std::int64_t n) {
        return KeyValue{w.key + "@" + std::to_string(w.window.start.ms), std::to_string(n)};
      })
      .to(windows);

  all.join(table, [](const std::string& order, const std::string& customer) { return order + " for " + customer; })
      .to(joined);

  all.left_join(
         rates, [](const std::string& value) { return parse_order(value).product; },
         [](const std::string& order, const std::string* price) { return order + " at " + (price ? *price : "?"); })
      .to(priced);
}

}  // namespace millrace::test
