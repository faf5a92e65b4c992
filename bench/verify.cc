#include "bench/verify.h"

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <vector>

#include "bench/input.h"
#include "millrace/runtime/committed_batches.h"

namespace millrace::bench {

namespace {

constexpr std::int64_t window_ms = 10'000;
constexpr std::size_t fetch_bytes = 4 << 20;

Result<> read_partition(Consumer& consumer, const TopicPartition& partition,
                        const std::function<void(const RecordView&)>& visit) {
  MR_ASSIGN(Offset end, consumer.end_offset(partition, Isolation::read_committed));
  CommittedBatches batches;
  batches.reset(0);
  Offset passed = 0;
  Bytes scratch;
  while (batches.end() < end) {
    FetchRequest request{partition, batches.end(), fetch_bytes, Isolation::read_committed};
    MR_ASSIGN(FetchedBatches fetched, consumer.fetch(request));
    if (fetched.bytes->empty()) return Error(partition.text() + " ends before its end offset");
    batches.add(std::move(fetched));
    for (;;) {
      MR_ASSIGN(bool more, batches.next(passed));
      if (!more) break;
      RecordReader reader(batches.batch(), scratch);
      RecordView record;
      while (reader.next(record)) visit(record);
      MR_TRY(reader.status());
      passed = batches.batch().last_offset() + 1;
    }
  }
  return {};
}

Result<> read_all(LogClient& log, const std::string& topic, const std::function<void(const RecordView&)>& visit) {
  MR_ASSIGN(TopicDescription description, log.admin().describe_topic(topic));
  MR_ASSIGN(auto consumer, log.make_consumer({}));
  for (PartitionId p = 0; p < description.partitions; ++p) MR_TRY(read_partition(*consumer, {topic, p}, visit));
  return {};
}

// ---------------------------------------------------------------- the last value of every key

struct Counted {
  std::int64_t count = 0, timestamp_ms = 0;
  friend bool operator==(const Counted&, const Counted&) = default;
};
using Counts = std::unordered_map<std::string, Counted>;

void count(Counts& counts, const std::string& key, std::int64_t timestamp_ms) {
  Counted& c = counts[key];
  ++c.count;
  c.timestamp_ms = std::max(c.timestamp_ms, timestamp_ms);
}

Counts expected_counts(const StreamsWorkload& w) {
  Counts counts;
  for (std::uint64_t i = 0; i < w.records; ++i) {
    const std::int64_t at_ms = timestamp_ms(i);
    if (w.workload == "count") {
      count(counts, key(i, w.keys), at_ms);
    } else if (w.workload == "window") {
      count(counts, key(i, w.keys) + "@" + std::to_string(at_ms / window_ms * window_ms), at_ms);
    } else {
      const std::string text = line(i) + ' ';
      for (std::size_t at = 0; at < text.size(); at = text.find(' ', at) + 1)
        count(counts, text.substr(at, text.find(' ', at) - at), at_ms);
    }
  }
  return counts;
}

std::string text_of(const Counted& c) { return std::to_string(c.count) + " at " + std::to_string(c.timestamp_ms); }

Result<> verify_counts(LogClient& log, const StreamsWorkload& w, const std::string& out) {
  Counts found;
  std::string odd;
  MR_TRY(read_all(log, out, [&](const RecordView& r) {
    if (r.value.size() != sizeof(std::int64_t))
      odd = std::string(r.key);
    else
      found[std::string(r.key)] = {from_big_endian<std::int64_t>(r.value.data()), r.timestamp.ms};
  }));
  if (!odd.empty()) return Error("key " + odd + " has a value that is no count");
  const Counts expected = expected_counts(w);
  for (const auto& [key, counted] : expected) {
    auto at = found.find(key);
    if (at == found.end()) return Error("key " + key + " is missing");
    if (at->second != counted)
      return Error("key " + key + " is " + text_of(at->second) + " and should be " + text_of(counted));
  }
  if (found.size() == expected.size()) return {};
  return Error("there are " + std::to_string(found.size()) + " keys and should be " + std::to_string(expected.size()));
}

// ---------------------------------------------------------------- every record once

// A record as one number. 64 bits: among 20 million records two are alike with a chance of one in 100,000, and then
// only a swap of these two would be missed.
std::uint64_t number_of(BytesView key, BytesView value, std::int64_t timestamp_ms) {
  std::uint64_t n = mix(static_cast<std::uint64_t>(timestamp_ms));
  for (BytesView part : {key, value}) {
    n = mix(n ^ part.size());
    for (; part.size() >= sizeof n; part.remove_prefix(sizeof n))
      n = mix(n ^ from_big_endian<std::uint64_t>(part.data()));
    for (char c : part) n = mix(n ^ static_cast<unsigned char>(c));
  }
  return n;
}

struct Expected {
  std::vector<std::uint64_t> certain;   // must be there, once each
  std::vector<std::uint64_t> possible;  // may be there
};

// A join finds a table's row if it is older than the record. Of one of the same millisecond the order of arrival in the
// heads of the two inputs decides, which is not judged here.
Expected expected_records(const StreamsWorkload& w) {
  Expected expected;
  expected.certain.reserve(w.records);
  for (std::uint64_t i = 0; i < w.records; ++i) {
    const std::string k = key(i, w.keys);
    std::string v = value(i);
    if (w.workload == "map") {
      std::reverse(v.begin(), v.end());
      expected.certain.push_back(number_of(k, v, timestamp_ms(i)));
      continue;
    }
    const std::uint64_t row = std::stoull(k.substr(1));
    if (timestamp_ms(row) > timestamp_ms(i)) continue;
    v += value(row).substr(0, 8);
    (timestamp_ms(row) < timestamp_ms(i) ? expected.certain : expected.possible)
        .push_back(number_of(k, v, timestamp_ms(i)));
  }
  std::sort(expected.certain.begin(), expected.certain.end());
  std::sort(expected.possible.begin(), expected.possible.end());
  return expected;
}

Result<> verify_records(LogClient& log, const StreamsWorkload& w, const std::string& out) {
  std::vector<std::uint64_t> found;
  found.reserve(w.records);
  MR_TRY(read_all(log, out, [&](const RecordView& r) { found.push_back(number_of(r.key, r.value, r.timestamp.ms)); }));
  std::sort(found.begin(), found.end());
  const Expected expected = expected_records(w);
  std::vector<std::uint64_t> missing, more, wrong;
  std::set_difference(expected.certain.begin(), expected.certain.end(), found.begin(), found.end(),
                      std::back_inserter(missing));
  std::set_difference(found.begin(), found.end(), expected.certain.begin(), expected.certain.end(),
                      std::back_inserter(more));
  std::set_difference(more.begin(), more.end(), expected.possible.begin(), expected.possible.end(),
                      std::back_inserter(wrong));
  if (missing.empty() && wrong.empty()) return {};
  return Error("of " + std::to_string(expected.certain.size()) + " records " + std::to_string(missing.size()) +
               " are missing, and " + std::to_string(wrong.size()) + " are there that should not be");
}

}  // namespace

Result<> verify(LogClient& log, const StreamsWorkload& w, const std::string& out) {
  return w.workload == "map" || w.workload == "join" ? verify_records(log, w, out) : verify_counts(log, w, out);
}

}  // namespace millrace::bench
