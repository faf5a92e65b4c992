// The draws of the simulated network. Not for use outside connectors/simulated.
#pragma once
#include <memory>
#include <mutex>
#include <utility>

#include "millrace/base/env.h"
#include "millrace/base/sim/seeded_random.h"
#include "millrace/connectors/simulated/simulated_client.h"

namespace millrace {

// Threads: any.
class Network {
 public:
  Network(Env& env, SimulatedNetwork settings)
      : env_(env),
        settings_(std::move(settings)),
        random_(settings_.seed),
        executor_(env.make_executor(1, "network")) {}

  // Makes the call `request` over the network. Precondition: doing it twice is as doing it once, errors apart.
  template <class Call>
  auto idempotent(Call request) {
    lose_requests();
    auto answer = request();
    while (draw(settings_.lost_answer, &SimulatedNetworkCounts::lost_answers)) {
      wait(settings_.retry_backoff);
      auto again = request();
      if (again) answer = std::move(again);  // else it fails because the first one has worked
    }
    wait(delay());
    return answer;
  }
  // A call that the protocol answers from memory when it is repeated: it happens once.
  template <class Call>
  auto once(Call request) {
    lose_requests();
    auto answer = request();
    while (draw(settings_.lost_answer, &SimulatedNetworkCounts::lost_answers)) wait(settings_.retry_backoff);
    wait(delay());
    return answer;
  }

  bool draws_short_fetch() { return draw(settings_.short_fetch, &SimulatedNetworkCounts::short_fetches); }
  bool draws_unknown_outcome() { return draw(settings_.unknown_outcome, &SimulatedNetworkCounts::unknown_outcomes); }
  bool flips_coin() { return draw(0.5, nullptr); }
  std::uint64_t below(std::uint64_t bound);
  // Runs `job`: now, or later, and then perhaps twice.
  void notify(const Job& job);
  void drain() { executor_->drain(); }
  SimulatedNetworkCounts counts() const;

 private:
  void lose_requests();
  bool draw(double probability, std::uint64_t SimulatedNetworkCounts::* counted);
  Duration delay() {
    return Duration(static_cast<std::int64_t>(below(static_cast<std::uint64_t>(settings_.delay_max.count()) + 1)));
  }
  void wait(Duration duration) {
    if (settings_.wait) settings_.wait(duration);
  }

  Env& env_;
  const SimulatedNetwork settings_;
  mutable std::mutex mutex_;
  sim::SeededRandom random_;       // guarded by mutex_
  SimulatedNetworkCounts counts_;  // guarded by mutex_
  std::unique_ptr<Executor> executor_;
};

std::unique_ptr<Producer> behind_network(std::unique_ptr<Producer> producer, std::shared_ptr<Network> network);
std::unique_ptr<Consumer> behind_network(std::unique_ptr<Consumer> consumer, std::shared_ptr<Network> network);

}  // namespace millrace
