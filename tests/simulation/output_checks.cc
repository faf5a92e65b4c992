#include <algorithm>

#include "tests/simulation/evidence.h"

namespace millrace::test {

namespace {

class Outputs {
 public:
  explicit Outputs(Evidence& evidence) : e_(evidence) {}
  void run() {
    check_each("copies", "", nullptr);
    check_each("joined", " for ", &e_.customers);
    check_each("priced", " at ", &e_.prices);
    check_offsets();
  }

 private:
  // The version of the row that an output tells of; null: none that it may.
  const std::optional<std::string>* find_version(const Versions& table, const std::string& key, const State& told,
                                                 std::size_t& from) const {
    auto versions = table.find(key);
    static const std::optional<std::string> none;
    if (versions == table.end()) return told ? nullptr : &none;
    for (std::size_t v = e_.is_exact ? from : 0; v < versions->second.size(); ++v)
      if (versions->second[v] == told) {
        from = v;
        return &versions->second[v];
      }
    return nullptr;
  }

  struct Reader {                                  // of one output partition
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
    if (is_of_last(order)) return e_.last_customers.contains(*order.key) && !e_.last_customers.at(*order.key);
    return find_version(e_.customers, *order.key, std::nullopt, reader.versions[*order.key]) != nullptr;
  }
  bool is_of_last(const ConsumedRecord& order) const {
    return parse_order(*order.value).id >= e_.input.fed.first_of_last;
  }

  void check_each(const char* topic, const std::string& infix, const Versions* table) {
    TopicRecords out = e_.read(topic);
    int rewinds = 0;
    for (std::size_t p = 0; p < partition_count; ++p) {
      Reader reader;
      for (std::size_t i = 0; i < e_.orders[p].size(); ++i) reader.index_of[parse_order(*e_.orders[p][i].value).id] = i;
      std::string why;
      std::size_t i = 0;
      for (; i < out[p].size() && why.empty(); ++i) why = take(topic, infix, table, out[p][i], e_.orders[p], reader);
      if (!why.empty())
        e_.problem(name_of(topic, p) + " record " + std::to_string(i - 1) + ": " + text_of(State(out[p][i - 1].value)) +
                   ": " + why);
      for (; why.empty() && reader.next < e_.orders[p].size(); ++reader.next)
        if (!may_lack(topic, e_.orders[p][reader.next], reader)) {
          e_.problem(name_of(topic, p) + " has nothing for order " + *e_.orders[p][reader.next].value);
          break;
        }
      rewinds = std::max(rewinds, reader.rewinds);
    }
    if (rewinds > static_cast<int>(e_.input.stays.size()) - 1 + e_.redone)
      e_.problem(std::string(topic) + " goes back " + std::to_string(rewinds) + " times");
    if (rewinds > 0) e_.met("at least once, outputs repeated", rewinds);
  }

  // What is wrong with the next output record; empty: nothing.
  std::string take(const char* topic, const std::string& infix, const Versions* table, const ConsumedRecord& out,
                   const std::vector<ConsumedRecord>& input, Reader& reader) {
    const std::int64_t id = parse_order(out.value.value_or("")).id;
    auto found = reader.index_of.find(id);
    if (found == reader.index_of.end()) return !e_.is_exact && e_.phantoms.contains(id) ? "" : "no such order";
    const ConsumedRecord& order = input[found->second];
    if (found->second < reader.next) {
      if (e_.is_exact) return "out of turn, or for the second time";
      ++reader.rewinds;
    }
    for (; reader.next < found->second; ++reader.next)
      if (!may_lack(topic, input[reader.next], reader)) return "instead of that for order " + *input[reader.next].value;
    reader.next = found->second + 1;
    State rest;
    if (!take_rest(order, out, infix, rest)) return "does not fit the order";
    if (!table) return rest->empty() ? "" : "has more than the order";
    const bool is_joined = table == &e_.customers;
    const std::string key = is_joined ? std::string(*order.key) : parse_order(*order.value).product;
    if (!is_joined && *rest == "?") rest.reset();
    if (!find_version(*table, key, rest, reader.versions[key])) return "tells of a row that was not there any more";
    const auto& last = is_joined ? e_.last_customers : e_.last_prices;
    if (is_of_last(order) && last.contains(key) && last.at(key) != rest)
      return "does not tell of the last version of the row, " + text_of(last.at(key));
    return "";
  }

  void check_offsets() {
    auto committed = committed_orders(e_.input.log);
    if (!committed) return e_.problem("groups: " + committed.error().text());
    for (std::size_t p = 0; p < partition_count; ++p)
      if (!e_.orders[p].empty() && (*committed)[p] <= e_.orders[p].back().offset)
        e_.problem(name_of("orders", p) + ": offset " + std::to_string((*committed)[p]) +
                   " is committed, the last order is at " + std::to_string(e_.orders[p].back().offset));
  }

  Evidence& e_;
};

}  // namespace

void check_outputs(Evidence& evidence) { Outputs(evidence).run(); }

}  // namespace millrace::test
