// What goes wrong in a simulation, on order: at the n-th pass of a site, or at the n-th operation of all.
//
// Sites are the strings that durable operations carry. Those that carry none pass the sites "open", "read" and "list".
// Every order counts from the moment it is given.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/env.h"

namespace millrace::sim {

enum class Side { before, after };

// One thread.
class SimFaults {
 public:
  // The pass fails with KAFKA_STORAGE_ERROR, without effect (a failed append leaves a torn tail, a failed sync loses
  // the pages).
  void fail(std::string_view site, std::uint64_t nth_pass = 1) { order({std::string(site), nth_pass, Fate::fail}); }
  void fail_operation(std::uint64_t nth) { order({"", nth, Fate::fail}); }
  // The pass takes this long: virtual time goes on by it.
  void delay(std::string_view site, Duration by, std::uint64_t nth_pass = 1) {
    order({std::string(site), nth_pass, Fate::delay, by});
  }
  void delay_operation(std::uint64_t nth, Duration by) { order({"", nth, Fate::delay, by}); }
  // The node dies there: this and all further operations fail and change nothing, no job runs any more.
  void kill(std::string_view site, Side side, std::uint64_t nth_pass = 1) {
    order({std::string(site), nth_pass, side == Side::before ? Fate::kill_before : Fate::kill_after});
  }
  void kill_operation(std::uint64_t nth, Side side) {
    order({"", nth, side == Side::before ? Fate::kill_before : Fate::kill_after});
  }
  // From now on syncs at `site` (of files, directories, filesystems) report success and do nothing. To show that each
  // sync is needed: a test that passes with one taken out doesn't test it.
  void lie_about(std::string_view site) { lies_.emplace(site); }
  void lie_about_all() { lies_about_all_ = true; }
  // No more bytes than this in files altogether; nothing: no limit.
  void set_capacity(std::optional<std::uint64_t> bytes) { capacity_ = bytes; }
  std::optional<std::uint64_t> capacity() const { return capacity_; }
  // Takes back all orders and lies; counts go on.
  void clear();
  // How often each site was passed: what there is to kill at.
  const std::map<std::string, std::uint64_t, std::less<>>& passes() const { return passes_; }
  // Those of them where something is made durable: what there is to lie about.
  const std::set<std::string, std::less<>>& sync_sites() const { return sync_sites_; }
  std::uint64_t operations() const { return operations_; }

  // One pass, as the simulated files make it.
  struct Pass {
    bool fails = false;
    bool kills_before = false;
    bool kills_after = false;
    Duration delay{0};
  };
  Pass pass(std::string_view site);
  // The pass under way is a sync; whether it is to be a lie.
  bool is_lie(std::string_view site);

 private:
  enum class Fate { fail, delay, kill_before, kill_after };
  struct Order {
    std::string site;         // empty: any
    std::uint64_t countdown;  // it happens when this reaches zero
    Fate fate;
    Duration by{0};
  };
  void order(Order order) { orders_.push_back(std::move(order)); }

  std::vector<Order> orders_;
  std::set<std::string, std::less<>> lies_;
  bool lies_about_all_ = false;
  std::optional<std::uint64_t> capacity_;
  std::map<std::string, std::uint64_t, std::less<>> passes_;
  std::set<std::string, std::less<>> sync_sites_;
  std::uint64_t operations_ = 0;
};

}  // namespace millrace::sim
