#include "tests/formats/dump.h"

#include "millrace/base/base64.h"
#include "millrace/broker/broker.h"
#include "millrace/dsl/topology.h"
#include "millrace/runtime/offset_metadata.h"
#include "millrace/runtime/state_directory.h"
#include "millrace/statestore/rocksdb/task_database.h"
#include "tests/formats/golden_topology.h"

namespace millrace::formats {

namespace {

// Printable text as it is, else hexadecimal.
std::string shown(std::optional<BytesView> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  if (!bytes || !bytes->data()) return "null";
  bool printable = true;
  for (char c : *bytes) printable &= c >= ' ' && c <= '~';
  if (printable) return "\"" + std::string(*bytes) + "\"";
  std::string hex = "0x";
  for (char c : *bytes) ((hex += digits[static_cast<std::uint8_t>(c) >> 4]) += digits[c & 15]);
  return hex;
}

Result<std::string> records_of(const RecordBatchView& batch) {
  std::string out;
  Bytes scratch;
  RecordReader reader(batch, scratch);
  RecordView record;
  while (reader.next(record)) {
    out += "    " + std::to_string(record.offset) + " @" + std::to_string(record.timestamp.ms) + " " +
           shown(record.key) + " = " + shown(record.value);
    MR_ASSIGN(Headers headers, decode_headers(record));
    for (const Header& h : headers)
      out += " {" + h.name + ": " + shown(h.value ? std::optional<BytesView>(*h.value) : std::nullopt) + "}";
    out += "\n";
  }
  MR_TRY(reader.status());
  return out;
}

std::string head_of(const RecordBatchView& batch) {
  std::string out = "  batch " + std::to_string(batch.base_offset()) + ".." + std::to_string(batch.last_offset()) +
                    " " + std::string(name_of(batch.compression()));
  if (batch.producer_id() >= 0)
    out += " producer " + std::to_string(batch.producer_id()) + "/" + std::to_string(batch.producer_epoch()) + "/" +
           std::to_string(batch.base_sequence());
  if (batch.is_transactional()) out += " transactional";
  if (batch.is_control()) out += " control";
  if (auto horizon = batch.delete_horizon()) out += " horizon " + std::to_string(horizon->ms);
  if (!batch.crc_matches()) out += " BAD CRC";
  return out + "\n";
}

Result<std::string> partition_of(broker::PartitionLog& log) {
  const broker::LogOffsets offsets = log.offsets();
  std::string out = log.partition().text() + ": " + std::to_string(offsets.log_start_offset) + " to " +
                    std::to_string(offsets.log_end_offset) + ", stable to " +
                    std::to_string(offsets.last_stable_offset) + ", epoch " + std::to_string(offsets.leader_epoch) +
                    "\n";
  broker::ReadRequest request;
  request.offset = offsets.log_start_offset;
  request.up_to = broker::ReadUpTo::last_stable_offset;
  for (;;) {
    MR_ASSIGN(auto read, log.read(request));
    for (const auto& a : read.aborted)
      out += "  aborted: producer " + std::to_string(a.producer_id) + ", " + std::to_string(a.first_offset) + ".." +
             std::to_string(a.last_offset) + "\n";
    BytesView left = *read.bytes;
    if (left.empty()) return out;
    while (!left.empty()) {
      MR_ASSIGN(RecordBatchView batch, RecordBatchView::parse(left));
      left.remove_prefix(batch.bytes().size());
      request.offset = batch.last_offset() + 1;
      MR_ASSIGN(std::string records, records_of(batch));
      out += head_of(batch) + records;
    }
  }
}

Result<std::string> dump_data(Env& env, const std::string& directory) {
  broker::BrokerConfig config;
  config.data_dir = directory;
  config.housekeeping_interval = 0ms;
  std::string out;
  MR_ASSIGN(auto broker, broker::Broker::open(env, config));
  for (const broker::Topic& topic : broker->topics()) {
    out += "topic " + topic.name + " " + text_of(topic.id) + " of " + std::to_string(topic.partitions);
    for (const auto& [key, value] : topic.configs) out += " " + key + "=" + value;
    out += "\n";
    for (PartitionId p = 0; p < topic.partitions; ++p) {
      MR_ASSIGN(auto log, broker->partition({topic.name, p}));
      MR_ASSIGN(std::string partition, partition_of(*log));
      out += partition;
    }
  }
  for (const std::string& group : broker->offsets().groups())
    for (const auto& [partition, offset] : broker->offsets().of_group(group)) {
      MR_ASSIGN(OffsetMetadata metadata, decode_offset_metadata(offset.metadata));
      out += "committed " + group + " " + partition.text() + " = " + std::to_string(offset.offset) + ", epoch " +
             std::to_string(offset.leader_epoch) + ", partition time " + std::to_string(metadata.partition_time.ms) +
             ", at " + std::to_string(offset.committed.ms) + "\n";
    }
  for (const broker::TransactionRecord& t : broker->transactions().list())
    out += "transaction " + t.transactional_id + " " + std::string(name_of(t.state)) + " producer " +
           std::to_string(t.producer_id) + "/" + std::to_string(t.producer_epoch) + ", timeout " +
           std::to_string(t.timeout.count()) + "\n";
  MR_TRY(broker->close());
  return out;
}

Result<std::string> dump_state(Env& env, const std::string& directory) {
  StreamsBuilder builder;
  golden_topology(builder);
  const Topology topology = builder.build();
  const std::size_t slash = directory.rfind('/');
  MR_ASSIGN(auto state, StateDirectory::open(env, directory.substr(0, slash), directory.substr(slash + 1), topology));
  MR_ASSIGN(std::vector<std::string> names, env.files().list(directory));
  std::string out;
  for (const std::string& task : names) {
    if (!env.files().is_directory(directory + "/" + task)) continue;
    std::vector<std::string> stores;
    for (const TopologyNode& node : topology.nodes)
      for (const std::string& store : node.stores)
        if (std::to_string(node.sub_topology) == task.substr(0, task.find('_')) &&
            std::find(stores.begin(), stores.end(), store) == stores.end())
          stores.push_back(store);
    MR_ASSIGN(auto database, TaskDatabase::open(env, state->task_path(task), stores, make_database_memory(8 << 20)));
    for (std::size_t i = 0; i < stores.size(); ++i) {
      out += "store " + stores[i] + " of task " + task;
      auto position = database->position(i);
      if (position)
        out += " at " + std::to_string(position->next_offset) + " of " + text_of(position->topic) + ", written " +
               std::to_string(position->written.ms);
      out += "\n";
      auto rows = database->rows(i)->scan(std::nullopt, std::nullopt, true);
      while (rows->next()) out += "  " + shown(rows->key()) + " = " + shown(rows->value()) + "\n";
    }
  }
  return out;
}

}  // namespace

Result<std::string> dump(Env& env, const std::string& data_directory, const std::string& state_directory) {
  MR_ASSIGN(std::string data, dump_data(env, data_directory));
  MR_ASSIGN(std::string state, dump_state(env, state_directory));
  return data + state;
}

}  // namespace millrace::formats
