#include "tests/simulation/oracle.h"

#include <algorithm>
#include <functional>
#include <sstream>

#include "tests/simulation/updates.h"

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

namespace {

Isolation isolation_of(bool exactly_once) {
  return exactly_once ? Isolation::read_committed : Isolation::read_uncommitted;
}

std::string text_of(const State& state) { return state ? *state : "nothing"; }
std::string name_of(const char* topic, std::size_t partition) {
  return std::string(topic) + "-" + std::to_string(partition);
}

std::int64_t number_at(std::string_view bytes, std::size_t at) {
  return from_big_endian<std::int64_t>(bytes.data() + at);
}

}  // namespace

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

namespace {

class Oracle {
 public:
  explicit Oracle(const OracleInput& input) : input_(input) {}

  Verdict run() {
    bool is_calm = true;  // nothing was ever done twice
    for (const Stay& stay : input_.stays) {
      is_calm &= stay.ended_well && stay.redone == 0;
      redone_ += stay.redone;
      if (stay.emptied) met("a store without a changelog was emptied", stay.emptied);
    }
    if (!input_.exactly_once) met(is_calm ? "at least once, nothing done twice" : "at least once", 1);
    is_exact_ = input_.exactly_once || is_calm;
    orders_ = read("orders", partition_count, isolation_of(input_.exactly_once));
    read_tables();
    check_input();
    check_each("copies", "", nullptr);
    check_each("joined", " for ", &customers_);
    check_each("priced", " at ", &prices_);
    check_customers();
    check_totals();
    check_windows();
    check_dropped();
    if (input_.shape.has_baskets) check_baskets();
    if (input_.shape.has_visits) check_visits();
    check_offsets();
    return std::move(verdict_);
  }

 private:
  // -------------------------------------------------------------- the input

  void problem(const std::string& text) {
    if (verdict_.problems.size() < 10) verdict_.problems.push_back(text);
  }
  void met(const std::string& what, std::int64_t times) { verdict_.met[what] += times; }

  TopicRecords read(const std::string& topic, std::size_t partitions = partition_count,
                    Isolation isolation = Isolation::read_committed) {
    auto records = read_topic(input_.log, topic, static_cast<int>(partitions), isolation);
    if (records) return *std::move(records);
    problem(topic + " cannot be read: " + records.error().text());
    return TopicRecords(partitions);
  }

  // Which versions of a row a join may have met, in order. What was read before it was acknowledged may be gone, and at
  // least once its traces are not.
  void read_tables() {
    Versions customers, prices;
    for (auto& partition : read("customers", partition_count, isolation_of(input_.exactly_once)))
      for (auto& r : partition) customers[*r.key].push_back(r.value);
    for (auto& partition : read("prices", 1))
      for (auto& r : partition) prices[*r.key].push_back(r.value);
    for (auto& [key, versions] : customers) last_customers_[key] = versions.back();
    for (auto& [key, versions] : prices) last_prices_[key] = versions.back();
    customers_ = is_exact_ ? customers : input_.fed.customers;
    prices_ = is_exact_ ? prices : input_.fed.prices;
  }

  void check_input() {
    std::set<std::int64_t> there;
    for (auto& partition : read("orders"))
      for (auto& r : partition)
        if (!there.insert(parse_order(*r.value).id).second) problem("order " + *r.value + " is in the input twice");
    for (std::int64_t id : input_.fed.acknowledged)
      if (!there.contains(id)) problem("order " + std::to_string(id) + " was acknowledged and is lost");
    for (std::int64_t id : input_.fed.aborted)
      if (there.contains(id)) problem("order " + std::to_string(id) + " was aborted and is there");
    there.clear();
    for (auto& partition : orders_)
      for (auto& r : partition) there.insert(parse_order(*r.value).id);
    for (const auto& [id, who] : input_.fed.customer_of)
      if (!there.contains(id)) phantoms_.insert(id);
  }

  void check_offsets() {
    auto committed = committed_orders(input_.log);
    if (!committed) return problem("groups: " + committed.error().text());
    for (std::size_t p = 0; p < partition_count; ++p)
      if (!orders_[p].empty() && (*committed)[p] <= orders_[p].back().offset)
        problem(name_of("orders", p) + ": offset " + std::to_string((*committed)[p]) +
                " is committed, the last order is at " + std::to_string(orders_[p].back().offset));
  }

  // -------------------------------------------------------------- an output record for each order

