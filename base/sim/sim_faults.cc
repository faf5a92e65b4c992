#include "millrace/base/sim/sim_faults.h"

namespace millrace::sim {

void SimFaults::clear() {
  orders_.clear();
  lies_.clear();
  lies_about_all_ = false;
  capacity_.reset();
}

bool SimFaults::is_lie(std::string_view site) {
  sync_sites_.emplace(site);
  return lies_about_all_ || lies_.contains(site);
}

SimFaults::Pass SimFaults::pass(std::string_view site) {
  ++operations_;
  auto found = passes_.find(site);
  if (found == passes_.end()) found = passes_.emplace(std::string(site), 0).first;
  ++found->second;
  Pass pass;
  std::erase_if(orders_, [&](Order& order) {
    if (!order.site.empty() && order.site != site) return false;
    if (--order.countdown > 0) return false;
    if (order.fate == Fate::fail) pass.fails = true;
    if (order.fate == Fate::delay) pass.delay += order.by;
    if (order.fate == Fate::kill_before) pass.kills_before = true;
    if (order.fate == Fate::kill_after) pass.kills_after = true;
    return true;
  });
  return pass;
}

}  // namespace millrace::sim
