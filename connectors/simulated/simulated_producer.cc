#include "millrace/connectors/simulated/network.h"

namespace millrace {
namespace {

class SimulatedProducer : public Producer {
 public:
  SimulatedProducer(std::unique_ptr<Producer> behind, std::shared_ptr<Network> network)
      : behind_(std::move(behind)), network_(std::move(network)) {}

  Result<> send(ProducerRecord record, DeliveryCallback callback) override {
    return behind_->send(std::move(record), std::move(callback));  // queues only: the network is met by flush()
  }
  Result<> flush() override {
    return network_->once([&] { return behind_->flush(); });
  }
  Result<Offset> append(const TopicPartition& partition, RecordBatchBuilder& batch) override {
    return network_->once([&] { return behind_->append(partition, batch); });
  }
  Result<> sync(const std::vector<TopicPartition>& partitions) override {
    return network_->once([&] { return behind_->sync(partitions); });  // after a failed sync a second one would lie
  }
  Result<> init_transactions() override {
    return network_->idempotent([&] { return behind_->init_transactions(); });
  }
  Result<> begin_transaction() override { return behind_->begin_transaction(); }  // local, as Kafka's
  Result<> send_offsets_to_transaction(const OffsetsToCommit& offsets, const std::string& group_id) override {
    return network_->idempotent([&] { return behind_->send_offsets_to_transaction(offsets, group_id); });
  }
  Result<> commit_transaction() override {
    if (!network_->draws_unknown_outcome()) {
      return network_->once([&] { return behind_->commit_transaction(); });
    }
    if (network_->flips_coin()) MR_TRY(behind_->commit_transaction());
    return Error(ErrorCode::request_timed_out,
                 "the coordinator did not answer in time (simulated): the outcome is unknown");
  }
  Result<> abort_transaction() override {
    return network_->once([&] { return behind_->abort_transaction(); });
  }
  ProducerId producer_id() const override { return behind_->producer_id(); }

 private:
  std::unique_ptr<Producer> behind_;
  std::shared_ptr<Network> network_;
};

}  // namespace

std::unique_ptr<Producer> behind_network(std::unique_ptr<Producer> producer, std::shared_ptr<Network> network) {
  return std::make_unique<SimulatedProducer>(std::move(producer), std::move(network));
}

}  // namespace millrace