  // The version of the row that an output tells of; null: none that it may.
  const std::optional<std::string>* find_version(const Versions& table, const std::string& key, const State& told,
                                                 std::size_t& from) const {
    auto versions = table.find(key);
    static const std::optional<std::string> none;
    if (versions == table.end()) return told ? nullptr : &none;
    for (std::size_t v = is_exact_ ? from : 0; v < versions->second.size(); ++v)
      if (versions->second[v] == told) {
        from = v;
        return &versions->second[v];
      }
    return nullptr;
  }

  struct Reader {  // of one output partition
    std::map<std::int64_t, std::size_t> index_of;  // of orders in the input, by id
    std::map<std::string, std::size_t> versions;   // how far each row of the table has come
    std::size_t next = 0;                          // the order whose output is expected
    int rewinds = 0;
  };

  // What stands behind the order's value, without `infix`; false if the record is not of that order.
  static bool take_rest(const ConsumedRecord& order, const ConsumedRecord& out, const std::string& infix, State& rest) {
    if (out.key != order.key || out.timestamp != order.timestamp) return false;
    if (!out.value || !out.value->starts_with(*order.value + infix)) return false;
    rest = out.value->substr(order.value->size() + infix.size());
    return true;
  }

  // Whether the order may have had no output: only an inner join with a row that was deleted.
  bool may_lack(const char* topic, const ConsumedRecord& order, Reader& reader) const {
    if (std::string_view(topic) != "joined") return false;
    if (is_of_last(order)) return last_customers_.contains(*order.key) && !last_customers_.at(*order.key);
    return find_version(customers_, *order.key, std::nullopt, reader.versions[*order.key]) != nullptr;
  }
  bool is_of_last(const ConsumedRecord& order) const { return parse_order(*order.value).id >= input_.fed.first_of_last; }

  void check_each(const char* topic, const std::string& infix, const Versions* table) {
    TopicRecords out = read(topic);
    int rewinds = 0;
    for (std::size_t p = 0; p < partition_count; ++p) {
      Reader reader;
      for (std::size_t i = 0; i < orders_[p].size(); ++i) reader.index_of[parse_order(*orders_[p][i].value).id] = i;
      std::string why;
      std::size_t i = 0;
      for (; i < out[p].size() && why.empty(); ++i) why = take(topic, infix, table, out[p][i], orders_[p], reader);
      if (!why.empty())
        problem(name_of(topic, p) + " record " + std::to_string(i - 1) + ": " +
                text_of(State(out[p][i - 1].value)) + ": " + why);
      for (; why.empty() && reader.next < orders_[p].size(); ++reader.next)
        if (!may_lack(topic, orders_[p][reader.next], reader)) {
          problem(name_of(topic, p) + " has nothing for order " + *orders_[p][reader.next].value);
          break;
        }
      rewinds = std::max(rewinds, reader.rewinds);
    }
    if (rewinds > static_cast<int>(input_.stays.size()) - 1 + redone_)
      problem(std::string(topic) + " goes back " + std::to_string(rewinds) + " times");
    if (rewinds > 0) met("at least once, outputs repeated", rewinds);
  }

  // What is wrong with the next output record; empty: nothing.
  std::string take(const char* topic, const std::string& infix, const Versions* table, const ConsumedRecord& out,
                   const std::vector<ConsumedRecord>& input, Reader& reader) {
    const std::int64_t id = parse_order(out.value.value_or("")).id;
    auto found = reader.index_of.find(id);
    if (found == reader.index_of.end()) return !is_exact_ && phantoms_.contains(id) ? "" : "no such order";
    const ConsumedRecord& order = input[found->second];
    if (found->second < reader.next) {
      if (is_exact_) return "out of turn, or for the second time";
      ++reader.rewinds;
    }
    for (; reader.next < found->second; ++reader.next)
      if (!may_lack(topic, input[reader.next], reader))
        return "instead of that for order " + *input[reader.next].value;
    reader.next = found->second + 1;
    State rest;
    if (!take_rest(order, out, infix, rest)) return "does not fit the order";
    if (!table) return rest->empty() ? "" : "has more than the order";
    const bool is_joined = table == &customers_;
    const std::string key = is_joined ? std::string(*order.key) : parse_order(*order.value).product;
    if (!is_joined && *rest == "?") rest.reset();
    if (!find_version(*table, key, rest, reader.versions[key])) return "tells of a row that was not there any more";
    const auto& last = is_joined ? last_customers_ : last_prices_;
    if (is_of_last(order) && last.contains(key) && last.at(key) != rest)
      return "does not tell of the last version of the row, " + text_of(last.at(key));
    return "";
  }

