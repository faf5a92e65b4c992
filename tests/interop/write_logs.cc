// Writes a data directory for Kafka's DumpLogSegments to read: every codec, several segments, committed and aborted
// transactions, headers, nulls, committed offsets. Usage: write_logs <directory>
#include <cstdio>

#include "millrace/base/env_real.h"
#include "millrace/connectors/embedded/embedded_client.h"

namespace millrace {
namespace {

Result<> write_codec(LogClient& client, Compression codec) {
  std::string topic = "codec-" + std::string(name_of(codec));
  MR_TRY(client.admin().create_topic({topic, 1, {{"segment.bytes", "20000"}, {"index.interval.bytes", "1000"}}}));
  ProducerConfig config;
  config.transactional_id = topic;
  config.compression = codec;
  MR_ASSIGN(auto producer, client.make_producer(config));
  MR_TRY(producer->init_transactions());
  for (int i = 0; i < 60; ++i) {
    MR_TRY(producer->begin_transaction());
    RecordBatchBuilder batch;
    for (int j = 0; j < 20; ++j) {
      Headers headers{{"trace", Bytes(std::to_string(j))}, {"none", std::nullopt}};
      // Random-looking values, so that compressed segments are several, too.
      std::string value;
      for (int k = 0; k < 60; ++k) value += static_cast<char>((i * 7919 + j * 104729 + k * k * 31) >> (k % 7));
      batch.append({1700000000000 + i * 100 + j}, j == 3 ? BytesView() : BytesView("key"),
                   j == 4 ? BytesView() : BytesView(value), j % 2 ? &headers : nullptr);
    }
    MR_TRY(producer->append({topic, 0}, batch));
    MR_TRY(producer->send_offsets_to_transaction({{{"in", 0}, {i, 0, "metadata"}}}, "group-" + topic));
    if (i % 5 == 4) {
      MR_TRY(producer->abort_transaction());
    } else {
      MR_TRY(producer->commit_transaction());
    }
  }
  return {};
}

Result<> write_logs(const std::string& directory) {
  EmbeddedConfig config;
  config.data_dir = directory;
  config.flush = EmbeddedConfig::Flush::os;
  for (auto codec : {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
    MR_ASSIGN(auto client, open_embedded(real_env(), config));  // opened anew each time: leader epochs, snapshots
    MR_TRY(write_codec(*client, codec));
  }
  return {};
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto result = millrace::write_logs(argv[1]);
  if (!result) std::fprintf(stderr, "%s\n", result.error().text().c_str());
  return result ? 0 : 1;
}
