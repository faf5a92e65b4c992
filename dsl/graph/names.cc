#include "millrace/dsl/graph/names.h"

#include <algorithm>
#include <cstdio>

#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_legal(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' || c == '_' || c == '-';
}

}  // namespace

std::string Names::generate(std::string_view prefix) {
  char number[16];
  std::snprintf(number, sizeof number, "%010d", next_++);
  return std::string(prefix) + number;
}

std::string Names::generate_store(std::string_view prefix) { return generate(std::string(prefix) + "STATE-STORE-"); }

std::string Names::given_or(std::string_view given, std::string_view prefix) {
  std::string generated = generate(prefix);
  return given.empty() ? generated : std::string(given);
}

std::string Names::suffixed_or(std::string_view given, std::string_view suffix, std::string_view prefix) {
  std::string generated = generate(prefix);
  if (given.empty()) return generated;
  std::string name = std::string(given) + std::string(suffix);
  check_name(name);
  return name;
}

void check_name(std::string_view name) {
  if (name.empty()) return;
  if (name == "." || name == "..") throw TopologyError("Invalid topology: Name cannot be \".\" or \"..\"");
  if (name.size() > 249) {
    throw TopologyError("Invalid topology: Name is illegal, it can't be longer than 249 characters, name: " +
                        std::string(name));
  }
  if (!std::all_of(name.begin(), name.end(), is_legal)) {
    throw TopologyError("Invalid topology: Name \"" + std::string(name) +
                        "\" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'");
  }
}

bool is_generated_stream_name(std::string_view name) {  // KSTREAM.*-[0-9]{10}
  return name.starts_with("KSTREAM") && name.size() >= 18 && name[name.size() - 11] == '-' &&
         std::all_of(name.end() - 10, name.end(), is_digit);
}

}  // namespace millrace
