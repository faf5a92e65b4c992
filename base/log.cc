#include "millrace/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdlib>
#include <mutex>

namespace millrace {
namespace {

constexpr std::string_view level_names[] = {"debug", "info", "warn", "error", "off"};
constexpr std::string_view level_labels[] = {"DEBUG", "INFO", "WARN", "ERROR", "OFF"};

LogLevel level_from_environment() {
  LogLevel level = LogLevel::warn;
  const char* wanted = std::getenv("MILLRACE_LOG");
  if (wanted && *wanted && !parse_log_level(wanted, level)) {
    std::fprintf(stderr, "MILLRACE_LOG=%s: expected debug, info, warn, error or off; using warn\n", wanted);
  }
  return level;
}

std::atomic<LogLevel>& level() {
  static std::atomic<LogLevel> it = level_from_environment();
  return it;
}

std::mutex& capture_mutex() {
  static auto* it = new std::mutex;
  return *it;
}
CapturedLog* captured = nullptr;  // the innermost; guarded by capture_mutex()

spdlog::logger& to_stderr() {
  static auto* logger = [] {
    auto* it = new spdlog::logger("millrace", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    it->set_pattern("%Y-%m-%dT%H:%M:%S.%e %v");
    it->set_level(spdlog::level::trace);  // ours decides
    it->flush_on(spdlog::level::trace);
    return it;
  }();
  return *logger;
}

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (char c : value) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) return true;
  }
  return false;
}

void append_quoted(std::string& out, std::string_view value) {
  constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (char c : value) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (byte < ' ' || byte == 0x7f)
      ((out += "\\x") += hex[byte >> 4]) += hex[byte & 15];
    else
      out += c;
  }
  out += '"';
}

}  // namespace

std::string_view name_of(LogLevel level) { return level_names[static_cast<std::size_t>(level)]; }

bool parse_log_level(std::string_view name, LogLevel& level) {
  for (std::size_t i = 0; i < std::size(level_names); ++i) {
    if (level_names[i] == name) return level = static_cast<LogLevel>(i), true;
  }
  return false;
}

LogLevel log_level() { return level().load(std::memory_order_relaxed); }
void set_log_level(LogLevel wanted) { level().store(wanted, std::memory_order_relaxed); }
bool log_enabled(LogLevel asked) { return asked >= log_level() && asked != LogLevel::off; }

std::string format_log(std::string_view message, std::initializer_list<LogField> fields) {
  std::string line(message);
  for (const LogField& field : fields) {
    ((line += ' ') += field.name()) += '=';
    if (needs_quotes(field.value()))
      append_quoted(line, field.value());
    else
      line += field.value();
  }
  return line;
}

void log(LogLevel at, std::string_view message, std::initializer_list<LogField> fields) {
  if (!log_enabled(at)) return;
  std::string line(level_labels[static_cast<std::size_t>(at)]);
  (line += ' ') += format_log(message, fields);
  {
    std::lock_guard lock(capture_mutex());
    if (captured) {
      captured->lines_.push_back(std::move(line));
      return;
    }
  }
  to_stderr().log(spdlog::level::info, "{}", line);
}

CapturedLog::CapturedLog(LogLevel wanted) : outer_level_(log_level()) {
  std::lock_guard lock(capture_mutex());
  outer_ = captured;
  captured = this;
  set_log_level(wanted);
}

CapturedLog::~CapturedLog() {
  std::lock_guard lock(capture_mutex());
  captured = outer_;
  set_log_level(outer_level_);
}

std::vector<std::string> CapturedLog::lines() const {
  std::lock_guard lock(capture_mutex());
  return lines_;
}

bool CapturedLog::contains(std::string_view text) const {
  std::lock_guard lock(capture_mutex());
  for (const std::string& line : lines_) {
    if (line.find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace millrace
