#include "millrace/connectors/csv_row.h"

#include <charconv>

#include "millrace/base/config.h"

namespace millrace {

void CsvRow::fail(ErrorCode code, std::string message) const {
  if (!error_) error_.emplace(code, std::move(message));
}

const CsvRow::Field* CsvRow::field(std::string_view column) const {
  const auto& columns = *columns_;
  for (std::size_t tried = 0; tried < columns.size(); ++tried) {
    std::size_t i = expected_ + tried < columns.size() ? expected_ + tried : expected_ + tried - columns.size();
    if (columns[i] != column) continue;
    expected_ = i + 1 == columns.size() ? 0 : i + 1;
    return &fields_[i];
  }
  std::string near = nearest_name(column, columns);
  std::string hint = near.empty() ? "" : "; did you mean " + near + "?";
  fail(ErrorCode::invalid_config, "there is no column " + std::string(column) + hint);
  return nullptr;
}

std::optional<std::string_view> CsvRow::operator[](std::string_view column) const {
  const Field* found = field(column);
  if (!found || (!found->quoted && found->text == options_->null)) return std::nullopt;
  return found->text;
}

std::optional<std::int64_t> CsvRow::integer(std::string_view column) const {
  auto text = (*this)[column];
  if (!text || text->empty()) return std::nullopt;
  std::int64_t n = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), n);
  if (error == std::errc{} && end == text->data() + text->size()) return n;
  fail(ErrorCode::invalid_record, "column " + std::string(column) + ": " + std::string(*text) + " is not an integer");
  return std::nullopt;
}

std::optional<double> CsvRow::number(std::string_view column) const {
  auto text = (*this)[column];
  if (!text || text->empty()) return std::nullopt;
  double n = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), n);
  if (error == std::errc{} && end == text->data() + text->size()) return n;
  fail(ErrorCode::invalid_record, "column " + std::string(column) + ": " + std::string(*text) + " is not a number");
  return std::nullopt;
}

}  // namespace millrace
