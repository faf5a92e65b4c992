#include "millrace/connectors/csv_source.h"

#include <nlohmann/json.hpp>

#include "millrace/base/thrown.h"

namespace millrace {

namespace {
constexpr int position_version = 1;
}

Bytes encode_csv_position(const CsvPosition& position) {
  nlohmann::ordered_json json = {{"version", position_version},
                                 {"byte_offset", position.byte_offset},
                                 {"row", position.row},
                                 {"head_crc", position.head_crc},
                                 {"tail_crc", position.tail_crc}};
  return Bytes(json.dump());
}

Result<CsvPosition> decode_csv_position(BytesView text) {
  auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.contains("version") && json["version"] != position_version)
    return Error(ErrorCode::unsupported_version, "a position in a CSV file of version " + json["version"].dump() +
                                                     "; this Millrace reads version " +
                                                     std::to_string(position_version));
  CsvPosition position;
  auto take = [&](const char* name, auto& into) {
    if (!json.is_object() || !json.contains(name) || !json[name].is_number_unsigned()) return false;
    into = json[name].template get<std::remove_reference_t<decltype(into)>>();
    return true;
  };
  if (take("byte_offset", position.byte_offset) && take("row", position.row) && take("head_crc", position.head_crc) &&
      take("tail_crc", position.tail_crc)) {
    return position;
  }
  return Error(ErrorCode::invalid_record, "not a position in a CSV file: " + std::string(text));
}

CsvSource::CsvSource(Env& env, LogClient& client, CsvSourceOptions options, CsvRowFunction function)
    : env_(env),
      client_(client),
      options_(std::move(options)),
      function_(std::move(function)),
      name_("csv " + options_.file) {
  if (options_.identity.empty()) options_.identity = options_.file;
  MR_ASSERT(options_.rows_per_transaction > 0, "a transaction of no rows would never end");
}

// As Connect's: [the source, what identifies the part of it].
Bytes CsvSource::key_of(const std::string& identity, const std::string& topic) {
  nlohmann::json part = {{"file", identity}};
  if (!topic.empty()) part["topic"] = topic;
  return Bytes(nlohmann::json::array({"csv", part}).dump());
}

Result<std::optional<Bytes>> CsvSource::committed_position() const {
  std::vector<Bytes> keys{key_of(options_.identity, options_.topic)};
  if (options_.finds_older)
    for (const std::string& file : {options_.identity, options_.file}) keys.push_back(key_of(file, ""));
  for (const Bytes& key : keys) {
    MR_ASSIGN(std::optional<Bytes> found, committed_source_offset(client_, options_.application_id, key));
    if (found) return found;
  }
  return std::optional<Bytes>();
}

Result<> CsvSource::start() {
  reader_.reset();
  MR_TRY(ensure_source_offsets_topic(client_.admin(), options_.application_id));
  if (!producer_) {
    ProducerConfig config;
    config.client_id = options_.application_id + "-" + name_;
    config.transactional_id = options_.application_id + "-source-" + options_.identity +
                              (options_.topic.empty() ? "" : " into " + options_.topic);
    config.compression = options_.compression;
    config.transaction_timeout = options_.transaction_timeout;
    MR_ASSIGN(producer_, client_.make_producer(config));
  }
  MR_TRY(producer_->init_transactions());  // before the position is read: it decides what an earlier instance left open
  MR_ASSIGN(auto found, committed_position());
  committed_ = {};
  MR_ASSIGN(auto reader, CsvReader::open(env_.files(), options_.file, options_.csv));
  if (found) {
    MR_ASSIGN(committed_, decode_csv_position(*found));
    MR_TRY(reader->resume(committed_));
  }
  reader_ = std::move(reader);
  return {};
}

Result<bool> CsvSource::read() {
  if (!reader_) return Error(ErrorCode::invalid_request, name_ + ": read() before start(), or after an error");
  auto rows = Result<std::uint64_t>(0);
  if (auto begun = producer_->begin_transaction(); !begun) {
    rows = std::move(begun).error();
  } else {
    rows = send_rows();
    if (rows && *rows > 0) {
      if (auto done = producer_->commit_transaction(); !done) rows = std::move(done).error();
    } else if (auto aborted = producer_->abort_transaction(); !aborted && rows) {
      rows = std::move(aborted).error();  // else the first error is the one to tell; start() clears up
    }
  }
  if (!rows) {
    reader_.reset();
    return std::move(rows).error().in(name_);
  }
  if (*rows > 0) committed_ = reader_->position();
  return *rows > 0;
}

Result<std::uint64_t> CsvSource::send_rows() {
  const std::uint64_t begin = reader_->offset();
  const std::int64_t end_ns = later(env_.clock().monotonic_ns(), nanoseconds(options_.transaction_timeout) / 2);
  std::uint64_t count = 0;
  const auto is_full = [&] {
    return count == options_.rows_per_transaction || reader_->offset() - begin >= options_.bytes_per_transaction ||
           env_.clock().monotonic_ns() >= end_ns;
  };
  CsvRow row;
  for (; count == 0 || !is_full(); ++count) {
    MR_ASSIGN(bool found, reader_->next(row));
    if (!found) break;
    if (auto sent = send_row(row); !sent)
      return std::move(sent).error().in("row " + std::to_string(row.number_in_file()));
  }
  if (count == 0) return count;
  ProducerRecord position;
  position.topic = source_offsets_topic(options_.application_id);
  position.partition = 0;
  position.key = key_of(options_.identity, options_.topic);
  position.value = encode_csv_position(reader_->position());
  MR_TRY(producer_->send(std::move(position), {}));
  MR_TRY(producer_->flush());
  return count;
}

Result<std::optional<ProducerRecord>> CsvSource::record_of(const CsvRow& row) const {
  try {
    return function_(row);
  } catch (...) {
    return Error("the row function threw: " + thrown());
  }
}

Result<> CsvSource::send_row(const CsvRow& row) {
  MR_ASSIGN(auto record, record_of(row));
  if (row.error()) return *row.error();
  if (!record) return {};
  return producer_->send(*std::move(record), {});
}

}  // namespace millrace
