#include "cli/format_options.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace millrace::cli {

void FormatOptions::add_to(CLI::App& command, const std::string& what_json_is) {
  command.add_option("--format", format, "json: " + what_json_is)
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command.add_option("--key-format", key_format, "What keys are")
      ->check(CLI::IsMember(field_format_names()))
      ->capture_default_str();
  command.add_option("--value-format", value_format, "What values are")
      ->check(CLI::IsMember(field_format_names()))
      ->capture_default_str();
}

void FormatOptions::check_text_only(const CLI::App& command, std::initializer_list<const char*> options) const {
  for (const char* option : options)
    if (json() && command.count(option) > 0) throw CLI::ValidationError(option, "it belongs to --format text");
}

}  // namespace millrace::cli
