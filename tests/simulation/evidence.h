// Evidence: what a run has left behind, as the oracle's checks read it, and what they find.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/oracle.h"
#include "tests/simulation/updates.h"

namespace millrace::test {

std::string name_of(std::string_view topic, std::size_t partition);
std::string text_of(const State& state);
std::int64_t number_at(std::string_view bytes, std::size_t at);  // big-endian, of 8 bytes
Isolation isolation_of(bool exactly_once);

// A row's value, without its timestamp, as an output tells it.
using Decode = std::function<std::string(std::string_view)>;
std::string as_is(std::string_view value);
std::string as_number(std::string_view value);

State next_count(const State& before, const Step& step);

// Updates of one output topic by key, in order.
using Updates = std::map<std::string, std::vector<State>>;

class Evidence {
 public:
  explicit Evidence(const OracleInput& input);

  void problem(const std::string& text) {
    if (verdict.problems.size() < 10) verdict.problems.push_back(text);
  }
  void met(const std::string& what, std::int64_t times) { verdict.met[what] += times; }

  TopicRecords read(const std::string& topic, std::size_t partitions = partition_count,
                    Isolation isolation = Isolation::read_committed);
  Updates updates_of(const char* topic);
  std::map<std::string, std::string> rows_of(const char* store, const Decode& decode) const;

  std::string changelog_of(const std::string& store) const;
  // A store's rows are those of its changelog, timestamps included. `row_key`: from a partition's changelog key; empty
  // if the row has expired.
  void check_changelog(const std::string& store,
                       const std::function<std::string(std::size_t, const std::string&)>& row_key);
  void check_changelog(const std::string& store);
  // The output's last update and the row (and so the changelog) say the same.
  void check_last(const char* topic, const char* store, const Decode& decode, const Updates& updates);
  void check_explained(const char* topic, const std::string& key, const std::vector<State>& updates,
                       const std::vector<Step>& steps, const NextState& next);

  const OracleInput& input;
  bool is_exact = true;  // nothing may have been done twice: exactly once, or nothing went wrong
  int redone = 0;
  TopicRecords orders;              // as the application reads them
  std::set<std::int64_t> phantoms;  // orders that were sent and are not there: lost, or never written
  Versions customers, prices;       // that a join may have met, in order
  std::map<std::string, State> last_customers, last_prices;
  Verdict verdict;

 private:
  void read_tables();
  void check_input();
};

// The checks; each adds its problems to the evidence.
void check_outputs(Evidence& evidence);  // a record for each order
void check_stores(Evidence& evidence);   // tables and aggregates
void check_windows(Evidence& evidence);
void check_visits(Evidence& evidence);  // the store without a changelog

}  // namespace millrace::test
