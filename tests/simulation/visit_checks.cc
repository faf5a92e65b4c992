#include "tests/simulation/evidence.h"

namespace millrace::test {

namespace {

class Visits {
 public:
  explicit Visits(Evidence& evidence) : e_(evidence) {}

  // It counts all, or all since a start that emptied it. Which of the two tasks' stores was emptied is not known.
  void run() {
    std::vector<std::size_t> doubtful;
    for (std::size_t i = 0; i < e_.input.stays.size(); ++i)
      if (e_.input.stays[i].emptied == 1) doubtful.push_back(i);
    const auto updates = e_.updates_of("visits");
    std::string why;
    for (std::size_t mask = 0; mask < std::size_t{1} << doubtful.size(); ++mask) {
      why.clear();
      for (std::size_t p = 0; p < partition_count && why.empty(); ++p) {
        std::set<Offset> emptied;
        for (std::size_t i = 0, d = 0; i < e_.input.stays.size(); ++i) {
          const Stay& stay = e_.input.stays[i];
          if (stay.emptied > 1 || (stay.emptied == 1 && (mask >> d & 1) == p)) emptied.insert(stay.from[p]);
          d += stay.emptied == 1;
        }
        why = visits_problem(p, emptied, updates);
      }
      if (why.empty()) break;
    }
    if (!why.empty()) e_.problem(why);
    for (const Stay& stay : e_.input.stays) {
      e_.met("a store without a changelog was emptied", stay.emptied);
      if (stay.from != OrderOffsets{} && stay.ended_well && stay.emptied == 0)
        e_.met("a store without a changelog was kept", 1);
    }
    e_.check_last("visits", "visits-by-customer", as_number, last_visits(updates));
  }

 private:
  // Without those that went when the store was emptied.
  Updates last_visits(Updates updates) const {
    const auto rows = e_.rows_of("visits-by-customer", as_number);
    std::erase_if(updates, [&](const auto& item) { return !rows.contains(item.first); });
    return updates;
  }

  std::string visits_problem(std::size_t p, const std::set<Offset>& emptied, const Updates& updates) const {
    std::map<std::string, std::vector<Step>> steps;
    std::map<std::string, Offset> before;
    std::map<std::string, std::int64_t> counts;
    for (auto& r : e_.orders[p]) {
      auto& mine = steps[*r.key];
      auto since = emptied.upper_bound(before.contains(*r.key) ? before[*r.key] : -1);
      const bool starts_anew = !mine.empty() && since != emptied.end() && *since <= r.offset;
      mine.push_back({0, false, false, starts_anew});
      before[*r.key] = r.offset;
      if (emptied.empty() || r.offset >= *emptied.rbegin()) ++counts[*r.key];
    }
    const auto& rows = e_.input.rows.at("visits-by-customer")[p];
    for (const auto& [key, row] : rows)
      if (!counts.contains(key))
        return name_of("visits-by-customer", p) + " has a row for " + key + " that has no order";
    for (const auto& [key, n] : counts) {
      auto row = rows.find(key);
      const std::string has = row == rows.end() ? "nothing" : as_number(std::string_view(row->second).substr(8));
      if (has != std::to_string(n))
        return name_of("visits-by-customer", p) + " holds " + has + " for " + key + " instead of " + std::to_string(n);
    }
    if (!e_.is_exact) return "";
    for (const auto& [key, mine] : steps) {
      auto seen = updates.find(key);
      const std::vector<State> none;
      const Explanation found =
          explain(seen == updates.end() ? none : seen->second, mine, next_count, e_.input.updates_held_back);
      if (found.ends.empty())
        return "visits: " + key + " has updates that " + std::to_string(mine.size()) + " orders cannot make; " +
               std::to_string(found.longest) + " of them can be";
    }
    return "";
  }

  Evidence& e_;
};

}  // namespace

void check_visits(Evidence& evidence) { Visits(evidence).run(); }

}  // namespace millrace::test