  // -------------------------------------------------------------- the stores

  std::map<std::string, std::vector<State>> updates_of(const char* topic) {
    std::map<std::string, std::vector<State>> updates;
    for (auto& partition : read(topic))
      for (auto& r : partition) updates[r.key.value_or("null")].push_back(r.value);
    return updates;
  }

  // A row's value, without its timestamp; `decode`: as the output tells it.
  using Decode = std::function<std::string(std::string_view)>;
  static std::string as_is(std::string_view value) { return std::string(value); }
  static std::string as_number(std::string_view value) {
    return value.size() == 8 ? std::to_string(number_at(value, 0)) : "?";
  }

  std::map<std::string, std::string> rows_of(const char* store, const Decode& decode) const {
    std::map<std::string, std::string> all;
    for (const auto& partition : input_.rows.at(store))
      for (const auto& [key, row] : partition) all[key] = row.size() < 8 ? "?" : decode(std::string_view(row).substr(8));
    return all;
  }

  // A store's rows are those of its changelog, timestamps included. `row_key`: from a changelog key, empty if the row
  // has expired.
  void check_changelog(const std::string& store, const std::function<std::string(std::size_t, const std::string&)>& row_key) {
    TopicRecords changelog = read("sales-" + store + "-changelog", partition_count, isolation_of(input_.exactly_once));
    for (std::size_t p = 0; p < partition_count; ++p) {
      std::map<std::string, std::string> logged;
      for (auto& r : changelog[p]) {
        const std::string key = row_key(p, *r.key);
        if (key.empty()) continue;
        std::string row;
        append_big_endian<std::int64_t>(row, r.timestamp.ms);
        if (r.value) {
          logged[key] = row + *r.value;
        } else {
          logged.erase(key);
        }
      }
      const auto& rows = input_.rows.at(store)[p];
      for (const auto& [key, row] : rows)
        if (auto found = logged.find(key); found == logged.end() || found->second != row)
          problem(name_of(store.c_str(), p) + " has a row for " + key + " that its changelog has " +
                  (found == logged.end() ? "not" : "otherwise"));
      for (const auto& [key, row] : logged)
        if (!rows.contains(key)) problem(name_of(store.c_str(), p) + " has no row for " + key + ", its changelog has");
    }
  }
  static std::string own_key(std::size_t, const std::string& key) { return key; }

  void check_customers() {
    const auto rows = rows_of("customers-by-name", as_is);
    std::set<std::string> logged;
    for (auto& partition : read("sales-customers-by-name-changelog"))
      for (auto& r : partition) logged.insert(*r.key);
    for (const auto& [key, last] : last_customers_) {
      auto row = rows.find(key);
      if (row == rows.end() ? last.has_value() : last != row->second)
        problem("customers-by-name holds " + (row == rows.end() ? "nothing" : row->second) + " for " + key +
                " instead of " + text_of(last));
      if (!last) met("a deleted row of the table is gone", 1);
      if (!last && !logged.contains(key)) met("a tombstone was compacted away", 1);
    }
    for (const auto& [key, row] : rows)
      if (!last_customers_.contains(key)) problem("customers-by-name has a row for " + key);
    check_changelog("customers-by-name", own_key);
  }

  // The output's last update, the row and (by check_changelog) the changelog say the same.
  void check_last(const char* topic, const char* store, const Decode& decode,
                  const std::map<std::string, std::vector<State>>& updates) {
    const auto rows = rows_of(store, decode);
    for (const auto& [key, seen] : updates) {
      auto row = rows.find(key);
      if (row == rows.end() ? seen.back().has_value() : seen.back() != row->second)
        problem(std::string(topic) + ": " + key + " ends at " + text_of(seen.back()) + ", " + store + " holds " +
                (row == rows.end() ? "nothing" : row->second));
    }
    for (const auto& [key, row] : rows)
      if (!updates.contains(key)) problem(std::string(store) + " has a row for " + key + " that was never put out");
  }

  void check_explained(const char* topic, const std::string& key, const std::vector<State>& updates,
                       const std::vector<Step>& steps, const NextState& next) {
    const Explanation found = explain(updates, steps, next, input_.updates_held_back);
    if (!found.ends.empty()) return;
    problem(std::string(topic) + ": " + key + " has " + std::to_string(updates.size()) + " updates for " +
            std::to_string(steps.size()) + " orders, ends at " + (updates.empty() ? "nothing" : text_of(updates.back())) +
            "; " + std::to_string(found.longest) + " of them can be");
  }
  static State next_count(const State& before, const Step&) {
    return std::to_string((before ? std::stoll(*before) : 0) + 1);
  }

