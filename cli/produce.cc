// millrace produce TOPIC
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/format_options.h"
#include "cli/progress.h"
#include "millrace/base/env_real.h"
#include "millrace/base/record_batch.h"
#include "millrace/connectors/file_stream.h"

namespace millrace::cli {
namespace {

struct ProduceArguments {
  std::string topic;
  FormatOptions format;
  std::string key_separator;
  std::string null;
  std::string file;
  std::vector<std::string> headers;
  std::string compression = "none";
  std::string transactional_id;
  int partition = -1;
};

using Json = nlohmann::ordered_json;

// Lines of standard input, or of a file (which may be zstd-compressed), without their ends.
class LineReader {
 public:
  static Result<LineReader> open(const std::string& file) {
    LineReader reader;
    if (!file.empty()) {
      MR_ASSIGN(reader.stream_, FileStream::open(real_env().files(), file));
    }
    return reader;
  }
  Result<bool> next(std::string& line) {
    while (true) {
      std::size_t newline = buffer_.find('\n', at_);
      if (newline == std::string::npos && !ended_) {
        MR_TRY(fill());
        continue;
      }
      if (newline == std::string::npos && at_ == buffer_.size()) return false;
      line = buffer_.substr(at_, newline == std::string::npos ? newline : newline - at_);
      at_ = newline == std::string::npos ? buffer_.size() : newline + 1;
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return true;
    }
  }

