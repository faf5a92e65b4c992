#include "tests/simulation/updates.h"

#include <algorithm>
#include <map>

namespace millrace::test {

namespace {

// How many updates have been explained so far, for each state that the key may be in.
using Ways = std::map<State, std::set<std::size_t>>;

}  // namespace

Explanation explain(const std::vector<State>& updates, const std::vector<Step>& steps, const NextState& next,
                    bool held_back) {
  Explanation result;
  Ways ways{{std::nullopt, {0}}};
  for (const Step& step : steps) {
    Ways then;
    for (const auto& [state, counts] : ways) {
      if (step.may_be_dropped) then[state].insert(counts.begin(), counts.end());
      std::set<State> afters;
      if (!step.starts_anew) afters.insert(next(state, step));
      if (step.starts_anew || step.may_start_anew) afters.insert(next(std::nullopt, step));
      for (const State& after : afters)
        for (const std::size_t count : counts) {
          const bool is_news = !held_back || after || (count > 0 && updates[count - 1]);
          if (is_news && count < updates.size() && updates[count] == after) then[after].insert(count + 1);
          if (!is_news || held_back) then[after].insert(count);
        }
    }
    // Where any update may be covered up, who has explained more has only less before him.
    if (held_back)
      for (auto& [state, counts] : then)
        if (!counts.empty()) counts = {*counts.rbegin()};
    for (const auto& [state, counts] : then)
      if (!counts.empty()) result.longest = std::max(result.longest, *counts.rbegin());
    ways = std::move(then);
  }
  const State last = updates.empty() ? State() : updates.back();
  for (const auto& [state, counts] : ways)
    if (counts.contains(updates.size()) && state == last) result.ends.insert(state);
  return result;
}

}  // namespace millrace::test
