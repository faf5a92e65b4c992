// A partition's log: append and read, over simulated files in memory and over real ones.
#include <benchmark/benchmark.h>

#include "bench/input.h"
#include "bench/micro/folder.h"
#include "millrace/base/sim/sim_env.h"
#include "millrace/broker/broker.h"

namespace millrace::bench {
namespace {

constexpr int records_of_a_batch = 1000;

// A log of one partition, in memory or on disk.
class OneLog {
 public:
  explicit OneLog(bool in_memory) : in_memory_(in_memory) { open(); }
  // Empty again.
  void open() {
    log_.reset();
    broker_.reset();
    if (in_memory_) {
      simulated_ = std::make_unique<sim::SimEnv>(1);
    } else {
      folder_ = std::make_unique<Folder>();
    }
    broker::BrokerConfig config;
    config.data_dir = in_memory_ ? "/data" : folder_->path();
    config.flush = broker::FlushMode::os;
    config.housekeeping_interval = 0ms;
    Env& env = in_memory_ ? static_cast<Env&>(*simulated_) : real_env();
    broker_ = *broker::Broker::open(env, config);
    if (auto made = broker_->create_topic("t", 1, {}); !made) return;
    log_ = *broker_->partition({"t", 0});
  }
  broker::PartitionLog& log() { return *log_; }

 private:
  const bool in_memory_;
  std::unique_ptr<sim::SimEnv> simulated_;
  std::unique_ptr<Folder> folder_;
  std::unique_ptr<broker::Broker> broker_;
  std::shared_ptr<broker::PartitionLog> log_;
};

void fill(RecordBatchBuilder& batch) {
  for (std::uint64_t i = 0; i < records_of_a_batch; ++i) batch.append({1'700'000'000'000}, key(i, 1000), value(i));
}

void partition_log_append(benchmark::State& state) {
  constexpr std::int64_t reopen_every = 2000;  // 250 MB
  OneLog one(state.range(0) == 0);
  RecordBatchBuilder batch;
  fill(batch);
  std::int64_t appended = 0;
  for (auto _ : state) {
    if (++appended % reopen_every == 0) {
      state.PauseTiming();
      one.open();
      state.ResumeTiming();
    }
    if (auto done = one.log().append(batch, {}); !done) return state.SkipWithError(done.error().text().c_str());
  }
  state.SetItemsProcessed(state.iterations() * records_of_a_batch);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(batch.size()));
  state.SetLabel(state.range(0) == 0 ? "memory" : "file");
}
BENCHMARK(partition_log_append)->Arg(0)->Arg(1)->UseRealTime();

void partition_log_read(benchmark::State& state) {
  OneLog one(state.range(0) == 0);
  RecordBatchBuilder batch;
  fill(batch);
  for (int i = 0; i < 100; ++i)
    if (auto done = one.log().append(batch, {}); !done) return state.SkipWithError(done.error().text().c_str());
  std::int64_t bytes = 0;
  broker::ReadRequest request;
  for (auto _ : state) {
    auto read = one.log().read(request);
    if (!read) return state.SkipWithError(read.error().text().c_str());
    bytes += static_cast<std::int64_t>(read->bytes->size());
    request.offset = (request.offset + 4 * records_of_a_batch) % (100 * records_of_a_batch);
  }
  state.SetBytesProcessed(bytes);
  state.SetLabel(state.range(0) == 0 ? "memory" : "file");
}
BENCHMARK(partition_log_read)->Arg(0)->Arg(1)->UseRealTime();

}  // namespace
}  // namespace millrace::bench
