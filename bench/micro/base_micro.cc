// Record batches, checksums, hashes, varints, codecs: what every byte on its way goes through.
#include <benchmark/benchmark.h>

#include "bench/input.h"
#include "millrace/base/compression.h"
#include "millrace/base/crc32c.h"
#include "millrace/base/murmur2.h"
#include "millrace/base/record_batch.h"

namespace millrace::bench {
namespace {

constexpr std::uint64_t keys = 100'000;
constexpr int records_of_a_batch = 1000;

struct Records {
  std::vector<std::string> key, value;
  Records() {
    for (std::uint64_t i = 0; i < records_of_a_batch; ++i) {
      key.push_back(bench::key(i, keys));
      value.push_back(bench::value(i));
    }
  }
};
const Records& records() {
  static const Records made;
  return made;
}
void fill(RecordBatchBuilder& batch) {
  const Records& r = records();
  for (std::size_t i = 0; i < records_of_a_batch; ++i)
    batch.append({1'700'000'000'000 + static_cast<std::int64_t>(i)}, r.key[i], r.value[i]);
}

void record_batch_encode(benchmark::State& state) {
  RecordBatchBuilder batch;
  for (auto _ : state) {
    batch.clear();
    fill(batch);
    benchmark::DoNotOptimize(batch.size());
  }
  state.SetItemsProcessed(state.iterations() * records_of_a_batch);
}
BENCHMARK(record_batch_encode);

void record_batch_seal(benchmark::State& state) {
  RecordBatchBuilder batch;
  fill(batch);
  for (auto _ : state) benchmark::DoNotOptimize(batch.seal({.base_offset = 7}).data());
  state.SetItemsProcessed(state.iterations() * records_of_a_batch);
}
BENCHMARK(record_batch_seal);

void record_batch_decode(benchmark::State& state) {
  RecordBatchBuilder batch;
  fill(batch);
  const Bytes sealed(batch.seal({}));
  Bytes scratch;
  for (auto _ : state) {
    auto view = RecordBatchView::parse(sealed);
    if (!view || !view->crc_matches()) return state.SkipWithError("a batch that was just made");
    RecordReader reader(*view, scratch);
    RecordView record;
    std::size_t bytes = 0;
    while (reader.next(record)) bytes += record.key.size() + record.value.size();
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * records_of_a_batch);
}
BENCHMARK(record_batch_decode);

void crc_32c(benchmark::State& state) {
  const std::string bytes(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(crc32c(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(crc_32c)->Arg(128)->Arg(64 << 10);

void murmur_2(benchmark::State& state) {
  const std::string key = bench::key(1, keys);
  for (auto _ : state) benchmark::DoNotOptimize(partition_for_key(key, 4));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(murmur_2);

void varint_write_and_read(benchmark::State& state) {
  char at[16];
  std::int64_t n = 1;
  for (auto _ : state) {
    n = n * 31 % 20'000;  // one to three bytes
    char* end = write_varint(at, n);
    ByteReader reader({at, static_cast<std::size_t>(end - at)});
    benchmark::DoNotOptimize(reader.varint());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(varint_write_and_read);

void codecs(benchmark::internal::Benchmark* b) {
  for (Compression codec : {Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd})
    b->Arg(static_cast<int>(codec));
}
Bytes text() {
  Bytes all;
  for (std::uint64_t i = 0; all.size() < 64 << 10; ++i) all += line(i);
  return all;
}

void codec_compress(benchmark::State& state) {
  const Bytes in = text();
  Bytes out;
  const auto codec = static_cast<Compression>(state.range(0));
  for (auto _ : state) {
    out.clear();
    compress(codec, in, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(in.size()));
  state.SetLabel(std::string(name_of(codec)));
}
BENCHMARK(codec_compress)->Apply(codecs);

void codec_decompress(benchmark::State& state) {
  const Bytes in = text();
  Bytes compressed, out;
  const auto codec = static_cast<Compression>(state.range(0));
  compress(codec, in, compressed);
  for (auto _ : state) {
    out.clear();
    if (auto done = decompress(codec, compressed, out); !done) return state.SkipWithError("what was just compressed");
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(in.size()));
  state.SetLabel(std::string(name_of(codec)));
}
BENCHMARK(codec_decompress)->Apply(codecs);

}  // namespace
}  // namespace millrace::bench
