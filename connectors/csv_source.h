// A CSV file as a source: read once, front to back, each row to the log exactly once, restarts included.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "millrace/base/env.h"
#include "millrace/connectors/csv.h"
#include "millrace/connectors/source.h"

namespace millrace {

// What becomes of a row: a record, nothing (the row is skipped), or an error that stops the source. What it throws is
// such an error.
using CsvRowFunction = std::function<Result<std::optional<ProducerRecord>>(const CsvRow&)>;

struct CsvSourceOptions {
  std::string application_id;
  std::string file;  // plain or zstd-compressed
  // Under which the position is kept: one for all ways to write the file's path. Empty: `file`. A position that was
  // kept under `file` is found, too.
  std::string identity = {};
  // Where the rows go, if that is part of whose position it is: one file may be read into several topics. A position
  // without a topic, as older versions kept them, is found if `finds_older` says so.
  std::string topic = {};
  bool finds_older = true;
  CsvOptions csv = {};
  // A transaction ends when it has this many rows, or has read this many bytes of text (decompressed), or has taken
  // half its time-out, whichever comes first; it has one row at least.
  std::uint64_t rows_per_transaction = 10'000;
  std::uint64_t bytes_per_transaction = 8 << 20;
  Duration transaction_timeout = 10s;
  Compression compression = Compression::none;
};

// Errors, beyond those of the log: INVALID_RECORD with file and row (ragged row, bad number, file replaced or truncated
// since), INVALID_TIMESTAMP for a row too far from now for its topic, INVALID_CONFIG for a column that the file doesn't
// have. A file that has grown is read on from where it was left; a compressed one is decompressed up to there again.
class CsvSource : public Source {
 public:
  // `env` and `client` must outlive it.
  CsvSource(Env& env, LogClient& client, CsvSourceOptions options, CsvRowFunction function);
  const std::string& name() const override { return name_; }
  Result<> start() override;
  Result<bool> read() override;
  // Rows read and committed, skipped ones included: over all runs.
  std::uint64_t rows() const { return committed_.row; }

 private:
  // Sends as many rows as a transaction takes, and the position; the count of rows read.
  Result<std::uint64_t> send_rows();
  Result<> send_row(const CsvRow& row);
  Result<std::optional<ProducerRecord>> record_of(const CsvRow& row) const;
  static Bytes key_of(const std::string& identity, const std::string& topic);
  // The position committed last; none if there is none.
  Result<std::optional<Bytes>> committed_position() const;

  Env& env_;
  LogClient& client_;
  CsvSourceOptions options_;
  CsvRowFunction function_;
  std::string name_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<CsvReader> reader_;  // null until started, and after an error
  CsvPosition committed_;
};

// The record's value in the source offsets topic, and back. Errors: INVALID_RECORD, UNSUPPORTED_VERSION.
// (docs/formats/source_offsets.md)
Bytes encode_csv_position(const CsvPosition& position);
Result<CsvPosition> decode_csv_position(BytesView text);

}  // namespace millrace