  struct Sum {
    std::int64_t count = 0, sum = 0;
  };
  // Records of both partitions meet in any order: all but the last update are checked by their counts.
  void check_totals() {
    std::map<std::string, Sum> sums;
    for (auto& partition : orders_)
      for (auto& r : partition) {
        const Order order = parse_order(*r.value);
        ++sums[order.product].count;
        sums[order.product].sum += order.amount;
      }
    auto updates = updates_of("totals");
    for (auto& [key, s] : sums) {
      std::vector<State> counts;
      Sum last;
      for (const State& update : updates[key]) {
        std::istringstream(update.value_or("")) >> last.count >> last.sum;
        counts.push_back(std::to_string(last.count));
      }
      if (is_exact_) {
        check_explained("totals", key, counts, std::vector<Step>(static_cast<std::size_t>(s.count)), next_count);
        if (last.sum != s.sum)
          problem("totals: " + key + " ends at " + std::to_string(last.sum) + " instead of " + std::to_string(s.sum));
      } else if (last.count < s.count || last.sum < s.sum) {
        problem("totals: " + key + " ends at " + std::to_string(last.count) + " orders of " + std::to_string(last.sum) +
                ", there are " + std::to_string(s.count) + " of " + std::to_string(s.sum));
      }
    }
    if (is_exact_ && updates.size() > sums.size()) problem("totals has keys that no order has");
    check_last("totals", "totals-by-product", as_is, updates);
    check_changelog("totals-by-product", own_key);
  }

  // -------------------------------------------------------------- windows

  struct WindowSteps {
    std::vector<Step> steps;
    std::size_t certain = 0;  // those that were not dropped
    bool has_expired = false;
  };
  static std::int64_t window_start(const ConsumedRecord& order) { return order.timestamp.ms / window_ms * window_ms; }
  static bool is_late(const ConsumedRecord& order, std::int64_t stream_time_ms) {
    return window_start(order) + window_ms <= stream_time_ms - window_grace_ms;
  }

  // Stream time begins anew with each start of the application, and with each redo.
  std::map<std::string, WindowSteps> window_steps(std::size_t p, std::int64_t& observed_ms) {
    std::map<std::string, WindowSteps> windows;
    std::size_t stay = 0;
    std::int64_t stream_time_ms = -1;
    for (auto& r : orders_[p]) {
      for (; stay + 1 < input_.stays.size() && input_.stays[stay + 1].from[p] <= r.offset; ++stay) stream_time_ms = -1;
      stream_time_ms = std::max(stream_time_ms, r.timestamp.ms);
      const bool late = is_late(r, stream_time_ms);
      // At least once, what is done twice is counted the second time.
      const bool may_be_dropped = late && (input_.stays[stay].redone > 0 || !is_exact_);
      if (late && !may_be_dropped) continue;
      const std::int64_t start = window_start(r);
      WindowSteps& window = windows[*r.key + "@" + std::to_string(start)];
      const bool expired = start <= observed_ms - window_retention_ms;
      window.steps.push_back({0, may_be_dropped, expired, false});
      window.certain += !may_be_dropped;
      if (expired) met("an order for an expired window was counted after a restart", 1);
      observed_ms = std::max(observed_ms, start);
    }
    for (auto& [key, window] : windows)
      window.has_expired = std::stoll(key.substr(key.find('@') + 1)) <= observed_ms - window_retention_ms;
    return windows;
  }

  // A window's key on disk: segment, key, start, sequence.
  void check_windows() {
    auto updates = updates_of("windows");
    std::array<std::int64_t, partition_count> first_segment{};
    for (std::size_t p = 0; p < partition_count; ++p) {
      std::int64_t observed_ms = -1;
      const auto all = window_steps(p, observed_ms);
      first_segment[p] = std::max<std::int64_t>(observed_ms - window_retention_ms, 0) / window_segment_ms;
      std::map<std::string, std::string> rows;
      for (const auto& [key, row] : input_.rows.at("orders-by-window")[p]) {
        const std::int64_t segment = number_at(key, 0), start = number_at(key, key.size() - 12);
        if (segment < first_segment[p]) problem(name_of("orders-by-window", p) + " has a row of an expired segment");
        rows[key.substr(8, key.size() - 20) + "@" + std::to_string(start)] = as_number(std::string_view(row).substr(8));
      }
      for (const auto& [key, window] : all) check_window(key, window, updates[key], rows);
      if (is_exact_)
        for (const auto& [key, row] : rows)
          if (!all.contains(key)) problem("orders-by-window has a row for " + key + ", which no order has");
      for (const auto& [key, window] : all) seen_windows_.insert(key);
    }
    if (is_exact_)
      for (const auto& [key, seen] : updates)
        if (!seen_windows_.contains(key)) problem("windows has " + key + ", which no order has");
    check_changelog("orders-by-window", [&](std::size_t p, const std::string& key) {
      const std::int64_t segment = number_at(key, key.size() - 12) / window_segment_ms;
      if (segment < first_segment[p]) return std::string();
      std::string row_key;
      append_big_endian<std::int64_t>(row_key, segment);
      return row_key + key;
    });
  }

