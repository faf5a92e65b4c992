#include "millrace/base/meter.h"

#include <algorithm>
#include <limits>

namespace millrace {

void MeterCell::sample(std::int64_t now_ns) {
  sampled_ns_ = now_ns;
  std::lock_guard lock(mutex_);
  samples_[sample_count_++ % samples_.size()] = {now_ns, total()};
}

double MeterCell::rate(std::int64_t now_ns) const {
  const std::int64_t begin_ns = now_ns - window_ns;
  if (last_ns_.load(std::memory_order_relaxed) <= begin_ns && created_ns_ <= begin_ns) return 0;
  Sample from{created_ns_, 0};  // the last one before the window
  {
    std::lock_guard lock(mutex_);
    for (std::size_t i = sample_count_ - std::min(sample_count_, samples_.size()); i < sample_count_; ++i) {
      const Sample& s = samples_[i % samples_.size()];
      if (s.at_ns <= begin_ns) {
        from = s;
        continue;
      }
      // Between two samples something is added only within sample_ns of the first: the total at begin_ns is known.
      if (from.at_ns + sample_ns <= begin_ns) from = {begin_ns, s.total};
      break;
    }
  }
  const std::int64_t passed_ns = std::max<std::int64_t>(now_ns - from.at_ns, 1);
  return static_cast<double>(total() - from.total) * 1e9 / static_cast<double>(passed_ns);
}

void RecentCell::record(double sum, double largest, std::int64_t count, std::int64_t now_ns) {
  if (count == 0) return;
  std::lock_guard lock(mutex_);
  if (current_.count == 0 || now_ns - current_.start_ns >= window_ns) {
    before_ = current_;
    current_ = {now_ns, 0, 0, largest, largest};
  }
  current_.count += count;
  current_.sum += sum;
  current_.largest = std::max(current_.largest, largest);
  if (count == 1) current_.smallest = std::min(current_.smallest, sum);
}

RecentCell::Snapshot RecentCell::snapshot(std::int64_t now_ns) const {
  std::lock_guard lock(mutex_);
  Window all;
  for (const Window& w : {before_, current_}) {
    if (w.count == 0 || now_ns - w.start_ns >= 2 * window_ns) continue;
    all.smallest = all.count ? std::min(all.smallest, w.smallest) : w.smallest;
    all.largest = all.count ? std::max(all.largest, w.largest) : w.largest;
    all.count += w.count;
    all.sum += w.sum;
  }
  if (all.count == 0) {
    constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
    return {nothing, nothing, nothing};
  }
  return {all.sum / static_cast<double>(all.count), all.smallest, all.largest};
}

}  // namespace millrace
