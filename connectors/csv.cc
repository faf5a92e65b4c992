#include "millrace/connectors/csv.h"

#include <algorithm>
#include <cstring>

#include "millrace/base/crc32c.h"

namespace millrace {

Result<std::unique_ptr<CsvReader>> CsvReader::open(FileSystem& files, const std::string& path,
                                                   const CsvOptions& options) {
  MR_ASSIGN(auto stream, FileStream::open(files, path));
  std::unique_ptr<CsvReader> reader(new CsvReader(path, options, std::move(stream)));
  MR_TRY(reader->read_header());
  return reader;
}

Error CsvReader::failed(std::string_view why) const {
  return Error(ErrorCode::invalid_record, path_ + ": " + std::string(why));
}

Result<> CsvReader::fill() {
  constexpr std::size_t chunk = 1 << 18;
  std::size_t unneeded = begin_ - std::min(begin_, window);
  if (unneeded > 0) {
    buffer_.erase(0, unneeded);
    buffer_offset_ += unneeded;
    begin_ -= unneeded;
  }
  std::size_t had = buffer_.size();
  buffer_.resize(had + chunk);
  auto got = stream_->read(buffer_.data() + had, chunk);
  buffer_.resize(had + (got ? *got : 0));
  if (!got) return std::move(got).error();
  at_end_ = *got == 0;
  if (head_.size() < window && buffer_offset_ == 0) head_ = buffer_.substr(0, window);
  return {};
}

std::string CsvReader::line_name() const { return columns_.empty() ? "the header" : "row " + std::to_string(row_ + 1); }

void CsvReader::go_on_at(std::size_t next) {
  begin_ = next;
  scanned_ = 0;
  place_ = Place::field_start;
}

// Takes quotes as split() does: at a field's start only.
std::size_t CsvReader::line_end() {
  const std::string_view line = std::string_view(buffer_).substr(begin_);
  std::size_t at = scanned_;
  if (at == 0) {
    const std::size_t newline = line.find('\n');
    if (newline != line.npos && line.substr(0, newline).find('"') == line.npos) return begin_ + newline;
  }
  for (; at < line.size(); ++at) {
    const char c = line[at];
    if (place_ == Place::quoted) {
      at = std::min(line.find('"', at), line.size());
      if (at == line.size()) break;
      place_ = Place::after_quote;
    } else if (c == '"' && place_ == Place::after_quote) {
      place_ = Place::quoted;  // the second of two: text
    } else if (c == '"' && place_ == Place::field_start) {
      place_ = Place::quoted;
    } else if (c == '\n') {
      return begin_ + at;
    } else {
      place_ = c == options_.separator ? Place::field_start : Place::unquoted;
    }
  }
  scanned_ = line.size();
  return std::string_view::npos;
}

Result<bool> CsvReader::find_line(std::size_t& end, std::size_t& next) {
  while (true) {
    const std::size_t newline = line_end();
    const std::size_t size = std::min(newline, buffer_.size()) - begin_;
    if (size > row_bytes_max) {
      return failed(line_name() + " is longer than " + std::to_string(row_bytes_max) +
                    " bytes: perhaps a quote is not closed");
    }
    if (newline == std::string_view::npos) {
      if (!at_end_) {
        MR_TRY(fill());
        continue;
      }
      if (begin_ == buffer_.size()) return false;
      if (place_ == Place::quoted) return failed(line_name() + ": a quote is not closed");
      end = next = buffer_.size();
    } else {
      end = newline;
      next = newline + 1;
    }
    if (end > begin_ && buffer_[end - 1] == '\r') --end;
    if (end > begin_) return true;
    go_on_at(next);  // a blank line
  }
}

// The field that opens with a quote at line[at]; returns where its separator stands, or the line's size.
Result<std::size_t> CsvReader::take_quoted(std::string_view line, std::size_t at, std::vector<CsvRow::Field>& fields) {
  std::size_t start = unescaped_.size();  // reserved by split(): views into it stay valid
  for (std::size_t i = at + 1; i < line.size(); ++i) {
    if (line[i] != '"') {
      unescaped_ += line[i];
    } else if (i + 1 < line.size() && line[i + 1] == '"') {
      unescaped_ += line[i++];
    } else {
      if (i + 1 < line.size() && line[i + 1] != options_.separator) break;
      fields.push_back({std::string_view(unescaped_).substr(start), true});
      return i + 1;
    }
  }
  return failed(line_name() + ": text after a closing quote");
}

Result<> CsvReader::split(std::string_view line, std::vector<CsvRow::Field>& fields) {
  fields.clear();
  unescaped_.clear();
  unescaped_.reserve(line.size());
  for (std::size_t at = 0; at <= line.size();) {
    if (at < line.size() && line[at] == '"') {
      MR_ASSIGN(at, take_quoted(line, at, fields));
      ++at;
      continue;
    }
    std::size_t end = std::min(line.find(options_.separator, at), line.size());
    fields.push_back({line.substr(at, end - at), false});
    at = end + 1;
  }
  return {};
}

Result<> CsvReader::read_header() {
  MR_TRY(fill());
  if (buffer_.starts_with("\xef\xbb\xbf")) begin_ = 3;
  std::size_t end = 0, next = 0;
  MR_ASSIGN(bool found, find_line(end, next));
  if (!found) return failed("the file is empty: it has no header line");
  std::vector<CsvRow::Field> fields;
  MR_TRY(split(std::string_view(buffer_).substr(begin_, end - begin_), fields));
  go_on_at(next);
  for (const CsvRow::Field& field : fields) {
    std::string name(field.text);
    if (std::find(columns_.begin(), columns_.end(), name) != columns_.end())
      return failed("two columns are named " + name);
    columns_.push_back(std::move(name));
  }
  return {};
}

Result<bool> CsvReader::next(CsvRow& row) {
  std::size_t end = 0, next = 0;
  MR_ASSIGN(bool found, find_line(end, next));
  if (!found) return false;
  MR_TRY(split(std::string_view(buffer_).substr(begin_, end - begin_), row.fields_));
  if (row.fields_.size() != columns_.size()) {
    return failed("row " + std::to_string(row_ + 1) + " has " + std::to_string(row.fields_.size()) +
                  " fields, the header has " + std::to_string(columns_.size()));
  }
  go_on_at(next);
  row.columns_ = &columns_;
  row.options_ = &options_;
  row.number_ = ++row_;
  row.expected_ = 0;
  row.error_.reset();
  return true;
}

std::string_view CsvReader::tail() const {
  std::size_t size = std::min(begin_, window);
  return std::string_view(buffer_).substr(begin_ - size, size);
}

CsvPosition CsvReader::position() const { return {offset(), row_, crc32c(head()), crc32c(tail())}; }

Result<> CsvReader::resume(const CsvPosition& position) {
  std::string at = "byte " + std::to_string(position.byte_offset);
  // The checksum of the start first: it needs at most one window, which may come in several reads.
  while (!at_end_ && head_.size() < std::min<std::uint64_t>(window, position.byte_offset)) MR_TRY(fill());
  std::uint64_t tail_start = position.byte_offset - std::min<std::uint64_t>(window, position.byte_offset);
  begin_ = 0;
  std::uint64_t text_end = buffer_offset_ + buffer_.size();
  if (tail_start > text_end) {
    MR_ASSIGN(std::uint64_t skipped, stream_->skip(tail_start - text_end));
    buffer_.clear();
    buffer_offset_ = text_end + skipped;
  }
  while (!at_end_ && buffer_offset_ + buffer_.size() < position.byte_offset) MR_TRY(fill());
  if (buffer_offset_ + buffer_.size() < position.byte_offset) {
    return failed("the file was truncated: it was read up to " + at + " before, and ends at byte " +
                  std::to_string(buffer_offset_ + buffer_.size()));
  }
  go_on_at(position.byte_offset - buffer_offset_);
  row_ = position.row;
  if (crc32c(head()) != position.head_crc || crc32c(tail()) != position.tail_crc) {
    return failed("the file was replaced: its text up to " + at + " is not the one that was read before");
  }
  if (begin_ == buffer_.size() && !at_end_) MR_TRY(fill());
  bool ended_line = position.byte_offset == 0 || buffer_[begin_ - 1] == '\n';
  bool goes_on = begin_ < buffer_.size() && buffer_[begin_] != '\n' && buffer_[begin_] != '\r';
  if (!ended_line && goes_on)
    return failed("row " + std::to_string(row_) + " was the last one and is longer now: it was read before");
  return {};
}

}  // namespace millrace
