#include "millrace/connectors/log_client.h"

#include "millrace/base/metrics.h"

namespace millrace {

std::future<Result<RecordMetadata>> Producer::send(ProducerRecord record) {
  auto promise = std::make_shared<std::promise<Result<RecordMetadata>>>();
  auto future = promise->get_future();
  auto sent =
      send(std::move(record), [promise](const Result<RecordMetadata>& outcome) { promise->set_value(outcome); });
  if (!sent) promise->set_value(std::move(sent).error());  // the callback does not run then
  return future;
}

std::vector<MetricValue> LogClient::metrics() const { return {}; }

}  // namespace millrace
