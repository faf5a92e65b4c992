// CSV files, row by row: RFC 4180 with a header line, plain or zstd-compressed.
//
// Quoted fields may hold separators, line ends and doubled quotes. Lines end with \n or \r\n, the last one with either
// or nothing. A byte order mark is skipped, and so are blank lines.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/env.h"
#include "millrace/base/result.h"
#include "millrace/connectors/csv_row.h"
#include "millrace/connectors/file_stream.h"

namespace millrace {

// How far a file has been read, and how to tell whether it is still the same: checksums (CRC-32C) of up to 4096 bytes
// at its start and before the position. (The modification time tells nothing: a copy has a new one, a restored file an
// old one.)
struct CsvPosition {
  std::uint64_t byte_offset = 0;  // in the decompressed text: where the next row starts
  std::uint64_t row = 0;          // rows read
  std::uint32_t head_crc = 0;
  std::uint32_t tail_crc = 0;
  friend bool operator==(const CsvPosition&, const CsvPosition&) = default;
};

// One thread.
class CsvReader {
 public:
  // Opens the file and reads its header. Errors: those of FileStream::open; INVALID_RECORD for an empty file or a
  // column named twice.
  static Result<std::unique_ptr<CsvReader>> open(FileSystem& files, const std::string& path, const CsvOptions& options);

  // The next row; false at the end. Errors: INVALID_RECORD with file and row (another number of fields than the header
  // has, a quote that is not closed); those of FileStream::read.
  Result<bool> next(CsvRow& row);
  // After the row read last.
  CsvPosition position() const;
  // Goes to `position`, taken from the same file earlier; the file may have grown since. Called before the first
  // next(). Error: INVALID_RECORD if the file was truncated, or replaced by another, or if what was its last line was
  // continued.
  Result<> resume(const CsvPosition& position);
  const std::vector<std::string>& columns() const { return columns_; }
  const std::string& path() const { return path_; }

 private:
  static constexpr std::size_t window = 4096;  // of the checksums

  CsvReader(std::string path, CsvOptions options, std::unique_ptr<FileStream> stream)
      : path_(std::move(path)), options_(std::move(options)), stream_(std::move(stream)) {}
  Result<> read_header();
  // Reads more into the buffer, keeping the bytes of one window before the cursor; sets at_end_.
  Result<> fill();
  // Makes the next line, quotes considered, stand whole in the buffer: [begin_, end) without its line end, `next` after
  // it. False at the end of the file.
  Result<bool> find_line(std::size_t& end, std::size_t& next);
  // Looks for a line end outside quotes from `begin_`; npos if the buffer ends before.
  std::size_t line_end(bool& in_quotes) const;
  Result<> split(std::string_view line, std::vector<CsvRow::Field>& fields);
  Result<std::size_t> take_quoted(std::string_view line, std::size_t at, std::vector<CsvRow::Field>& fields);
  Error failed(std::string_view why) const;
  std::string_view head() const {
    return std::string_view(head_).substr(0, std::min<std::size_t>(head_.size(), offset()));
  }
  std::string_view tail() const;
  std::uint64_t offset() const { return buffer_offset_ + begin_; }

  std::string path_;
  CsvOptions options_;
  std::unique_ptr<FileStream> stream_;
  std::vector<std::string> columns_;
  std::string head_;  // the first window of the file
  std::string buffer_;
  std::uint64_t buffer_offset_ = 0;  // of buffer_[0] in the text
  std::size_t begin_ = 0;            // of what has not been read, in buffer_
  bool at_end_ = false;              // nothing comes after buffer_
  std::uint64_t row_ = 0;
  std::string unescaped_;  // quoted fields of the current row
};

}  // namespace millrace
