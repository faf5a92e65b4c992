// All partition logs of a broker: opening them, finding them, and what is done to all of them from time to time.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "millrace/broker/log/log_directory.h"
#include "millrace/broker/log/partition_log.h"
#include "millrace/broker/topics.h"

namespace millrace::broker {

// Threads: any.
class Logs {
 public:
  // Opens the partitions of all topics, and removes what a crash left of a creation or a deletion: directories without
  // records, and those of topics that were removed. A directory with records that belongs to no topic is an error: then
  // topics.log is damaged or gone, and nothing is touched.
  static Result<std::unique_ptr<Logs>> open(LogDirectory& directory, Topics& topics);

  // Makes the partitions' directories, durably, before the topic is added to Topics, and publish() their logs after it:
  // what takes records has a topic.
  using LogList = std::vector<std::shared_ptr<PartitionLog>>;
  Result<LogList> create(const Topic& topic);
  void publish(LogList logs);
  // Takes the partitions away and removes their files, after the topic was removed from Topics.
  Result<> remove(const Topic& topic);

  // Null if there is none.
  std::shared_ptr<PartitionLog> find(const TopicPartition& partition) const;
  std::vector<std::shared_ptr<PartitionLog>> all() const;

  // Syncs everything that changed since the last one and notes where recovery may start and where logs start.
  // `at_once`: where several logs may wait for the disk at the same time; null: one after the other.
  Result<> checkpoint(Executor* at_once = nullptr);
  // Removes what retention no longer keeps. Returns the number of segments.
  Result<int> enforce_retention();
  // Compacts those compacted topics of which enough is dirty. Returns how many were.
  Result<int> compact();
  // Notes where logs start, durably: after delete_records.
  Result<> write_log_starts();

 private:
  explicit Logs(LogDirectory& directory) : directory_(directory) {}
  Result<std::shared_ptr<PartitionLog>> open_partition(const Topic& topic, PartitionId partition,
                                                       const TopicConfig& config);
  Result<> remove_strays(Topics& topics);
  Result<> check_is_stray(const std::string& path, const std::set<std::string>& removed) const;
  std::string path_of(const TopicPartition& partition) const { return directory_.path() + "/" + partition.text(); }

  LogDirectory& directory_;
  LogDirectory::Offsets recovery_points_, log_starts_, cleaned_to_;  // as on disk; under checkpoint_mutex_
  bool is_unwritten_ = false;                                        // they are ahead of the disk
  std::mutex checkpoint_mutex_;
  mutable std::shared_mutex mutex_;
  std::map<TopicPartition, std::shared_ptr<PartitionLog>> logs_;
};

}  // namespace millrace::broker
