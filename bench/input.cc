#include "bench/input.h"

#include <cstdio>
#include <vector>

#include "millrace/base/murmur2.h"

namespace millrace::bench {

namespace {
constexpr std::int64_t first_timestamp_ms = 1'700'000'000'000;
constexpr std::size_t batch_bytes = 65536;
constexpr std::size_t value_size = 100;
}  // namespace

std::uint64_t mix(std::uint64_t i) {
  std::uint64_t z = i * 0x9E3779B97F4A7C15ULL + 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::string key(std::uint64_t i, std::uint64_t keys) { return "k" + std::to_string(mix(i) % keys); }

std::string value(std::uint64_t i) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(value_size + 16);
  for (std::uint64_t j = 0; out.size() < value_size; ++j) {
    const std::uint64_t n = mix(i * 7 + j);
    for (int shift = 60; shift >= 0; shift -= 4) out += digits[n >> shift & 15];
  }
  out.resize(value_size);
  return out;
}

std::int64_t timestamp_ms(std::uint64_t i) { return first_timestamp_ms + static_cast<std::int64_t>(i / 100); }

std::string line(std::uint64_t i) {
  std::string out;
  for (std::uint64_t j = 0; j < 10; ++j) {
    const std::uint64_t r = mix(i * 10 + j);
    const std::uint64_t w = ((r & 0xffff) * ((r >> 16) & 0xffff) >> 16) * 10000 >> 16;
    if (j > 0) out += ' ';
    out += 'w' + std::to_string(w);
  }
  return out;
}

namespace {

class Loader {
 public:
  Loader(Producer& producer, std::string topic, int partitions)
      : producer_(producer), topic_(std::move(topic)), batches_(partitions) {}
  Result<> add(std::uint64_t i, const std::string* key, const std::string& value) {
    const auto partition = static_cast<std::size_t>(key ? partition_for_key(*key, static_cast<int>(batches_.size()))
                                                        : static_cast<int>(sticky_ % batches_.size()));
    RecordBatchBuilder& batch = batches_[partition];
    batch.append({timestamp_ms(i)}, key ? BytesView(*key) : BytesView(), value);
    if (batch.size() < batch_bytes) return {};
    if (!key) ++sticky_;
    return flush(partition);
  }
  Result<> finish() {
    for (std::size_t p = 0; p < batches_.size(); ++p) MR_TRY(flush(p));
    std::vector<TopicPartition> all;
    for (std::size_t p = 0; p < batches_.size(); ++p) all.push_back({topic_, static_cast<PartitionId>(p)});
    return producer_.sync(all);
  }

 private:
  Result<> flush(std::size_t partition) {
    RecordBatchBuilder& batch = batches_[partition];
    if (batch.empty()) return {};
    MR_TRY(producer_.append({topic_, static_cast<PartitionId>(partition)}, batch));
    batch.clear();
    return {};
  }
  Producer& producer_;
  const std::string topic_;
  std::vector<RecordBatchBuilder> batches_;
  std::size_t sticky_ = 0;
};

Result<std::uint64_t> records_in(LogClient& log, const std::string& topic, int partitions) {
  std::uint64_t n = 0;
  for (PartitionId p = 0; p < partitions; ++p) {
    MR_ASSIGN(PartitionOffsets offsets, log.admin().describe_partition({topic, p}));
    n += static_cast<std::uint64_t>(offsets.log_end_offset - offsets.log_start_offset);
  }
  return n;
}

}  // namespace

Result<> load(LogClient& log, const std::string& topic, Kind kind, int partitions, std::uint64_t records,
              std::uint64_t keys) {
  if (auto there = log.admin().describe_topic(topic)) {
    MR_ASSIGN(std::uint64_t found, records_in(log, topic, there->partitions));
    if (found == records && there->partitions == partitions) return {};
    MR_TRY(log.admin().delete_topic(topic));  // an earlier load was cut off
  }
  MR_TRY(log.admin().create_topic({topic, partitions, {{"retention.ms", "-1"}}}));
  MR_ASSIGN(auto producer, log.make_producer({}));
  Loader loader(*producer, topic, partitions);
  for (std::uint64_t i = 0; i < records; ++i) {
    if (kind == Kind::lines) {
      MR_TRY(loader.add(i, nullptr, line(i)));
    } else {
      const std::string k = kind == Kind::table ? "k" + std::to_string(i) : key(i, keys);
      MR_TRY(loader.add(i, &k, value(i)));
    }
  }
  return loader.finish();
}

}  // namespace millrace::bench
