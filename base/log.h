// The program's own log: one line a record, a sentence and key=value pairs, to stderr.
//
//   log_warn("restoring from the start", {{"task", id}, {"changelog", partition.text()}, {"reason", "position beyond
//   the log end"}}); 2026-03-01T12:00:00.123 WARN restoring from the start task=0_1 changelog=app-counts-changelog-1
//   reason="position beyond the log end"
//
// For what an operator must know, per event: never per record. Below the level nothing is formatted, but the arguments
// are built: guard costly ones with log_enabled(). The level is `warn` unless MILLRACE_LOG says debug, info, warn,
// error or off.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace {

enum class LogLevel : std::uint8_t { debug, info, warn, error, off };
// "debug", "info", …; the reverse gives false for anything else.
std::string_view name_of(LogLevel level);
bool parse_log_level(std::string_view name, LogLevel& level);

// One key=value pair. Takes strings, numbers and bools.
class LogField {
 public:
  LogField(std::string_view name, std::string value) : name_(name), value_(std::move(value)) {}
  LogField(std::string_view name, std::string_view value) : LogField(name, std::string(value)) {}
  LogField(std::string_view name, const char* value) : LogField(name, std::string(value)) {}
  LogField(std::string_view name, bool value) : LogField(name, value ? "true" : "false") {}
  template <class N>
    requires(std::is_arithmetic_v<N> && !std::is_same_v<N, bool>)
  LogField(std::string_view name, N value) : LogField(name, std::to_string(value)) {}
  std::string_view name() const { return name_; }
  const std::string& value() const { return value_; }

 private:
  std::string_view name_;
  std::string value_;
};

// Threads, of all below: any.
LogLevel log_level();
void set_log_level(LogLevel level);
bool log_enabled(LogLevel level);
void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
inline void log_debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::debug, message, fields);
}
inline void log_info(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::info, message, fields);
}
inline void log_warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::warn, message, fields);
}
inline void log_error(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::error, message, fields);
}

// "message key=value key="two words"": a value is quoted, with \" \\ \n \r \t escaped, if it is empty or holds a blank,
// a quote, '=' or a control character. The text of a line after its time and level.
std::string format_log(std::string_view message, std::initializer_list<LogField> fields);

// While it lives, records of `level` and above go here instead of to stderr, as "WARN message key=value" without a
// time: what a test looks at, and what a simulation compares between two runs of a seed. They nest; the innermost gets
// everything.
class CapturedLog {
 public:
  explicit CapturedLog(LogLevel level = LogLevel::debug);
  ~CapturedLog();
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  std::vector<std::string> lines() const;
  // Whether a line holds `text`.
  bool contains(std::string_view text) const;

 private:
  friend void log(LogLevel, std::string_view, std::initializer_list<LogField>);
  std::vector<std::string> lines_;
  CapturedLog* outer_;
  LogLevel outer_level_;
};

}  // namespace millrace
