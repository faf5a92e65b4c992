// millrace log dump: what is in segment files, whether or not a process has the data directory open.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/field_format.h"
#include "millrace/base/base64.h"
#include "millrace/base/env_real.h"
#include "millrace/base/record_batch.h"
#include "millrace/broker/groups/offsets.h"

namespace millrace::cli {
namespace {

struct DumpArguments {
  std::string what;
  bool records = false;
  std::string key_format = "string";
  std::string value_format = "string";
};

struct Damage {
  int places = 0;
  std::string first;
};

std::string compression_text(Compression compression) {
  return compression <= Compression::zstd ? std::string(name_of(compression)) : "unknown";
}

// What a record of __consumer_offsets says.
Result<> print_offset(const RecordView& record) {
  MR_ASSIGN(auto key, broker::decode_offset_key(record.key));
  if (!key) return {};
  std::printf("|   group: %s partition: %s", key->group.c_str(), key->partition.text().c_str());
  if (!record.has_value()) return std::puts(" deleted"), Result<>();
  MR_ASSIGN(auto offset, broker::decode_offset_value(record.value));
  std::printf(" offset: %lld leaderEpoch: %d metadata: %s\n", static_cast<long long>(offset.offset),
              offset.leader_epoch, offset.metadata.c_str());
  return {};
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

Result<> print_records(const RecordBatchView& batch, const DumpArguments& arguments, bool offsets) {
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
    if (offsets) MR_TRY(print_offset(record));
  }
  return reader.status();
}

// One segment file, front to back; what is no batch is named and passed over.
class SegmentDump {
 public:
  SegmentDump(std::string path, const DumpArguments& arguments) : path_(std::move(path)), arguments_(arguments) {}

  Result<> run(Damage& damage) {
    MR_ASSIGN(file_, real_env().files().open(path_, OpenMode::read));
    std::printf("Dumping %s\n", path_.c_str());
    for (std::uint64_t position = 0; position < file_->size();) {
      MR_ASSIGN(bool whole, read_batch(position));
      if (!whole) {
        MR_ASSIGN(std::uint64_t next, next_batch(position + 1));
        MR_ASSIGN(bool zeroes, is_zero(position, next));
        const std::string bytes = std::to_string(next - position) + (zeroes ? " zero bytes" : " bytes");
        say(damage, position, next == file_->size() ? "a torn tail of " + bytes : bytes + " that are no batch");
        position = next;
        continue;
      }
      print_batch(batch_, position);
      if (!batch_.crc_matches()) {
        say(damage, position, "a batch whose CRC does not fit");
      } else if (arguments_.records) {
        if (auto printed = print_records(batch_, arguments_, is_offsets()); !printed)
          say(damage, position, printed.error().message());
      }
      position += batch_.bytes().size();
    }
    return {};
  }

 private:
  bool is_offsets() const { return path_.find("__consumer_offsets-") != std::string::npos; }

  void say(Damage& damage, std::uint64_t position, const std::string& what) {
    std::printf("damaged, byte %llu: %s\n", static_cast<unsigned long long>(position), what.c_str());
    if (damage.places++ == 0) damage.first = path_ + ", byte " + std::to_string(position) + ": " + what;
  }

  // Reads the batch at `position` into batch_. False: what stands there is none, or not all of it.
  Result<bool> read_batch(std::uint64_t position) {
    buffer_.resize(batch_header_size);
    MR_ASSIGN(std::size_t got, file_->read_at(position, buffer_.data(), buffer_.size()));
    if (got < batch_header_size) return false;
    const std::size_t size = RecordBatchView::size_at(buffer_);
    if (size < batch_header_size || position + size > file_->size()) return false;
    buffer_.resize(size);
    MR_ASSIGN(got, file_->read_at(position, buffer_.data(), size));
    auto batch = RecordBatchView::parse(BytesView(buffer_).substr(0, got));
    if (!batch) return false;
    batch_ = *batch;
    return true;
  }

  // Where the next batch with a fitting CRC begins; the end of the file if there is none.
  Result<std::uint64_t> next_batch(std::uint64_t from) {
    constexpr std::size_t magic_at = 16;
    std::string window(1 << 20, '\0');
    while (from + batch_header_size <= file_->size()) {
      MR_ASSIGN(std::size_t got, file_->read_at(from, window.data(), window.size()));
      if (got < batch_header_size) break;
      for (std::size_t i = 0; i + batch_header_size <= got; ++i) {
        if (window[i + magic_at] != 2) continue;
        MR_ASSIGN(bool whole, read_batch(from + i));
        if (whole && batch_.crc_matches()) return from + i;
      }
      from += got - batch_header_size + 1;
    }
    return file_->size();
  }