 private:
  Result<> fill() {
    buffer_.erase(0, std::exchange(at_, 0));
    std::size_t had = buffer_.size();
    buffer_.resize(had + (1 << 16));
    std::size_t got = 0;
    if (stream_) {
      MR_ASSIGN(got, stream_->read(buffer_.data() + had, 1 << 16));
    } else {
      // Not fread, which waits until the buffer is full: what is typed or piped in is sent as it comes.
      const ssize_t count = ::read(STDIN_FILENO, buffer_.data() + had, 1 << 16);
      if (count < 0 && errno != EINTR)
        return Error(ErrorCode::kafka_storage_error, std::string("standard input: ") + std::strerror(errno));
      got = count < 0 ? 0 : static_cast<std::size_t>(count);
    }
    buffer_.resize(had + got);
    ended_ = got == 0;
    return {};
  }
  std::unique_ptr<FileStream> stream_;
  std::string buffer_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

Result<> parse_text(const std::string& line, const ProduceArguments& arguments, ProducerRecord& record) {
  std::string_view value = line;
  if (!arguments.key_separator.empty()) {
    std::size_t at = line.find(arguments.key_separator);
    if (at == std::string::npos)
      return Error(ErrorCode::invalid_record, "there is no key separator " + arguments.key_separator);
    std::string_view key = value.substr(0, at);
    value = value.substr(at + arguments.key_separator.size());
    if (arguments.null.empty() || key != arguments.null) {
      MR_ASSIGN(record.key, from_text(key, arguments.format.key()));
    }
  }
  if (!arguments.null.empty() && value == arguments.null) return {};
  MR_ASSIGN(record.value, from_text(value, arguments.format.value()));
  return {};
}

Result<> parse_headers(const Json& json, ProducerRecord& record) {
  if (!json.contains("headers")) return {};
  Error wrong(ErrorCode::invalid_record, "headers must be a list of {\"key\": …, \"value\": …}");
  if (!json["headers"].is_array()) return wrong;
  for (const Json& entry : json["headers"]) {
    if (!entry.is_object() || !entry.contains("key") || !entry.contains("value")) return wrong;
    Header header;
    MR_ASSIGN(header.name, from_json(entry["key"], FieldFormat::string));
    if (!entry["value"].is_null()) {
      MR_ASSIGN(header.value, from_json(entry["value"], FieldFormat::string));
    }
    record.headers.push_back(std::move(header));
  }
  return {};
}

// What consume --format json printed: key, value, headers, timestamp and partition are taken; topic and offset, which
// are this log's to say, are let pass.
Result<> parse_json(const std::string& line, const ProduceArguments& arguments, ProducerRecord& record) {
  // What stands in the record is a level down, and looked at by itself.
  if (nests_too_deeply(line, 1001)) return Error(ErrorCode::invalid_record, "JSON of more than 1000 levels");
  Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Error(ErrorCode::invalid_record, "not a JSON object");
  for (const auto& [name, value] : json.items()) {
    bool known = name == "key" || name == "value" || name == "headers" || name == "timestamp" || name == "topic" ||
                 name == "partition" || name == "offset";
    if (!known) return Error(ErrorCode::invalid_record, "there is no field " + name + " in a record");
  }
  if (json.contains("key") && !json["key"].is_null()) {
    MR_ASSIGN(record.key, from_json(json["key"], arguments.format.key()));
  }
  if (json.contains("value") && !json["value"].is_null()) {
    MR_ASSIGN(record.value, from_json(json["value"], arguments.format.value()));
  }
  if (json.contains("timestamp")) {
    if (!json["timestamp"].is_number_integer())
      return Error(ErrorCode::invalid_timestamp, "timestamp must be milliseconds since 1970");
    record.timestamp = Timestamp{json["timestamp"].get<std::int64_t>()};
  }
  if (json.contains("partition") && arguments.partition < 0) {
    if (!json["partition"].is_number_unsigned() || json["partition"] > std::numeric_limits<PartitionId>::max())
      return Error(ErrorCode::invalid_record, "partition must be a number, from 0");
    record.partition = json["partition"].get<PartitionId>();
  }
  return parse_headers(json, record);
}

Result<ProducerRecord> parse(const std::string& line, const ProduceArguments& arguments) {
  ProducerRecord record;
  record.topic = arguments.topic;
  if (arguments.partition >= 0) record.partition = arguments.partition;
  MR_TRY(arguments.format.json() ? parse_json(line, arguments, record) : parse_text(line, arguments, record));
  for (const std::string& header : arguments.headers) {
    const std::size_t equals = header.find('=');
    record.headers.push_back({header.substr(0, equals), Bytes(header.substr(equals + 1))});
  }
  return record;
}

Result<> end_interrupted(Producer& producer, const ProduceArguments& arguments, std::uint64_t sent) {
  if (!arguments.transactional_id.empty()) return Error("interrupted: nothing is written, the transaction is aborted");
  MR_TRY(producer.flush());
  return Error("interrupted: " + std::to_string(sent) + " lines are written, and no more");
}

Result<> send_lines(Producer& producer, const ProduceArguments& arguments) {
  MR_ASSIGN(auto lines, LineReader::open(arguments.file));
  Progress progress(0, "records");
  std::string line;
  for (std::uint64_t number = 1;; ++number) {
    MR_ASSIGN(bool found, lines.next(line));
    if (interrupted()) return end_interrupted(producer, arguments, number - 1);
    if (!found) break;
    auto record = parse(line, arguments);
    Result<> sent;
    if (record) {
      sent = producer.send(*std::move(record), {});
    } else {
      MR_TRY(producer.flush());  // what came before it is written
      sent = std::move(record).error();
    }
    if (!sent) return std::move(sent).error().in("line " + std::to_string(number));
    progress.at(number);
  }
  return producer.flush();
}

Result<> produce(const Session& session, const ProduceArguments& arguments) {
  watch_interrupts();
  MR_ASSIGN(auto log, open_log(session));
  if (auto topic = log->admin().describe_topic(arguments.topic); !topic) {
    return Error(topic.error().code(),
                 topic.error().message() + "; make it with: millrace topics create " + arguments.topic);
  }
  ProducerConfig config;
  config.client_id = "millrace-produce";
  config.transactional_id = arguments.transactional_id;
  MR_ASSIGN(config.compression, compression_named(arguments.compression));
  MR_ASSIGN(auto producer, log->make_producer(config));
  if (arguments.transactional_id.empty()) return send_lines(*producer, arguments);
  MR_TRY(producer->init_transactions());
  MR_TRY(producer->begin_transaction());
  if (auto sent = send_lines(*producer, arguments); !sent) {
    auto aborted = producer->abort_transaction();
    return aborted ? std::move(sent) : std::move(sent).error().in("(and the transaction could not be aborted)");
  }
  return producer->commit_transaction();
}

}  // namespace

void add_produce(CLI::App& app, Session& session) {
  auto a = std::make_shared<ProduceArguments>();
  CLI::App* sub = app.add_subcommand("produce", "Write lines of standard input to a topic, a record each");
  sub->add_option("topic", a->topic, "The topic")->required();
  sub->add_option("--file", a->file, "Read this file instead; it may be zstd-compressed")->check(CLI::ExistingFile);
  sub->add_option("--key-separator", a->key_separator,
                  "The key stands before it, the value after it; without it keys are null")
      ->check(is_something);
  a->format.add_to(*sub, "an object a line, as consume --format json prints them");
  sub->add_option("--null", a->null, "With --format text: a key or value of this text is null");
  sub->add_option("--header", a->headers, "A header for every record, as name=value; may be repeated")->check(is_pair);
  sub->add_option("--partition", a->partition,
                  "Write to this partition, whatever the key (and the record's own \"partition\" with json)")
      ->check(CLI::Range(0, INT32_MAX));
  sub->add_option("--compression", a->compression, "Of record batches")
      ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}))
      ->capture_default_str();
  sub->add_option("--transactional-id", a->transactional_id, "Write all lines in one transaction: all of them, or none")
      ->check(is_something);
  sub->footer(
      "Examples:\n  echo 'ann:{\"total\": 3}' | millrace produce orders --key-separator : --value-format json\n"
      "  millrace produce numbers --key-separator = --value-format long --file numbers.txt");
  sub->callback([&session, a, sub] {
    a->format.check_text_only(*sub, {"--key-separator", "--null"});
    session.run = [&session, a] { return produce(session, *a); };
  });
}

}  // namespace millrace::cli
