#include <algorithm>

#include "tests/simulation/evidence.h"

namespace millrace::test {

namespace {

class Windows {
 public:
  explicit Windows(Evidence& evidence) : e_(evidence) {}
  void run() {
    check_all();
    check_dropped();
  }

 private:
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
    for (auto& r : e_.orders[p]) {
      for (; stay + 1 < e_.input.stays.size() && e_.input.stays[stay + 1].from[p] <= r.offset; ++stay)
        stream_time_ms = -1;
      stream_time_ms = std::max(stream_time_ms, r.timestamp.ms);
      const bool late = is_late(r, stream_time_ms);
      // At least once, what is done twice is counted the second time.
      const bool may_be_dropped = late && (e_.input.stays[stay].redone > 0 || !e_.is_exact);
      if (late && !may_be_dropped) continue;
      const std::int64_t start = window_start(r);
      WindowSteps& window = windows[*r.key + "@" + std::to_string(start)];
      const bool expired = start <= observed_ms - window_retention_ms;
      window.steps.push_back({0, may_be_dropped, expired, false});
      window.certain += !may_be_dropped;
      if (expired) e_.met("an order for an expired window was counted after a restart", 1);
      observed_ms = std::max(observed_ms, start);
    }
    for (auto& [key, window] : windows)
      window.has_expired = std::stoll(key.substr(key.find('@') + 1)) <= observed_ms - window_retention_ms;
    return windows;
  }

  // A window's key on disk: segment, key, start, sequence.
  void check_all() {
    auto updates = e_.updates_of("windows");
    std::array<std::int64_t, partition_count> first_segment{};
    for (std::size_t p = 0; p < partition_count; ++p) {
      std::int64_t observed_ms = -1;
      const auto all = window_steps(p, observed_ms);
      first_segment[p] = std::max<std::int64_t>(observed_ms - window_retention_ms, 0) / window_segment_ms;
      std::map<std::string, std::string> rows;
      for (const auto& [key, row] : e_.input.rows.at("orders-by-window")[p]) {
        const std::int64_t segment = number_at(key, 0), start = number_at(key, key.size() - 12);
        if (segment < first_segment[p]) e_.problem(name_of("orders-by-window", p) + " has a row of an expired segment");
        rows[key.substr(8, key.size() - 20) + "@" + std::to_string(start)] = as_number(std::string_view(row).substr(8));
      }
      for (const auto& [key, window] : all) check_window(key, window, updates[key], rows);
      if (e_.is_exact)
        for (const auto& [key, row] : rows)
          if (!all.contains(key)) e_.problem("orders-by-window has a row for " + key + ", which no order has");
      for (const auto& [key, window] : all) seen_windows_.insert(key);
    }
    if (e_.is_exact)
      for (const auto& [key, seen] : updates)
        if (!seen_windows_.contains(key)) e_.problem("windows has " + key + ", which no order has");
    e_.check_changelog("orders-by-window", [&](std::size_t p, const std::string& key) {
      const std::int64_t segment = number_at(key, key.size() - 12) / window_segment_ms;
      if (segment < first_segment[p]) return std::string();
      std::string row_key;
      append_big_endian<std::int64_t>(row_key, segment);
      return row_key + key;
    });
  }

  void check_window(const std::string& key, const WindowSteps& window, const std::vector<State>& updates,
                    const std::map<std::string, std::string>& rows) {
    if (e_.is_exact) {
      if (updates.empty() && window.certain == 0) return;
      e_.check_explained("windows", key, updates, window.steps, next_count);
    } else {
      std::int64_t last = updates.empty() ? 0 : std::stoll(updates.back().value_or("0"));
      // What is counted the second time into a window that has expired meanwhile begins at one.
      const std::int64_t least = static_cast<std::int64_t>(window.has_expired ? window.certain > 0 : window.certain);
      if (last < least)
        e_.problem("windows: " + key + " ends at " + std::to_string(last) + ", it has " + std::to_string(least) +
                   " orders");
    }
    if (window.has_expired) return e_.met("a window has expired", 1);
    auto row = rows.find(key);
    // Of an order that was lost after it was read, the update or the row may be left, and the other not.
    if (has_phantom(key)) return;
    if (updates.empty() ? row != rows.end() : row == rows.end() || updates.back() != row->second)
      e_.problem("orders-by-window holds " + (row == rows.end() ? "nothing" : row->second) + " for " + key +
                 ", the output says " + (updates.empty() ? "nothing" : text_of(updates.back())));
  }

  bool has_phantom(const std::string& window) const {
    return !e_.is_exact && std::any_of(e_.phantoms.begin(), e_.phantoms.end(), [&](std::int64_t id) {
      const auto& order = e_.input.fed.orders.at(id);
      return order.customer + "@" + std::to_string(order.time_ms / window_ms * window_ms) == window;
    });
  }

  // Where nothing was done again, it is known from where stream time ran, and to where at least: what was processed
  // after the last commit is not.
  void check_dropped() {
    for (const Stay& stay : e_.input.stays) {
      if (!stay.ended_well || stay.redone > 0) continue;
      std::int64_t least = 0, most = 0;
      for (std::size_t p = 0; p < partition_count; ++p) {
        std::int64_t stream_time_ms = -1;
        for (auto& r : e_.orders[p]) {
          if (r.offset < stay.from[p]) continue;
          stream_time_ms = std::max(stream_time_ms, r.timestamp.ms);
          if (!is_late(r, stream_time_ms)) continue;
          ++most;
          least += r.offset < stay.to[p];
        }
      }
      if (stay.dropped < least || stay.dropped > most)
        e_.problem(std::to_string(least) + " to " + std::to_string(most) + " orders were late, " +
                   std::to_string(stay.dropped) + " were dropped");
      e_.met("a late order was dropped and counted", least);
    }
  }

  Evidence& e_;
  std::set<std::string> seen_windows_;
};

}  // namespace

void check_windows(Evidence& evidence) { Windows(evidence).run(); }

}  // namespace millrace::test
