// Configuration: tables of Kafka's keys, each with type, default, valid values and documentation, and values checked
// against them.
//
// A layer declares one table; text from programs, files and the command line becomes a Config or a ConfigError that
// says key, value and what is valid. docs/configuration.md is written from the tables.
//
//   inline const ConfigTable& topic_configs() {
//     static const ConfigTable table("Topics", {
//       {.name = "cleanup.policy", .type = ConfigType::list, .initial = "delete", .valid = one_of({"delete",
//       "compact"}), .doc = "…"},
//       {.name = "retention.ms", .type = ConfigType::duration_ms, .initial = "604800000", .valid = at_least(-1), .doc =
//       "…"}});
//     return table;
//   }
//   Config config(topic_configs(), {{"retention.ms", "1000"}});
//   config.duration("retention.ms");
#pragma once
#include <cstdint>
#include <initializer_list>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/result.h"
#include "millrace/base/types.h"

namespace millrace {

// A wrong configuration: thrown when it is built. The message names the key, its value and what would have been valid.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class ConfigType : std::uint8_t {
  boolean,  // true or false, in any case, as Kafka's
  integer,  // 64 bits
  real,
  duration_ms,  // an integer of milliseconds
  size_bytes,   // an integer of bytes
  string,
  list,  // strings separated by commas, blanks around them dropped; an empty text is an empty list
};
// "boolean", "int", "double", "duration (ms)", "size (bytes)", "string", "list".
std::string_view name_of(ConfigType type);

// Which values are valid beyond the type. Numbers: a range, both ends included. Strings and each entry of a list: one
// of `words`.
struct ValidValues {
  double lowest = -1e300;
  double highest = 1e300;
  std::vector<std::string> words;
  bool non_empty = false;
  // "at least 1", "between 0 and 1", "one of delete, compact", "not empty"; empty: anything goes.
  std::string text() const;
};
ValidValues anything();
ValidValues at_least(double lowest);
ValidValues between(double lowest, double highest);
ValidValues one_of(std::initializer_list<std::string_view> words);
ValidValues not_empty();

struct ConfigKey {
  std::string name;
  ConfigType type = ConfigType::string;
  std::string initial;    // the default, as text
  bool required = false;  // has no default: must be given
  ValidValues valid;
  std::string doc;    // sentences, in Markdown
  std::string kafka;  // empty: Kafka's key with Kafka's default; else in what way ours differs ("Kafka's default is 1")
};

using ConfigValues = std::map<std::string, std::string>;

// A set of keys. Immutable once built. Threads: any.
class ConfigTable {
 public:
  // `title` heads the table's section in docs/configuration.md. A key twice, or a default that its own rule refuses, is
  // our mistake: aborts.
  ConfigTable(std::string title, std::vector<ConfigKey> keys);
  const std::string& title() const { return title_; }
  const std::vector<ConfigKey>& keys() const { return keys_; }
  // Null if there is none.
  const ConfigKey* find(std::string_view name) const;
  // The key that `name` is most likely meant to be; empty if none is near.
  std::string nearest(std::string_view name) const;
  // Error: INVALID_CONFIG for a key that the table doesn't have (naming the nearest) or a value that its rule refuses.
  Result<> check(const std::string& name, const std::string& value) const;
  // A section of docs/configuration.md: heading and one table row a key, by name.
  std::string markdown() const;

 private:
  std::string nearest_by_words(std::string_view name) const;
  std::string title_;
  std::vector<ConfigKey> keys_;  // by name
};

// Values, checked, with the defaults for what was not given. Copyable. Threads: reads from any.
class Config {
 public:
  // Throws ConfigError for an unknown key, a value that its rule refuses, or a required key that is missing. `table`
  // must outlive it.
  Config(const ConfigTable& table, const ConfigValues& values);
  // The same, as INVALID_CONFIG: for what comes over the wire or from a file that others wrote.
  static Result<Config> parse(const ConfigTable& table, const ConfigValues& values);

  // Precondition of all getters: the table has `name` with a fitting type.
  bool boolean(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;  // also of durations and sizes
  double real(std::string_view name) const;
  Duration duration(std::string_view name) const;
  const std::string& string(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;
  // Whether `name` was given, as opposed to left at its default.
  bool is_set(std::string_view name) const;
  // What was given, and nothing else.
  const ConfigValues& values() const { return values_; }

 private:
  struct Checked {};
  Config(const ConfigTable& table, const ConfigValues& values, Checked) : table_(&table), values_(values) {}
  const std::string& text(std::string_view name, std::initializer_list<ConfigType> types) const;
  const ConfigTable* table_;
  ConfigValues values_;
};

// Kafka's .properties syntax: "key=value", "key: value" or "key value" a line, '#' or '!' comments, a backslash at the
// end of a line joins the next, escapes \t \n \r \f \\ \uXXXX. A key twice: the last wins, as in Java. Error:
// INVALID_CONFIG with the line's number for a malformed \u escape. Source: java.util.Properties.load.
Result<ConfigValues> parse_properties(std::string_view text);

// How many insertions, removals, replacements and swaps of neighbours turn `a` into `b`.
int edit_distance(std::string_view a, std::string_view b);
// The entry of `known` that `name` was most likely meant to be: at most a third of its letters away. Empty if there is
// none.
std::string nearest_name(std::string_view name, const std::vector<std::string>& known);

}  // namespace millrace
