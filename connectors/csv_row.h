// CsvRow: one row of a CSV file, its fields by the names of their columns. What a program's row function is given.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/result.h"

namespace millrace {

struct CsvOptions {
  char separator = ',';
  std::string null = "NA";  // an unquoted field of this text has no value
};

// One row, valid until the next is read. A column that does not exist, or text that is not a number, makes the row
// fail: the getter returns nothing and error() says what was wrong. The reader's owner must look at it after the row
// was used. One thread.
class CsvRow {
 public:
  // The field's text; none if it is null.
  std::optional<std::string_view> operator[](std::string_view column) const;
  // The field as a number; none if it is null or empty.
  std::optional<std::int64_t> integer(std::string_view column) const;
  std::optional<double> number(std::string_view column) const;
  // 1 for the first after the header.
  std::uint64_t number_in_file() const { return number_; }
  const std::vector<std::string>& columns() const { return *columns_; }
  // What a getter stumbled over first; null if nothing. INVALID_CONFIG for a column that isn't there, INVALID_RECORD
  // for a bad number.
  const Error* error() const { return error_ ? &*error_ : nullptr; }

 private:
  friend class CsvReader;
  struct Field {
    std::string_view text;
    bool quoted = false;
  };
  const Field* field(std::string_view column) const;
  void fail(ErrorCode code, std::string message) const;
  const std::vector<std::string>* columns_ = nullptr;
  const CsvOptions* options_ = nullptr;
  std::vector<Field> fields_;
  std::uint64_t number_ = 0;
  mutable std::size_t expected_ = 0;  // columns are mostly asked for in the order they stand
  mutable std::optional<Error> error_;
};

}  // namespace millrace
