#include "tests/simulation/oracle.h"

#include <functional>
#include <sstream>

#include "tests/simulation/topology.h"

namespace millrace::test {

Result<TopicRecords> read_committed(LogClient& log, const std::string& topic, int partitions) {
  ConsumerConfig config;
  config.isolation = Isolation::read_committed;
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

namespace {

using Lines = std::vector<std::string>;
using ByKey = std::map<std::string, Lines>;

std::string line_of(const ConsumedRecord& r) { return r.key.value_or("null") + "=" + r.value.value_or("null"); }

class Oracle {
 public:
  explicit Oracle(const OracleInput& input) : input_(input) {}

  std::vector<std::string> run() {
    orders_ = read("orders");
    read_tables();
    check_input();
    check_each("copies", [](const ConsumedRecord& r) { return line_of(r); });
    check_each("joined", [&](const ConsumedRecord& r) { return line_of(r) + " for " + customers_[*r.key]; });
    check_each("priced", [&](const ConsumedRecord& r) {
      auto price = prices_.find(parse_order(*r.value).product);
      return line_of(r) + " at " + (price == prices_.end() ? "?" : price->second);
    });
    check_updates("totals", totals(), "sales-totals-by-product-changelog");
    check_updates("windows", windows(), "");
    check_changelog("sales-customers-by-name-changelog", customers_);
    check_offsets();
    return std::move(problems_);
  }

 private:
  void problem(const std::string& text) {
    if (problems_.size() < 10) problems_.push_back(text);
  }
  TopicRecords read(const std::string& topic, int partitions = 2) {
    auto records = read_committed(input_.log, topic, partitions);
    if (records) return *std::move(records);
    problem(topic + " cannot be read: " + records.error().text());
    return TopicRecords(static_cast<std::size_t>(partitions));
  }
  void read_tables() {
    for (auto& partition : read("customers"))
      for (auto& r : partition) customers_[*r.key] = *r.value;
    for (auto& partition : read("prices", 1))
      for (auto& r : partition) prices_[*r.key] = *r.value;
  }

  void check_input() {
    std::set<std::int64_t> there;
    for (auto& partition : orders_)
      for (auto& r : partition)
        if (!there.insert(parse_order(*r.value).id).second) problem("order " + *r.value + " is in the input twice");
    for (std::int64_t id : input_.acknowledged)
      if (!there.contains(id)) problem("order " + std::to_string(id) + " was acknowledged and is lost");
    for (std::int64_t id : input_.aborted)
      if (there.contains(id)) problem("order " + std::to_string(id) + " was aborted and is there");
  }

  // One output record for each order, in its order.
  void check_each(const std::string& topic, const std::function<std::string(const ConsumedRecord&)>& expected) {
    TopicRecords out = read(topic);
    for (std::size_t p = 0; p < orders_.size(); ++p) {
      std::size_t i = 0;
      for (; i < orders_[p].size() && i < out[p].size(); ++i) {
        const std::string wanted = expected(orders_[p][i]), got = line_of(out[p][i]);
        if (wanted == got && out[p][i].timestamp == orders_[p][i].timestamp) continue;
        problem(topic + "-" + std::to_string(p) + " record " + std::to_string(i) + ": " + got + " instead of " +
                wanted);
        break;
      }
      if (orders_[p].size() != out[p].size())
        problem(topic + "-" + std::to_string(p) + " has " + std::to_string(out[p].size()) + " records for " +
                std::to_string(orders_[p].size()));
    }
  }

  struct Sum {
    std::int64_t count = 0, sum = 0;
  };
  std::map<std::string, std::string> totals() {
    std::map<std::string, Sum> sums;
    for (auto& partition : orders_)
      for (auto& r : partition) {
        const Order order = parse_order(*r.value);
        ++sums[order.product].count;
        sums[order.product].sum += order.amount;
      }
    std::map<std::string, std::string> last;
    for (auto& [key, s] : sums) last[key] = std::to_string(s.count) + " " + std::to_string(s.sum);
    return last;
  }
  std::map<std::string, std::string> windows() {
    std::map<std::string, std::int64_t> counts;
    for (auto& partition : orders_)
      for (auto& r : partition) ++counts[*r.key + "@" + std::to_string(r.timestamp.ms / window_ms * window_ms)];
    std::map<std::string, std::string> last;
    for (auto& [key, n] : counts) last[key] = std::to_string(n);
    return last;
  }

  // The last update of each key is as expected; counts only rise, by one where nothing is held back.
  void check_updates(const std::string& topic, const std::map<std::string, std::string>& last,
                     const std::string& changelog) {
    ByKey updates;
    for (auto& partition : read(topic))
      for (auto& r : partition) updates[r.key.value_or("null")].push_back(r.value.value_or("null"));
    for (auto& [key, value] : last) {
      const Lines& seen = updates[key];
      if (seen.empty() || seen.back() != value)
        problem(topic + ": " + key + " ends at " + (seen.empty() ? "nothing" : seen.back()) + " instead of " + value);
      std::int64_t before = 0;
      for (const std::string& update : seen) {
        const std::int64_t count = std::stoll(update);
        if (count <= before || (!input_.updates_held_back && count != before + 1))
          problem(topic + ": " + key + " goes from " + std::to_string(before) + " to " + update);
        before = count;
      }
    }
    if (updates.size() > last.size()) problem(topic + " has keys that no order has");
    if (!changelog.empty()) check_changelog(changelog, last);
  }

  // Changelog values are the value alone, timestamps are the record's.
  void check_changelog(const std::string& topic, const std::map<std::string, std::string>& last) {
    std::map<std::string, std::string> there;
    for (auto& partition : read(topic))
      for (auto& r : partition) there[*r.key] = r.value.value_or("null");
    for (auto& [key, value] : last)
      if (there[key] != value) problem(topic + " holds " + there[key] + " for " + key + " instead of " + value);
  }

  void check_offsets() {
    auto groups = input_.log.admin().describe_groups();
    if (!groups) return problem("groups: " + groups.error().text());
    for (auto& group : *groups) {
      if (group.group_id != "sales") continue;
      for (PartitionId p = 0; p < 2; ++p) {
        const auto& records = orders_[static_cast<std::size_t>(p)];
        if (records.empty()) continue;
        auto committed = group.committed.find({"orders", p});
        const Offset at = committed == group.committed.end() ? -1 : committed->second.offset;
        if (at <= records.back().offset)
          problem("orders-" + std::to_string(p) + ": offset " + std::to_string(at) +
                  " is committed, the last order is at " + std::to_string(records.back().offset));
      }
      return;
    }
    if (!orders_[0].empty() || !orders_[1].empty()) problem("the group has committed nothing");
  }

  const OracleInput& input_;
  TopicRecords orders_;
  std::map<std::string, std::string> customers_, prices_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> problems_of(const OracleInput& input) { return Oracle(input).run(); }

}  // namespace millrace::test
