// Which leader epoch wrote which offsets. On one machine an epoch is one opening of the log, so that a position from
// before a crash that lost records is told apart from the same offset written anew.
//
// Kept in Kafka's leader-epoch-checkpoint: version, count, then "epoch start-offset" lines. The batches carry their
// epoch too, so the file may lag behind: recovery reads the rest.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/result.h"
#include "millrace/base/types.h"

namespace millrace::broker {

// Threads: the log's to order.
class LeaderEpochs {
 public:
  struct Entry {
    LeaderEpoch epoch;
    Offset start_offset;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // Notes that `epoch` wrote from `start_offset` on; nothing if it is not newer than the latest.
  void assign(LeaderEpoch epoch, Offset start_offset);
  // -1 if there is none.
  LeaderEpoch latest() const { return entries_.empty() ? -1 : entries_.back().epoch; }
  // Where `epoch` ends: the start of the next, or `log_end` for the latest. None for an epoch that the log does not
  // know.
  std::optional<Offset> end_offset(LeaderEpoch epoch, Offset log_end) const;
  void truncate_from_end(Offset end);
  void truncate_from_start(Offset start);
  const std::vector<Entry>& entries() const { return entries_; }

  std::string encode() const;
  // Error: CORRUPT_MESSAGE.
  static Result<LeaderEpochs> decode(const std::string& text);

 private:
  std::vector<Entry> entries_;
};

}  // namespace millrace::broker
