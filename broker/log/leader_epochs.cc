#include "millrace/broker/log/leader_epochs.h"

#include <sstream>

namespace millrace::broker {

void LeaderEpochs::assign(LeaderEpoch epoch, Offset start_offset) {
  if (epoch > latest()) entries_.push_back({epoch, start_offset});
}

std::optional<Offset> LeaderEpochs::end_offset(LeaderEpoch epoch, Offset log_end) const {
  if (epoch < 0 || epoch > latest()) return std::nullopt;
  for (std::size_t i = entries_.size(); i-- > 0;) {
    if (entries_[i].epoch <= epoch) return i + 1 < entries_.size() ? entries_[i + 1].start_offset : log_end;
  }
  return std::nullopt;
}

void LeaderEpochs::truncate_from_end(Offset end) {
  while (!entries_.empty() && entries_.back().start_offset >= end) entries_.pop_back();
}

void LeaderEpochs::truncate_from_start(Offset start) {
  while (entries_.size() > 1 && entries_[1].start_offset <= start) entries_.erase(entries_.begin());
  if (!entries_.empty() && entries_[0].start_offset < start) entries_[0].start_offset = start;
}

std::string LeaderEpochs::encode() const {
  std::string text = "0\n" + std::to_string(entries_.size()) + "\n";
  for (const auto& entry : entries_) {
    text += std::to_string(entry.epoch) + " " + std::to_string(entry.start_offset) + "\n";
  }
  return text;
}

Result<LeaderEpochs> LeaderEpochs::decode(const std::string& text) {
  std::istringstream in(text);
  int version = -1;
  std::size_t count = 0;
  in >> version >> count;
  if (!in || version != 0) {
    return Error(ErrorCode::corrupt_message, "leader epoch checkpoint of version " + std::to_string(version));
  }
  LeaderEpochs epochs;
  Entry entry{};
  while (in >> entry.epoch >> entry.start_offset) epochs.entries_.push_back(entry);
  if (epochs.entries_.size() != count) {
    return Error(ErrorCode::corrupt_message, "leader epoch checkpoint says " + std::to_string(count) +
                                                 " entries, has " + std::to_string(epochs.entries_.size()));
  }
  return epochs;
}

}  // namespace millrace::broker
