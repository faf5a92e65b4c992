#include "cli/record_lines.h"

#include <charconv>
#include <nlohmann/json.hpp>

namespace millrace::cli {
namespace {

void append_number(std::string& out, std::int64_t n) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, n).ptr);
}

// Strings are by far the most frequent: written without an object in between.
Result<> append_json_field(std::string& out, BytesView field, bool present, FieldFormat format) {
  if (!present) {
    out += "null";
  } else if (format == FieldFormat::string && is_utf8(field)) {
    append_json_string(out, field);
  } else {
    MR_ASSIGN(auto json, to_json(field, format));
    out += json.dump();
  }
  return {};
}

Result<> append_headers(std::string& out, const RecordView& record) {
  MR_ASSIGN(Headers headers, decode_headers(record));
  bool first = true;
  for (const Header& header : headers) {
    out += first ? "{\"key\":" : ",{\"key\":";
    first = false;
    MR_TRY(append_json_field(out, header.name, true, FieldFormat::string));
    out += ",\"value\":";
    MR_TRY(append_json_field(out, header.value ? BytesView(*header.value) : BytesView(), header.value.has_value(),
                             FieldFormat::string));
    out += '}';
  }
  return {};
}

Result<> append_json(std::string& out, const LineFormat& format, const TopicPartition& partition,
                     const RecordView& record) {
  out += "{\"topic\":";
  append_json_string(out, partition.topic);
  out += ",\"partition\":";
  append_number(out, partition.partition);
  out += ",\"offset\":";
  append_number(out, record.offset);
  out += ",\"timestamp\":";
  append_number(out, record.timestamp.ms);
  out += ",\"key\":";
  MR_TRY(append_json_field(out, record.key, record.has_key(), format.key));
  out += ",\"value\":";
  MR_TRY(append_json_field(out, record.value, record.has_value(), format.value));
  out += ",\"headers\":[";
  if (record.header_count > 0) MR_TRY(append_headers(out, record));
  out += "]}";
  return {};
}

Result<> append_text_field(std::string& out, BytesView field, bool present, FieldFormat format,
                           const std::string& null) {
  if (!present) {
    out += null;
  } else if (format == FieldFormat::string) {
    out += field;
  } else {
    MR_ASSIGN(std::string text, to_text(field, format));
    out += text;
  }
  return {};
}

Result<> append_text(std::string& out, const LineFormat& format, const RecordView& record) {
  if (format.print_key) {
    MR_TRY(append_text_field(out, record.key, record.has_key(), format.key, format.null));
    out += format.separator;
  }
  return append_text_field(out, record.value, record.has_value(), format.value, format.null);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  out += '"';
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, from, i - from);
    from = i + 1;
    out += '\\';
    switch (c) {
      case '\n':
        out += 'n';
        break;
      case '\t':
        out += 't';
        break;
      case '\r':
        out += 'r';
        break;
      case '"':
      case '\\':
        out += static_cast<char>(c);
        break;
      default:
        ((out += "u00") += digits[c >> 4]) += digits[c & 15];
    }
  }
  out.append(text, from, text.size() - from);
  out += '"';
}

Result<> append_line(std::string& out, const LineFormat& format, const TopicPartition& partition,
                     const RecordView& record) {
  const std::size_t before = out.size();
  auto done = format.json ? append_json(out, format, partition, record) : append_text(out, format, record);
  if (!done) {
    out.resize(before);  // no half lines
    return std::move(done).error().in(partition.text() + " offset " + std::to_string(record.offset));
  }
  out += '\n';
  return {};
}

}  // namespace millrace::cli
