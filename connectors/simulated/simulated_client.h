// A log client behind a bad network, from a seed: what a program over a cluster must live with, without a cluster.
//
// It wraps another client (the embedded one) and keeps the contract of connectors/log_client.h as a real client does,
// by retrying:
//   - a request is lost: nothing has happened; it is sent again after a back-off;
//   - an answer is lost: it has happened; the request is sent again wherever Kafka makes that harmless. So topics are
//   made and removed,
//     offsets committed, transactions initialised and aborted twice. (Not a batch: its sequence would make the broker
//     drop the second one, which the caller cannot tell from a delay; what lies below this interface draws no second
//     sequence for it.)
//   - a fetch returns fewer batches than there are, the first one whole;
//   - a notification comes late, after others that were sent later, or twice;
//   - a commit fails with REQUEST_TIMED_OUT though it has happened, or though it has not (only with unknown_outcome:
//   the contract
//     allows it, and init_transactions() tells which).
// Time lost is told to `wait`, which moves the simulation's clock.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>

#include "millrace/base/env.h"
#include "millrace/connectors/log_client.h"

namespace millrace {

struct SimulatedNetwork {
  std::uint64_t seed = 1;
  double lost_request = 0.05;
  double lost_answer = 0.05;
  double short_fetch = 0.3;
  double late_notification = 0.5;      // the others come at once, from the appending thread
  double repeated_notification = 0.2;  // of the late ones
  double unknown_outcome = 0;          // of a commit
  Duration delay_max{20};              // each way; notifications too
  Duration retry_backoff{100};         // Kafka's retry.backoff.ms
  std::function<void(Duration)> wait = {};
};

// What the network did so far. Threads: any.
struct SimulatedNetworkCounts {
  std::uint64_t calls = 0;
  std::uint64_t lost_requests = 0;
  std::uint64_t lost_answers = 0;
  std::uint64_t short_fetches = 0;
  std::uint64_t late_notifications = 0;
  std::uint64_t repeated_notifications = 0;
  std::uint64_t unknown_outcomes = 0;
};

// As threads go, what it wraps.
class SimulatedClient : public LogClient {
 public:
  // `env` and `behind` must outlive it. Notifications run on an executor of `env`.
  SimulatedClient(Env& env, LogClient& behind, SimulatedNetwork network);
  ~SimulatedClient() override;
  Result<std::unique_ptr<Producer>> make_producer(const ProducerConfig& config) override;
  Result<std::unique_ptr<Consumer>> make_consumer(const ConsumerConfig& config) override;
  Admin& admin() override;
  bool is_embedded() const override;
  std::vector<MetricValue> metrics() const override;
  SimulatedNetworkCounts counts() const;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace millrace