  void check_window(const std::string& key, const WindowSteps& window, const std::vector<State>& updates,
                    const std::map<std::string, std::string>& rows) {
    if (is_exact_) {
      if (updates.empty() && window.certain == 0) return;
      check_explained("windows", key, updates, window.steps, next_count);
    } else {
      std::int64_t last = updates.empty() ? 0 : std::stoll(updates.back().value_or("0"));
      // What is counted the second time into a window that has expired meanwhile begins at one.
      const std::int64_t least = static_cast<std::int64_t>(window.has_expired ? window.certain > 0 : window.certain);
      if (last < least)
        problem("windows: " + key + " ends at " + std::to_string(last) + ", it has " + std::to_string(least) +
                " orders");
    }
    if (window.has_expired) return met("a window has expired", 1);
    auto row = rows.find(key);
    if (updates.empty() ? row != rows.end() : row == rows.end() || updates.back() != row->second)
      problem("orders-by-window holds " + (row == rows.end() ? "nothing" : row->second) + " for " + key +
              ", the output says " + (updates.empty() ? "nothing" : text_of(updates.back())));
  }

  // Where nothing was done again, it is known from where stream time ran, and to where at least: what was processed
  // after the last commit is not.
  void check_dropped() {
    for (const Stay& stay : input_.stays) {
      if (!stay.ended_well || stay.redone > 0) continue;
      std::int64_t least = 0, most = 0;
      for (std::size_t p = 0; p < partition_count; ++p) {
        std::int64_t stream_time_ms = -1;
        for (auto& r : orders_[p]) {
          if (r.offset < stay.from[p]) continue;
          stream_time_ms = std::max(stream_time_ms, r.timestamp.ms);
          if (!is_late(r, stream_time_ms)) continue;
          ++most;
          least += r.offset < stay.to[p];
        }
      }
      if (stay.dropped < least || stay.dropped > most)
        problem(std::to_string(least) + " to " + std::to_string(most) + " orders were late, " +
                std::to_string(stay.dropped) + " were dropped");
      met("a late order was dropped and counted", least);
    }
  }

  // -------------------------------------------------------------- aggregates that go away

  void check_baskets() {
    auto updates = updates_of("baskets");
    std::map<std::string, std::vector<Order>> of_customer;
    for (auto& partition : orders_)
      for (auto& r : partition) of_customer[*r.key].push_back(parse_order(*r.value));
    for (const auto& [key, all] : of_customer) {
      const auto next = [&all](const State& before, const Step& step) -> State {
        const Order& order = all[step.record];
        if (order.amount < checkout_below) return std::nullopt;
        return before.value_or("") + " " + std::to_string(order.id);
      };
      std::vector<Step> steps;
      for (std::size_t i = 0; i < all.size(); ++i) steps.push_back({i, false, false, false});
      const std::vector<State>& seen = updates[key];
      if (std::count(seen.begin(), seen.end(), State())) met("an aggregate was deleted", 1);
      if (is_exact_) {
        check_explained("baskets", key, seen, steps, next);
      } else {
        check_basket(key, all, seen.empty() ? State() : seen.back());
      }
    }
    std::erase_if(updates, [](const auto& item) { return item.second.empty(); });  // asked for above
    check_last("baskets", "baskets-by-customer", as_is, updates);
    check_changelog("baskets-by-customer", own_key);
  }

