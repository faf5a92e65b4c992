#include "millrace/connectors/simulated/network.h"

namespace millrace {

std::uint64_t Network::below(std::uint64_t bound) {
  std::lock_guard lock(mutex_);
  return random_.below(bound);
}

bool Network::draw(double probability, std::uint64_t SimulatedNetworkCounts::* counted) {
  std::lock_guard lock(mutex_);
  bool drawn = random_.chance(probability);
  if (drawn && counted) ++(counts_.*counted);
  return drawn;
}

void Network::lose_requests() {
  {
    std::lock_guard lock(mutex_);
    ++counts_.calls;
  }
  wait(delay());
  while (draw(settings_.lost_request, &SimulatedNetworkCounts::lost_requests)) wait(settings_.retry_backoff);
}

void Network::notify(const Job& job) {
  if (!draw(settings_.late_notification, &SimulatedNetworkCounts::late_notifications)) return job();
  std::int64_t now = env_.clock().monotonic_ns();
  int times = draw(settings_.repeated_notification, &SimulatedNetworkCounts::repeated_notifications) ? 2 : 1;
  for (int i = 0; i < times; ++i) executor_->post_at(now + delay().count() * 1'000'000, job);
}

SimulatedNetworkCounts Network::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace millrace
