#include "millrace/connectors/source.h"

namespace millrace {

std::string source_offsets_topic(const std::string& application_id) { return application_id + "-source-offsets"; }

Result<> ensure_source_offsets_topic(Admin& admin, const std::string& application_id) {
  auto made = admin.create_topic({source_offsets_topic(application_id), 1, {{"cleanup.policy", "compact"}}});
  if (!made && made.error().code() != ErrorCode::topic_already_exists) return std::move(made).error();
  return {};
}

Result<std::optional<Bytes>> committed_source_offset(LogClient& client, const std::string& application_id,
                                                     const Bytes& key) {
  TopicPartition partition{source_offsets_topic(application_id), 0};
  ConsumerConfig config;
  config.client_id = application_id + "-source-offsets";
  config.isolation = Isolation::read_committed;
  config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
  MR_ASSIGN(auto consumer, client.make_consumer(config));
  MR_TRY(consumer->assign({partition}));
  MR_ASSIGN(Offset start, consumer->beginning_offset(partition));
  MR_TRY(consumer->seek(partition, start));
  MR_ASSIGN(Offset end, consumer->end_offset(partition, Isolation::read_committed));
  std::optional<Bytes> found;
  while (true) {
    MR_ASSIGN(Offset position, consumer->position(partition));
    if (position >= end) return found;
    MR_ASSIGN(auto records, consumer->poll(100ms));
    for (ConsumedRecord& record : records) {
      if (record.key == key) found = std::move(record.value);
    }
  }
}

}  // namespace millrace
