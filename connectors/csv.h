// CSV files, row by row: RFC 4180 with a header line, plain or zstd-compressed.
//
// Quoted fields may hold separators, line ends and doubled quotes. A field is quoted if it begins with a quote; a quote
// further on in one that does not is text like any other (RFC 4180 has no such quotes; others, such as Python's csv,
// read them so). Lines end with \n or \r\n, the last one with either or nothing. A byte order mark is skipped, and so
// are blank lines.
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
  // A row may be this long: no more is held of a file in which a quote is not closed.
  static constexpr std::size_t row_bytes_max = 16 << 20;
  // Opens the file and reads its header. Errors: those of FileStream::open; INVALID_RECORD for an empty file or a
  // column named twice.
  static Result<std::unique_ptr<CsvReader>> open(FileSystem& files, const std::string& path, const CsvOptions& options);

  // The next row; false at the end. Errors: INVALID_RECORD with file and row (another number of fields than the header
  // has, a quote that is not closed, more than row_bytes_max); those of FileStream::read.
  Result<bool> next(CsvRow& row);
  // After the row read last.
  CsvPosition position() const;
  std::uint64_t offset() const { return buffer_offset_ + begin_; }  // position().byte_offset, without checksums
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
  // Looks for the line's end outside quotes, from where it was looked for before; npos if the buffer ends sooner.
  std::size_t line_end();
  // The line that begins at begin_ is done with; the next one begins at `next`.
  void go_on_at(std::size_t next);
  Result<> split(std::string_view line, std::vector<CsvRow::Field>& fields);
  Result<std::size_t> take_quoted(std::string_view line, std::size_t at, std::vector<CsvRow::Field>& fields);
  Error failed(std::string_view why) const;
  std::string line_name() const;  // "row 7", "the header"
  std::string_view head() const {
    return std::string_view(head_).substr(0, std::min<std::size_t>(head_.size(), offset()));
  }
  std::string_view tail() const;

  std::string path_;
  CsvOptions options_;
  std::unique_ptr<FileStream> stream_;
  std::vector<std::string> columns_;
  std::string head_;  // the first window of the file
  std::string buffer_;
  std::uint64_t buffer_offset_ = 0;  // of buffer_[0] in the text
  std::size_t begin_ = 0;            // of what has not been read, in buffer_
  std::size_t scanned_ = 0;  // of the line at begin_: how much has been looked at for its end, and what was there
  enum class Place : std::uint8_t { field_start, unquoted, quoted, after_quote } place_ = Place::field_start;
  bool at_end_ = false;  // nothing comes after buffer_
  std::uint64_t row_ = 0;
  std::string unescaped_;  // quoted fields of the current row
};

}  // namespace millrace
