// millrace log dump: what is in segment files, whether or not a process has the data directory open.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/field_format.h"
#include "millrace/base/env_real.h"
#include "millrace/base/record_batch.h"

namespace millrace::cli {
namespace {

struct DumpArguments {
  std::string what;
  bool records = false;
  std::string key_format = "string";
  std::string value_format = "string";
};

std::string compression_text(Compression compression) {
  constexpr const char* names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
  auto i = static_cast<std::size_t>(compression);
  return i < std::size(names) ? names[i] : "unknown";
}

// A field as text where it can be shown as such; what cannot be is base64.
std::string shown(BytesView field, bool present, const std::string& format) {
  if (!present) return "null";
  auto json = to_text(field, field_format_named(format));
  if (json && is_utf8(*json)) return *json;
  return "base64:" + to_base64(field);
}

void print_batch(const RecordBatchView& batch, std::uint64_t position) {
  // The names and their order are DumpLogSegments'.
  std::printf(
      "baseOffset: %lld lastOffset: %lld count: %d baseSequence: %d lastSequence: %d producerId: %lld producerEpoch: "
      "%d "
      "partitionLeaderEpoch: %d isTransactional: %s isControl: %s position: %llu CreateTime: %lld size: %zu magic: 2 "
      "compresscodec: %s crc: %u isvalid: %s\n",
      static_cast<long long>(batch.base_offset()), static_cast<long long>(batch.last_offset()), batch.count(),
      batch.base_sequence(), batch.base_sequence() < 0 ? -1 : batch.last_sequence(),
      static_cast<long long>(batch.producer_id()), batch.producer_epoch(), batch.leader_epoch(),
      batch.is_transactional() ? "true" : "false", batch.is_control() ? "true" : "false",
      static_cast<unsigned long long>(position), static_cast<long long>(batch.max_timestamp().ms), batch.bytes().size(),
      compression_text(batch.compression()).c_str(), batch.crc(), batch.crc_matches() ? "true" : "false");
}

Result<> print_records(const RecordBatchView& batch, const DumpArguments& arguments) {
  if (batch.is_control()) {
    MR_ASSIGN(ControlType type, decode_control(batch));
    std::printf("| offset: %lld endTxnMarker: %s\n", static_cast<long long>(batch.base_offset()),
                type == ControlType::commit ? "COMMIT" : "ABORT");
    return {};
  }
  Bytes scratch;
  RecordReader reader(batch, scratch);
  RecordView record;
  while (reader.next(record)) {
    MR_ASSIGN(Headers headers, decode_headers(record));
    std::string header_text;
    for (const Header& header : headers) {
      header_text += (header_text.empty() ? "" : ",") + header.name + ":" +
                     shown(header.value.value_or(Bytes()), header.value.has_value(), "string");
    }
    std::printf("| offset: %lld CreateTime: %lld headers: [%s] key: %s payload: %s\n",
                static_cast<long long>(record.offset), static_cast<long long>(record.timestamp.ms), header_text.c_str(),
                shown(record.key, record.has_key(), arguments.key_format).c_str(),
                shown(record.value, record.has_value(), arguments.value_format).c_str());
  }
  return reader.status();
}

// Reads the batch at `position` whole into `buffer`; false at the end of the file. Error: a torn tail.
Result<bool> read_batch(File& file, std::uint64_t position, std::string& buffer) {
  buffer.resize(batch_prefix_size);
  MR_ASSIGN(std::size_t got, file.read_at(position, buffer.data(), buffer.size()));
  if (got == 0) return false;
  std::size_t size = got == batch_prefix_size ? RecordBatchView::size_at(buffer) : 0;
  if (size < batch_header_size || position + size > file.size()) {
    return Error(ErrorCode::corrupt_message, "byte " + std::to_string(position) + ": a torn tail of " +
                                                 std::to_string(file.size() - position) + " bytes");
  }
  buffer.resize(size);
  MR_ASSIGN(got, file.read_at(position, buffer.data(), size));
  return got == size;
}

Result<> dump_file(const std::string& path, const DumpArguments& arguments) {
  MR_ASSIGN(auto file, real_env().files().open(path, OpenMode::read));
  std::printf("Dumping %s\n", path.c_str());
  std::string buffer;
  for (std::uint64_t position = 0;;) {
    auto found = read_batch(*file, position, buffer);
    if (!found) return std::move(found).error().in(path);
    if (!*found) return {};
    auto batch = RecordBatchView::parse(buffer);
    if (!batch) return std::move(batch).error().in(path + ", byte " + std::to_string(position));
    print_batch(*batch, position);
    if (arguments.records) {
      if (auto printed = print_records(*batch, arguments); !printed) {
        return std::move(printed).error().in(path + ", byte " + std::to_string(position));
      }
    }
    position += batch->bytes().size();
  }
}

Result<> dump(const Session& session, const DumpArguments& arguments) {
  FileSystem& files = real_env().files();
  std::string path = arguments.what;
  if (!files.exists(path)) path = session.data_dir + "/" + arguments.what;
  if (!files.exists(path)) {
    return Error(ErrorCode::unknown_topic_or_partition,
                 "there is neither a file " + arguments.what + " nor a partition " + path);
  }
  if (!files.is_directory(path)) return dump_file(path, arguments);
  MR_ASSIGN(auto names, files.list(path));
  bool any = false;
  for (const std::string& name : names) {
    if (!name.ends_with(".log")) continue;
    any = true;
    MR_TRY(dump_file(path + "/" + name, arguments));
  }
  if (!any) return Error(ErrorCode::unknown_topic_or_partition, path + " holds no segment");
  return {};
}

}  // namespace

void add_log(CLI::App& app, Session& session) {
  CLI::App* log = app.add_subcommand("log", "Look at segment files")->require_subcommand(1);
  auto a = std::make_shared<DumpArguments>();
  CLI::App* sub = log->add_subcommand("dump", "Print the batches of a segment file, or of all segments of a partition");
  sub->add_option("segment", a->what, "A .log file, or a partition's directory, such as orders-0")->required();
  sub->add_flag("--records", a->records, "The records of each batch too");
  sub->add_option("--key-format", a->key_format, "What keys are")
      ->check(CLI::IsMember(field_format_names()))
      ->capture_default_str();
  sub->add_option("--value-format", a->value_format, "What values are")
      ->check(CLI::IsMember(field_format_names()))
      ->capture_default_str();
  sub->footer(
      "Examples:\n  millrace log dump orders-0 --records\n  millrace log dump orders-0/00000000000000000000.log");
  sub->callback([&session, a] { session.run = [&session, a] { return dump(session, *a); }; });
}

}  // namespace millrace::cli
