// What Broker::metrics() reads from the partitions; see broker/log/log_metrics.h for the names.
#include <algorithm>

#include "millrace/broker/broker.h"

namespace millrace::broker {

namespace {

class Values {
 public:
  void add(std::string_view group, std::string_view name, const std::map<std::string, std::string>& tags,
           double value) {
    const MetricSpec* spec = broker_metric_table().find(group, name);
    MR_ASSERT(spec, "a metric that no table has");
    all_.push_back({{std::string(group), std::string(name), tags, std::string(spec->doc)}, spec->kind, value, nullptr});
  }
  std::vector<MetricValue> take() { return std::move(all_); }

 private:
  std::vector<MetricValue> all_;
};

struct Traffic {
  double total = 0, rate = 0;
  void add(const MeterCell& cell, std::int64_t now_ns) {
    total += static_cast<double>(cell.total());
    rate += cell.rate(now_ns);
  }
};
struct TopicTraffic {
  Traffic messages_in, bytes_in, bytes_out;
};

void add_traffic(Values& values, const std::map<std::string, TopicTraffic>& topics) {
  constexpr const char* group = "kafka.server.BrokerTopicMetrics";
  for (const auto& [topic, traffic] : topics) {
    const std::map<std::string, std::string> tags{{"topic", topic}};
    values.add(group, "MessagesInTotal", tags, traffic.messages_in.total);
    values.add(group, "MessagesInPerSec", tags, traffic.messages_in.rate);
    values.add(group, "BytesInTotal", tags, traffic.bytes_in.total);
    values.add(group, "BytesInPerSec", tags, traffic.bytes_in.rate);
    values.add(group, "BytesOutTotal", tags, traffic.bytes_out.total);
    values.add(group, "BytesOutPerSec", tags, traffic.bytes_out.rate);
  }
}

void add_log(Values& values, const PartitionLog& log) {
  const std::map<std::string, std::string> tags{{"topic", log.partition().topic},
                                                {"partition", std::to_string(log.partition().partition)}};
  const LogOffsets offsets = log.offsets();
  const PartitionLog::Extent extent = log.extent();
  values.add("kafka.log.Log", "LogStartOffset", tags, static_cast<double>(offsets.log_start_offset));
  values.add("kafka.log.Log", "LogEndOffset", tags, static_cast<double>(offsets.log_end_offset));
  values.add("kafka.log.Log", "NumLogSegments", tags, static_cast<double>(extent.segments));
  values.add("kafka.log.Log", "Size", tags, static_cast<double>(extent.bytes));
  values.add("kafka.cluster.Partition", "LastStableOffsetLag", tags,
             static_cast<double>(offsets.high_watermark - offsets.last_stable_offset));
}

}  // namespace

std::vector<MetricValue> Broker::metrics() const {
  Values values;
  const std::int64_t now_ns = directory_->metrics().now_ns();
  std::map<std::string, TopicTraffic> topics;
  const auto logs = logs_->all();
  for (const auto& log : logs) {
    TopicTraffic& traffic = topics[log->partition().topic];
    traffic.messages_in.add(log->messages_in(), now_ns);
    traffic.bytes_in.add(log->bytes_in(), now_ns);
    traffic.bytes_out.add(log->bytes_out(), now_ns);
    add_log(values, *log);
  }
  add_traffic(values, topics);
  values.add("kafka.server.ReplicaManager", "PartitionCount", {}, static_cast<double>(logs.size()));
  values.add("kafka.log.LogManager", "OfflineLogDirectoryCount", {}, directory_->check() ? 0 : 1);
  std::int64_t open = 0, oldest_ms = 0;
  const Timestamp now = directory_->env().clock().now();
  for (const TransactionRecord& t : transactions_->list()) {
    if (t.state != TransactionState::ongoing) continue;
    ++open;
    oldest_ms = std::max(oldest_ms, (now - t.start).count());
  }
  values.add("log-metrics", "open-transactions", {}, static_cast<double>(open));
  values.add("log-metrics", "oldest-open-transaction-ms", {}, static_cast<double>(oldest_ms));
  std::vector<MetricValue> all = values.take();
  for (MetricValue& m : directory_->metrics().read()) all.push_back(std::move(m));
  return all;
}

}  // namespace millrace::broker