  Result<bool> is_zero(std::uint64_t from, std::uint64_t to) {
    std::string window(1 << 16, '\0');
    while (from < to) {
      MR_ASSIGN(std::size_t got,
                file_->read_at(from, window.data(), std::min<std::uint64_t>(window.size(), to - from)));
      if (got == 0 || window.find_first_not_of('\0') < got) return false;
      from += got;
    }
    return true;
  }

  std::string path_;
  const DumpArguments& arguments_;
  std::unique_ptr<File> file_;
  std::string buffer_;
  RecordBatchView batch_;
};

// Segments of a partition's folder, or of all partitions of a data directory.
Result<> collect(const std::string& directory, int depth, std::vector<std::string>& segments) {
  FileSystem& files = real_env().files();
  MR_ASSIGN(auto names, files.list(directory));
  const bool is_data_directory = files.exists(directory + "/millrace.format");
  for (const std::string& name : names) {
    const std::string path = directory + "/" + name;
    if (depth == 0 && is_data_directory && name != "state" && files.is_directory(path))
      MR_TRY(collect(path, 1, segments));
    else if (!is_data_directory && name.ends_with(".log"))
      segments.push_back(path);
  }
  return {};
}

// What the log keeps beside segments and can make anew from them.
bool is_beside_a_segment(const std::string& path) {
  return std::ranges::any_of(std::array{".index", ".timeindex", ".txnindex", ".snapshot"},
                             [&](const char* kind) { return path.ends_with(kind); });
}

Result<> dump(const Session& session, const DumpArguments& arguments) {
  FileSystem& files = real_env().files();
  std::string path = arguments.what;
  if (!files.exists(path)) path = session.data_dir + "/" + arguments.what;
  if (!files.exists(path)) {
    return Error(ErrorCode::unknown_topic_or_partition,
                 "there is neither a file " + arguments.what + " nor a partition " + path);
  }
  std::vector<std::string> segments{path};
  if (files.is_directory(path)) {
    segments.clear();
    MR_TRY(collect(path, 0, segments));
    if (segments.empty()) return Error(ErrorCode::unknown_topic_or_partition, path + " holds no segment");
  } else if (is_beside_a_segment(path)) {
    return Error(ErrorCode::invalid_request, path +
                                                 " holds no records: name the .log file beside it, its directory, or "
                                                 "a data directory");
  }
  Damage damage;
  for (const std::string& segment : segments) MR_TRY(SegmentDump(segment, arguments).run(damage));
  if (damage.places == 0) return {};
  return Error(
      ErrorCode::corrupt_message,
      (damage.places == 1 ? "" : std::to_string(damage.places) + " places are damaged; the first: ") + damage.first);
}

}  // namespace

void add_log(CLI::App& app, Session& session) {
  CLI::App* log = app.add_subcommand("log", "Look at segment files")->require_subcommand(1);
  log->footer("Example:\n  millrace log dump orders-0 --records");
  auto a = std::make_shared<DumpArguments>();
  CLI::App* sub =
      log->add_subcommand("dump", "Print the batches of a segment file, of a partition, or of a whole data directory");
  sub->add_option("segment", a->what, "A .log file, a partition's directory such as orders-0, or a data directory")
      ->required();
  sub->add_flag("--records", a->records, "The records of each batch too; those of __consumer_offsets in words");
  sub->add_option("--key-format", a->key_format, "What keys are")
      ->check(CLI::IsMember(field_format_names()))
      ->capture_default_str();
  sub->add_option("--value-format", a->value_format, "What values are")
      ->check(CLI::IsMember(field_format_names()))
      ->capture_default_str();
  sub->footer(
      "Examples:\n  millrace log dump orders-0 --records\n  millrace log dump orders-0/00000000000000000000.log\n"
      "It takes no lock. What is damaged is named and passed over, and the exit code is then 1.");
  sub->callback([&session, a] { session.run = [&session, a] { return dump(session, *a); }; });
}

}  // namespace millrace::cli
