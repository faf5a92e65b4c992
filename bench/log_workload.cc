#include <algorithm>
#include <cstdio>
#include <vector>

#include "bench/input.h"
#include "bench/workloads.h"
#include "millrace/base/env_real.h"
#include "millrace/client_factory.h"

namespace millrace::bench {

namespace {

std::int64_t now_ns() { return real_env().clock().monotonic_ns(); }
constexpr std::size_t batch_bytes = 65536;

struct Appended {
  double records_per_s = 0, p99_ms = 0;
};

// Each producer appends batches to a partition of its own and waits for each to be on disk.
Result<Appended> append(LogClient& log, const LogWorkload& w, const std::string& topic) {
  const std::uint64_t each = w.records / static_cast<std::uint64_t>(w.producers);
  std::vector<std::vector<std::int64_t>> waits(static_cast<std::size_t>(w.producers));
  std::vector<std::optional<Error>> errors(static_cast<std::size_t>(w.producers));
  const std::int64_t start = now_ns();
  auto threads = real_env().make_io_executor(w.producers, "producers");
  for (int p = 0; p < w.producers; ++p) {
    threads->post([&, p] {
      const auto me = static_cast<std::size_t>(p);
      auto producer = log.make_producer({});
      if (!producer) return void(errors[me] = producer.error());
      const TopicPartition to{topic, p};
      const std::string payload(w.size, 'x');
      RecordBatchBuilder batch;
      for (std::uint64_t i = 0; i < each;) {
        for (; i < each && batch.size() < batch_bytes; ++i)
          batch.append({static_cast<std::int64_t>(i)}, BytesView(), payload);
        const std::int64_t sent = now_ns();
        auto base = (*producer)->append(to, batch);
        if (!base) return void(errors[me] = base.error());
        if (auto synced = (*producer)->sync({to}); !synced) return void(errors[me] = synced.error());
        waits[me].push_back(now_ns() - sent);
        batch.clear();
      }
    });
  }
  threads->drain();
  const double seconds = static_cast<double>(now_ns() - start) / 1e9;
  for (auto& e : errors)
    if (e) return *e;
  std::vector<std::int64_t> all;
  for (auto& some : waits) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  return Appended{static_cast<double>(each * static_cast<std::uint64_t>(w.producers)) / seconds,
                  all.empty() ? 0 : static_cast<double>(all[all.size() * 99 / 100]) / 1e6};
}

// One thread reads and decodes everything.
Result<double> fetch(LogClient& log, const LogWorkload& w, const std::string& topic) {
  MR_ASSIGN(auto consumer, log.make_consumer({}));
  std::uint64_t records = 0, bytes = 0;
  const std::int64_t start = now_ns();
  for (PartitionId p = 0; p < w.producers; ++p) {
    Offset at = 0;
    for (;;) {
      MR_ASSIGN(FetchedBatches fetched, consumer->fetch({{topic, p}, at}));
      BytesView rest = *fetched.bytes;
      if (rest.empty()) break;
      Bytes scratch;
      while (!rest.empty()) {
        MR_ASSIGN(RecordBatchView batch, RecordBatchView::parse(rest));
        if (!batch.crc_matches()) return Error(ErrorCode::corrupt_message, "a batch that was just written");
        RecordReader reader(batch, scratch);
        RecordView record;
        while (reader.next(record)) ++records, bytes += record.value.size();
        rest.remove_prefix(batch.bytes().size());
        at = batch.last_offset() + 1;
      }
    }
  }
  if (bytes != records * w.size) return Error("the log gave back other records than it got");
  return static_cast<double>(records) * 1e9 / static_cast<double>(now_ns() - start);
}

Result<> measure(const LogWorkload& w) {
  MR_ASSIGN(auto log, make_log_client(real_env(), w.dir + "/data", {{"flush", w.flush}}));
  const std::string topic = "bench-log-" + std::to_string(real_env().clock().now().ms);
  MR_TRY(log->admin().create_topic({topic, w.producers, {}}));
  MR_ASSIGN(Appended appended, append(*log, w, topic));
  MR_ASSIGN(double fetched, fetch(*log, w, topic));
  std::printf(
      "{\"system\":\"millrace\",\"workload\":\"log\",\"records\":%llu,\"size\":%zu,\"producers\":%d,\"flush\":\"%s\","
      "\"append_records_per_s\":%.0f,\"append_p99_ms\":%.2f,\"fetch_records_per_s\":%.0f}\n",
      static_cast<unsigned long long>(w.records), w.size, w.producers, w.flush.c_str(), appended.records_per_s,
      appended.p99_ms, fetched);
  return log->admin().delete_topic(topic);
}

}  // namespace

int run_log(const LogWorkload& w) {
  auto measured = measure(w);
  if (measured) return 0;
  std::fprintf(stderr, "millrace-bench: %s\n", measured.error().text().c_str());
  return 1;
}

}  // namespace millrace::bench
