// A program's own types may have the names that such programs have, in the global namespace beside a
// `using namespace millrace`, and gmock's beside them; and a caller's warnings stay its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/json.h"
#include "millrace/millrace.h"
#include "millrace/streams.h"
#include "millrace/test_driver.h"

using namespace millrace;
using namespace testing;
using namespace std::chrono_literals;

struct Order {
  std::string id, customer, currency;
  double amount = 0;
  static constexpr auto json =
      fields("id", &Order::id, "customer", &Order::customer, "currency", &Order::currency, "amount", &Order::amount);
};
struct Customer {
  std::string name;
  static constexpr auto json = fields("name", &Customer::name);
};
struct Invoice {
  std::string text;
  static constexpr auto json = fields("text", &Invoice::text);
};
constexpr Topic<std::string, Order> order_topic{"orders"};
constexpr Topic<std::string, Customer> customer_topic{"customers"};
constexpr Topic<std::string, double> rate_topic{"rates"};
constexpr Topic<std::string, Invoice> invoices{"invoices"};
constexpr Topic<std::string, std::int64_t> counts{"counts"};

void topology(StreamsBuilder& builder) {
  auto orders = builder.stream(order_topic);
  auto customers = builder.table(customer_topic);
  auto rates = builder.global_table(rate_topic);
  auto of_customer = orders
                         .join(
                             rates, [](const Order& o) { return o.currency; },
                             [](Order o, double rate) {
                               o.amount *= rate;
                               return o;
                             })
                         .select_key([](const Order& o) { return o.customer; });
  of_customer
      .left_join(customers,
                 [](const Order& o, const Customer* c) {
                   return Invoice{.text = (c ? c->name : "unknown customer") + ": " + o.id};
                 },
                 {.name = "invoice"})
      .to(invoices);
  of_customer.group_by_key()
      .windowed_by(TimeWindows{.size = 1h, .grace = 10min})
      .count({.as = "orders-by-hour"})
      .to_stream([](const Windowed<std::string>& w, const std::int64_t&) { return w.key; })
      .to(counts);
  of_customer.group_by_key().reduce([](const Order&, const Order& later) { return later; }, {.as = "last-order"});
}

TEST(Names, are_the_programs_own) {
  TopologyTestDriver driver(topology);
  driver.input(customer_topic).pipe("ann", Customer{"Ann"});
  using R = TestRecord<std::string, Invoice>;
  EXPECT_THAT(driver.output(invoices).read_all(), ElementsAre(Field(&R::timestamp, Timestamp{0})));
}
