// Feed: what comes into the simulated application: orders, late ones among them, and updates and deletions of its
// tables; acknowledged or not, in transactions or not, which are aborted or not.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "millrace/base/sim/seeded_random.h"
#include "millrace/connectors/log_client.h"

namespace millrace::test {

using Versions = std::map<std::string, std::vector<std::optional<std::string>>>;  // of each key of a table

// What whoever feeds knows by himself.
struct Fed {
  struct Order {
    std::string customer, value;
    std::int64_t time_ms = 0;
  };
  std::map<std::int64_t, Order> orders;          // all that were sent, by id, whatever became of them
  std::set<std::int64_t> acknowledged, aborted;  // ids of orders that must be there, and that must not
  Versions customers, prices;                    // whatever became of them
  std::int64_t first_of_last = 0;                // the orders from here on came after all of the tables' updates
};

// One thread.
class Feed {
 public:
  explicit Feed(sim::SeededRandom& draw) : draw_(draw) {}
  // `log` outlives what is made here, until close().
  Result<> open(LogClient& log);
  // What is not acknowledged may be there or not.
  void close();
  // A row for every customer and most products, once.
  Result<> fill_tables();
  // A few orders, and now and then updates of the tables: each acknowledged by itself, or all in one transaction.
  Result<> feed();
  // The tables' last words (`all`: of every key) and then an order of each customer, all acknowledged.
  Result<> feed_last(bool all);
  const Fed& fed() const { return fed_; }

 private:
  Result<> send(Producer& producer, const char* topic, const std::string& key, std::optional<std::string> value,
                std::int64_t time_ms);
  Result<> send_order(Producer& producer, const std::string& customer, const std::string& product,
                      std::int64_t time_ms);
  Result<> send_customer(Producer& producer, const std::string& key, bool deletes, std::int64_t time_ms);
  Result<> send_price(Producer& producer, const std::string& key, bool deletes, std::int64_t time_ms);
  std::int64_t draw_time();

  sim::SeededRandom& draw_;
  Fed fed_;
  std::int64_t time_ms_ = 1'700'000'000'000 - 6 * 3'600'000;  // behind the clock, which may run ahead by hours
  std::int64_t last_id_ = 0, last_version_ = 0;
  bool is_filled_ = false;
  std::vector<std::int64_t> sent_;  // in this call
  std::set<std::int64_t> unacknowledged_;
  std::unique_ptr<Producer> plain_, careful_;
};

}  // namespace millrace::test
