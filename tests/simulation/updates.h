// Whether a key's updates in an output topic can have come from the key's input records.
#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace millrace::test {

using State = std::optional<std::string>;  // nullopt: none, or deleted

// One input record of the key.
struct Step {
  std::size_t record = 0;       // its number in the input, for NextState
  bool may_be_dropped = false;  // as late, or not
  bool may_start_anew = false;  // what there was before may have expired
  bool starts_anew = false;     // what there was before has been taken away
};
using NextState = std::function<State(const State& before, const Step& step)>;

struct Explanation {
  std::set<State> ends;     // the states that the steps may have led to, given the updates; empty: they cannot be
  std::size_t longest = 0;  // how many of the updates can be
};

// Every step is an update, or, with `held_back`, may be covered up by a later one; that of nothing by nothing is then
// none.
Explanation explain(const std::vector<State>& updates, const std::vector<Step>& steps, const NextState& next,
                    bool held_back);

}  // namespace millrace::test
