#include <map>
#include <mutex>

#include "millrace/base/record_batch.h"
#include "millrace/connectors/simulated/network.h"

namespace millrace {
namespace {

// One callback of notify(). Late deliveries hold it too, so taking it away waits for one that runs and silences those
// to come.
class Subscription {
 public:
  explicit Subscription(std::function<void()> callback) : callback_(std::move(callback)) {}
  void deliver() {
    std::lock_guard lock(mutex_);
    if (callback_) callback_();
  }
  void end() {
    std::lock_guard lock(mutex_);
    callback_ = nullptr;
  }

 private:
  std::mutex mutex_;
  std::function<void()> callback_;
};

// `count` whole batches of `bytes`, drawn: at least one.
Result<std::size_t> shortened(BytesView bytes, Network& network) {
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; at < bytes.size();) {
    MR_ASSIGN(auto batch, RecordBatchView::parse(bytes.substr(at)));
    ends.push_back(at += batch.bytes().size());
  }
  return ends.empty() ? 0 : ends[network.below(ends.size())];
}

class SimulatedConsumer : public Consumer {
 public:
  SimulatedConsumer(std::unique_ptr<Consumer> behind, std::shared_ptr<Network> network)
      : behind_(std::move(behind)), network_(std::move(network)) {}
  ~SimulatedConsumer() override {
    std::map<TopicPartition, std::shared_ptr<Subscription>> left;
    {
      std::lock_guard lock(mutex_);
      left.swap(subscriptions_);
    }
    for (auto& [partition, subscription] : left) {
      (void)behind_->notify(partition, {});
      subscription->end();
    }
  }

  Result<> assign(std::vector<TopicPartition> partitions) override { return behind_->assign(std::move(partitions)); }
  Result<> seek(const TopicPartition& partition, Offset offset) override { return behind_->seek(partition, offset); }
  Result<Offset> position(const TopicPartition& partition) override { return behind_->position(partition); }
  void pause(const TopicPartition& partition) override { behind_->pause(partition); }
  void resume(const TopicPartition& partition) override { behind_->resume(partition); }
  Result<std::vector<ConsumedRecord>> poll(Duration timeout) override {
    return network_->once(
        [&] { return behind_->poll(timeout); });  // a lost answer is fetched again from the same position
  }
  Result<> commit(const OffsetsToCommit& offsets) override {
    return network_->idempotent([&] { return behind_->commit(offsets); });
  }
  Result<> commit() override {
    return network_->idempotent([&] { return behind_->commit(); });
  }
  Result<OffsetsToCommit> committed(const std::vector<TopicPartition>& partitions) override {
    return network_->idempotent([&] { return behind_->committed(partitions); });
  }
  Result<FetchedBatches> fetch(const FetchRequest& request) override {
    auto fetched = network_->idempotent([&] { return behind_->fetch(request); });
    if (!fetched || !fetched->bytes || fetched->bytes->empty() || !network_->draws_short_fetch()) return fetched;
    MR_ASSIGN(std::size_t size, shortened(*fetched->bytes, *network_));
    fetched->bytes = std::make_shared<const Bytes>(BytesView(*fetched->bytes).substr(0, size));
    return fetched;
  }
  Result<Offset> end_offset(const TopicPartition& partition, Isolation isolation) override {
    return network_->idempotent([&] { return behind_->end_offset(partition, isolation); });
  }
  Result<Offset> beginning_offset(const TopicPartition& partition) override {
    return network_->idempotent([&] { return behind_->beginning_offset(partition); });
  }
  Result<std::optional<Offset>> offset_for_time(const TopicPartition& partition, Timestamp timestamp) override {
    return network_->idempotent([&] { return behind_->offset_for_time(partition, timestamp); });
  }
  Result<> notify(const TopicPartition& partition, std::function<void()> callback) override {
    auto fresh = callback ? std::make_shared<Subscription>(std::move(callback)) : nullptr;
    std::function<void()> late;
    if (fresh) late = [fresh, network = network_] { network->notify([fresh] { fresh->deliver(); }); };
    MR_TRY(behind_->notify(partition, std::move(late)));
    std::shared_ptr<Subscription> old;
    {
      std::lock_guard lock(mutex_);
      auto& slot = subscriptions_[partition];
      old = std::exchange(slot, fresh);
      if (!fresh) subscriptions_.erase(partition);
    }
    if (old) old->end();
    return {};
  }
  void wake() override { behind_->wake(); }

 private:
  std::unique_ptr<Consumer> behind_;
  std::shared_ptr<Network> network_;
  std::mutex mutex_;
  std::map<TopicPartition, std::shared_ptr<Subscription>> subscriptions_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<Consumer> behind_network(std::unique_ptr<Consumer> consumer, std::shared_ptr<Network> network) {
  return std::make_unique<SimulatedConsumer>(std::move(consumer), std::move(network));
}

}  // namespace millrace
