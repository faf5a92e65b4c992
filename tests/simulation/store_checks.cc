#include <algorithm>
#include <sstream>

#include "tests/simulation/evidence.h"

namespace millrace::test {

namespace {

class Stores {
 public:
  explicit Stores(Evidence& evidence) : e_(evidence) {}
  void run() {
    check_customers();
    check_totals();
    if (e_.input.shape.has_baskets) check_baskets();
  }

 private:
  void check_customers() {
    const auto rows = e_.rows_of("customers-by-name", as_is);
    std::set<std::string> logged;
    for (auto& partition : e_.read(e_.changelog_of("customers-by-name")))
      for (auto& r : partition) logged.insert(*r.key);
    for (const auto& [key, last] : e_.last_customers) {
      auto row = rows.find(key);
      if (row == rows.end() ? last.has_value() : last != row->second)
        e_.problem("customers-by-name holds " + (row == rows.end() ? "nothing" : row->second) + " for " + key +
                   " instead of " + text_of(last));
      if (!last) e_.met("a deleted row of the table is gone", 1);
      if (!last && !logged.contains(key)) e_.met("a tombstone was compacted away", 1);
    }
    for (const auto& [key, row] : rows)
      if (!e_.last_customers.contains(key)) e_.problem("customers-by-name has a row for " + key);
    e_.check_changelog("customers-by-name");
  }

  struct Sum {
    std::int64_t count = 0, sum = 0;
  };
  // Records of both partitions meet in any order: all but the last update are checked by their counts.
  void check_totals() {
    std::map<std::string, Sum> sums;
    for (auto& partition : e_.orders)
      for (auto& r : partition) {
        const Order order = parse_order(*r.value);
        ++sums[order.product].count;
        sums[order.product].sum += order.amount;
      }
    auto updates = e_.updates_of("totals");
    for (auto& [key, s] : sums) {
      std::vector<State> counts;
      Sum last;
      for (const State& update : updates[key]) {
        std::istringstream(update.value_or("")) >> last.count >> last.sum;
        counts.push_back(std::to_string(last.count));
      }
      if (e_.is_exact) {
        e_.check_explained("totals", key, counts, std::vector<Step>(static_cast<std::size_t>(s.count)), next_count);
        if (last.sum != s.sum)
          e_.problem("totals: " + key + " ends at " + std::to_string(last.sum) + " instead of " +
                     std::to_string(s.sum));
      } else if (last.count < s.count || last.sum < s.sum) {
        e_.problem("totals: " + key + " ends at " + std::to_string(last.count) + " orders of " +
                   std::to_string(last.sum) + ", there are " + std::to_string(s.count) + " of " +
                   std::to_string(s.sum));
      }
    }
    if (e_.is_exact && updates.size() > sums.size()) e_.problem("totals has keys that no order has");
    e_.check_last("totals", "totals-by-product", as_is, updates);
    e_.check_changelog("totals-by-product");
  }

  void check_baskets() {
    auto updates = e_.updates_of("baskets");
    const auto rows = e_.rows_of("baskets-by-customer", as_is);
    std::map<std::string, std::vector<Order>> of_customer;
    for (auto& partition : e_.orders)
      for (auto& r : partition) of_customer[*r.key].push_back(parse_order(*r.value));
    for (const auto& [key, all] : of_customer) {
      const auto next = [&all](const State& before, const Step& step) -> State {
        const Order& order = all[step.record];
        if (order.amount < checkout_below) return std::nullopt;
        return before.value_or("") + " " + std::to_string(order.id);
      };
      std::vector<Step> steps;
      for (std::size_t i = 0; i < all.size(); ++i) steps.push_back({i, false, false, false});
      const std::vector<State>& seen = updates[key];
      if (std::count(seen.begin(), seen.end(), State())) e_.met("an aggregate was deleted", 1);
      if (e_.is_exact) {
        e_.check_explained("baskets", key, seen, steps, next);
      } else {
        check_basket(key, all, rows.contains(key) ? State(rows.at(key)) : State());
      }
    }
    std::erase_if(updates, [](const auto& item) { return item.second.empty(); });  // asked for above
    e_.check_last("baskets", "baskets-by-customer", as_is, updates);
    e_.check_changelog("baskets-by-customer");
  }

  // At least once: all since the last checkout, and none of before it.
  void check_basket(const std::string& key, const std::vector<Order>& all, const State& last) {
    std::set<std::int64_t> wanted, got;
    for (const Order& order : all) {
      if (order.amount < checkout_below)
        wanted.clear();
      else
        wanted.insert(order.id);
    }
    std::istringstream ids(last.value_or(""));
    for (std::int64_t id = 0; ids >> id;)
      if (!e_.phantoms.contains(id)) got.insert(id);
    // An order that was lost after it was read may have taken the basket with it.
    for (const std::int64_t id : e_.phantoms) {
      const auto& order = e_.input.fed.orders.at(id);
      if (order.customer == key && parse_order(order.value).amount < checkout_below) return;
    }
    if (got != wanted)
      e_.problem("baskets: " + key + " ends at " + text_of(last) + ", which are not the " +
                 std::to_string(wanted.size()) + " orders since the last checkout");
  }

  Evidence& e_;
};

}  // namespace

void check_stores(Evidence& evidence) { Stores(evidence).run(); }

}  // namespace millrace::test