  // At least once: all since the last checkout, and none of before it.
  void check_basket(const std::string& key, const std::vector<Order>& all, const State& last) {
    std::set<std::int64_t> wanted, got;
    for (const Order& order : all) {
      if (order.amount < checkout_below) wanted.clear();
      else wanted.insert(order.id);
    }
    std::istringstream ids(last.value_or(""));
    for (std::int64_t id = 0; ids >> id;)
      if (!phantoms_.contains(id)) got.insert(id);
    // An order that was lost after it was read may have taken the basket with it.
    for (const std::int64_t id : phantoms_)
      if (input_.fed.customer_of.at(id) == key && parse_order(input_.fed.value_of.at(id)).amount < checkout_below)
        return;
    if (got != wanted)
      problem("baskets: " + key + " ends at " + text_of(last) + ", which are not the " +
              std::to_string(wanted.size()) + " orders since the last checkout");
  }

  // -------------------------------------------------------------- a store without a changelog

  // It counts all, or all since a start that emptied it. Which of the two tasks' stores was emptied is not known.
  void check_visits() {
    std::vector<std::size_t> doubtful;
    for (std::size_t i = 0; i < input_.stays.size(); ++i)
      if (input_.stays[i].emptied == 1) doubtful.push_back(i);
    const auto updates = updates_of("visits");
    std::string why;
    for (std::size_t mask = 0; mask < std::size_t{1} << doubtful.size(); ++mask) {
      why.clear();
      for (std::size_t p = 0; p < partition_count && why.empty(); ++p) {
        std::set<Offset> emptied;
        for (std::size_t i = 0, d = 0; i < input_.stays.size(); ++i) {
          const Stay& stay = input_.stays[i];
          if (stay.emptied > 1 || (stay.emptied == 1 && (mask >> d & 1) == p)) emptied.insert(stay.from[p]);
          d += stay.emptied == 1;
        }
        why = visits_problem(p, emptied, updates);
      }
      if (why.empty()) break;
    }
    if (!why.empty()) problem(why);
    check_last("visits", "visits-by-customer", as_number, last_visits(updates));
  }
  // Without those that went when the store was emptied.
  std::map<std::string, std::vector<State>> last_visits(std::map<std::string, std::vector<State>> updates) const {
    const auto rows = rows_of("visits-by-customer", as_number);
    std::erase_if(updates, [&](const auto& item) { return !rows.contains(item.first); });
    return updates;
  }

  std::string visits_problem(std::size_t p, const std::set<Offset>& emptied,
                             const std::map<std::string, std::vector<State>>& updates) const {
    std::map<std::string, std::vector<Step>> steps;
    std::map<std::string, Offset> before;
    std::map<std::string, std::int64_t> counts;
    for (auto& r : orders_[p]) {
      auto& mine = steps[*r.key];
      auto since = emptied.upper_bound(before.contains(*r.key) ? before[*r.key] : -1);
      const bool starts_anew = !mine.empty() && since != emptied.end() && *since <= r.offset;
      mine.push_back({0, false, false, starts_anew});
      before[*r.key] = r.offset;
      if (emptied.empty() || r.offset >= *emptied.rbegin()) ++counts[*r.key];
    }
    const auto& rows = input_.rows.at("visits-by-customer")[p];
    for (const auto& [key, row] : rows)
      if (!counts.contains(key)) return name_of("visits-by-customer", p) + " has a row for " + key + " that has no order";
    for (const auto& [key, n] : counts) {
      auto row = rows.find(key);
      const std::string has = row == rows.end() ? "nothing" : as_number(std::string_view(row->second).substr(8));
      if (has != std::to_string(n))
        return name_of("visits-by-customer", p) + " holds " + has + " for " + key + " instead of " + std::to_string(n);
    }
    if (!is_exact_) return "";
    for (const auto& [key, mine] : steps) {
      auto seen = updates.find(key);
      const std::vector<State> none;
      const Explanation found =
          explain(seen == updates.end() ? none : seen->second, mine, next_count, input_.updates_held_back);
      if (found.ends.empty())
        return "visits: " + key + " has updates that " + std::to_string(mine.size()) + " orders cannot make; " +
               std::to_string(found.longest) + " of them can be";
    }
    return "";
  }

  const OracleInput& input_;
  Verdict verdict_;
  bool is_exact_ = true;
  int redone_ = 0;
  TopicRecords orders_;              // as the application reads them
  std::set<std::int64_t> phantoms_;  // that were sent and are not there: lost, or never written
  Versions customers_, prices_;
  std::map<std::string, State> last_customers_, last_prices_;
  std::set<std::string> seen_windows_;
};

}  // namespace

Verdict verdict_of(const OracleInput& input) { return Oracle(input).run(); }

}  // namespace millrace::test
