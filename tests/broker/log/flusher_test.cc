#include "millrace/broker/log/flusher.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "millrace/base/env_real.h"
#include "millrace/base/sim/sim_env.h"

namespace millrace::broker {
namespace {

std::vector<std::shared_ptr<PartitionLog>> open_logs(LogDirectory& directory, int count) {
  std::vector<std::shared_ptr<PartitionLog>> logs;
  for (int i = 0; i < count; ++i) {
    PartitionLog::Options options;
    options.partition = {"t", i};
    options.topic_id = {1, 2};
    options.directory = directory.path() + "/t-" + std::to_string(i);
    logs.push_back(*PartitionLog::open(directory, options));
  }
  return logs;
}
void append(PartitionLog& log) {
  RecordBatchBuilder batch;
  batch.append({1}, "k", "v");
  ASSERT_TRUE(log.append(batch, {}));
}

TEST(Flusher, many_files_are_one_sync_of_the_filesystem) {
  sim::SimEnv env(1);
  auto directory = *LogDirectory::open(env, "/d", FlushMode::group, [](const std::string&) {});
  auto logs = open_logs(*directory, 9);
  Flusher flusher(*directory);
  for (auto& log : logs) append(*log);
  ASSERT_TRUE(flusher.sync(logs));
  EXPECT_EQ(env.faults().passes().count("log.segment.sync"), 0u);
  EXPECT_EQ(env.faults().passes().at("log.filesystem.sync"), 1u);
  append(*logs[0]);
  ASSERT_TRUE(flusher.sync(logs));  // only what is dirty
  EXPECT_EQ(env.faults().passes().at("log.segment.sync"), 1u);
}

// Real threads: whoever arrives during a round is answered by the next, all together.
TEST(Flusher, one_round_answers_everybody_who_waits) {
  auto path = ::testing::TempDir() + "/millrace_flusher_" + std::to_string(::getpid());
  auto directory = *LogDirectory::open(real_env(), path, FlushMode::group, [](const std::string&) {});
  {
    auto logs = open_logs(*directory, 4);
    Flusher flusher(*directory);
    auto executor = real_env().make_io_executor(4, "test");
    std::atomic<int> calls = 0;
    for (int t = 0; t < 4; ++t) {
      executor->post([&, t] {
        for (int i = 0; i < 100; ++i) {
          append(*logs[static_cast<std::size_t>(t)]);
          EXPECT_TRUE(flusher.sync({logs[static_cast<std::size_t>(t)]}));
          EXPECT_FALSE(logs[static_cast<std::size_t>(t)]->has_unsynced());
          ++calls;
        }
      });
    }
    executor->drain();
    EXPECT_EQ(calls, 400);
    EXPECT_LE(flusher.rounds(), 400);
  }
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace millrace::broker
