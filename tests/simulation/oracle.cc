#include "tests/simulation/oracle.h"

#include <set>

#include "tests/simulation/evidence.h"

namespace millrace::test {

Result<TopicRecords> read_topic(LogClient& log, const std::string& topic, int partitions, Isolation isolation) {
  ConsumerConfig config;
  config.isolation = isolation;
  config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
  MR_ASSIGN(auto consumer, log.make_consumer(config));
  TopicRecords records(static_cast<std::size_t>(partitions));
  std::vector<TopicPartition> all;
  for (PartitionId p = 0; p < partitions; ++p) all.push_back({topic, p});
  MR_TRY(consumer->assign(all));
  for (;;) {
    MR_ASSIGN(auto some, consumer->poll(0ms));
    if (some.empty()) return records;
    for (auto& r : some) records[static_cast<std::size_t>(r.partition.partition)].push_back(std::move(r));
  }
}

Result<OrderOffsets> committed_orders(LogClient& log) {
  OrderOffsets offsets{};
  MR_ASSIGN(auto groups, log.admin().describe_groups());
  for (auto& group : groups)
    if (group.group_id == "sales")
      for (std::size_t p = 0; p < partition_count; ++p)
        if (auto found = group.committed.find({"orders", static_cast<PartitionId>(p)}); found != group.committed.end())
          offsets[p] = found->second.offset;
  return offsets;
}

Result<std::vector<std::string>> problems_at_start(LogClient& log, bool exactly_once) {
  std::vector<std::string> problems;
  MR_ASSIGN(OrderOffsets committed, committed_orders(log));
  if (committed == OrderOffsets{} && !exactly_once) return problems;
  MR_ASSIGN(TopicRecords input, read_topic(log, "orders", partition_count, isolation_of(exactly_once)));
  for (const char* topic : {"copies", "priced"}) {
    MR_ASSIGN(TopicRecords output, read_topic(log, topic, partition_count));
    for (std::size_t p = 0; p < partition_count; ++p) {
      std::multiset<std::int64_t> there;
      for (auto& r : output[p]) there.insert(parse_order(*r.value).id);
      std::size_t wanted = 0;
      for (auto& r : input[p])
        if (r.offset < committed[p]) {
          ++wanted;
          if (there.contains(parse_order(*r.value).id)) continue;
          problems.push_back(name_of(topic, p) + " lacks order " + *r.value + ", at offset " +
                             std::to_string(r.offset) + " of the input, of which " + std::to_string(committed[p]) +
                             " is committed");
          break;
        }
      if (exactly_once && there.size() != wanted)
        problems.push_back(name_of(topic, p) + " has " + std::to_string(there.size()) + " records for " +
                           std::to_string(wanted) + " committed orders");
    }
  }
  return problems;
}

Verdict verdict_of(const OracleInput& input) {
  Evidence evidence(input);
  check_outputs(evidence);
  check_stores(evidence);
  check_windows(evidence);
  if (input.shape.has_visits) check_visits(evidence);
  return std::move(evidence.verdict);
}

}  // namespace millrace::test
