// FormatOptions: --format, --key-format, --value-format: how records are written as lines, the same wherever they are.
#pragma once
#include <initializer_list>
#include <string>

#include "cli/field_format.h"

namespace CLI {
class App;
}

namespace millrace::cli {

struct FormatOptions {
  std::string format = "text";  // or json
  std::string key_format = "string";
  std::string value_format = "string";

  bool json() const { return format == "json"; }
  FieldFormat key() const { return field_format_named(key_format); }
  FieldFormat value() const { return field_format_named(value_format); }
  // `what_json_is`: of this command, for --help.
  void add_to(CLI::App& command, const std::string& what_json_is);
  // For the command's callback. Throws CLI::ValidationError if one of `options`, which only text has, was given with
  // json.
  void check_text_only(const CLI::App& command, std::initializer_list<const char*> options) const;
};

}  // namespace millrace::cli
