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

// " id id id" of the orders since the last checkout.
std::optional<std::string> put_in(const std::string& value, const std::optional<std::string>& basket) {
  const Order order = parse_order(value);
  if (order.amount < checkout_below) return std::nullopt;
  return basket.value_or("") + " " + std::to_string(order.id);
}

// Compacted as soon as there is something to compact.
TopicConfig small_changelog(const Shape& shape, std::string_view segment_bytes) {
  return {{"segment.bytes", segment_bytes},
          {"min.cleanable.dirty.ratio", "0.1"},
          {"delete.retention.ms", shape.delete_retention_ms}};
}

}  // namespace

void fail_at_update(int n, int times) {
  updates_until_failure = n;
  failures_left = n > 0 ? times : 0;
}

void sales(StreamsBuilder& builder, const Shape& shape) {
  auto all = builder.stream(orders);
  auto table = builder.table(customers, {.as = "customers-by-name", .changelog = small_changelog(shape, "1024")});
  auto rates = builder.global_table(prices);

  all.map_values([](const std::string& value) { return value; }).to(copies);

  all.group_by([](const std::string& value) { return parse_order(value).product; })
      .aggregate(std::string("0 0"), add, {.as = "totals-by-product", .changelog = small_changelog(shape, "4096")})
      .to_stream()
      .to(totals);

  all.group_by_key()
      .windowed_by(TimeWindows{.size = Duration(window_ms), .grace = Duration(window_grace_ms)})
      .count({.as = "orders-by-window",
              .retention = Duration(window_retention_ms),
              .changelog = small_changelog(shape, "4096")})
      .to_stream()
      .map([](const Windowed<std::string>& w, std::int64_t n) {
        return KeyValue{w.key + "@" + std::to_string(w.window.start.ms), std::to_string(n)};
      })
      .to(windows);

  if (shape.has_baskets)
    all.group_by_key()
        .aggregate(std::optional<std::string>{}, put_in,
                   {.as = "baskets-by-customer", .changelog = small_changelog(shape, "4096")})
        .to_stream()
        .to(baskets);

  if (shape.has_visits)
    all.group_by_key()
        .count({.as = "visits-by-customer", .logging = false})
        .to_stream()
        .map_values([](std::int64_t n) { return std::to_string(n); })
        .to(visits);

  all.join(table, [](const std::string& order, const std::string& customer) { return order + " for " + customer; })
      .to(joined);

  all.left_join(
         rates, [](const std::string& value) { return parse_order(value).product; },
         [](const std::string& order, const std::string* price) { return order + " at " + (price ? *price : "?"); })
      .to(priced);
}

}  // namespace millrace::test
