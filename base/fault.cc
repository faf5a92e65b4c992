#include "millrace/base/fault.h"

#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

namespace millrace {

bool faults_enabled = false;

namespace {

struct FaultState {
  std::mutex mutex;
  std::map<std::string, long, std::less<>> passes;
  FaultOrder order;
  std::string log_path;
};
FaultState& state() {
  static auto* it = new FaultState;  // outlives every static object that may still touch a file at exit
  return *it;
}

void write_fault_log() {
  FaultState& s = state();
  std::lock_guard lock(s.mutex);
  std::FILE* out = std::fopen(s.log_path.c_str(), "w");
  if (!out) return;
  for (const auto& [site, count] : s.passes) std::fprintf(out, "%s %ld\n", site.c_str(), count);
  std::fclose(out);
}

void die() {
  ::kill(::getpid(), SIGKILL);
  ::pause();
}

}  // namespace

bool parse_fault_order(std::string_view text, FaultOrder& order) {
  std::size_t last = text.rfind(':');
  if (last == std::string_view::npos || last == 0) return false;
  std::size_t middle = text.rfind(':', last - 1);
  if (middle == std::string_view::npos || middle == 0) return false;
  std::string_view when = text.substr(middle + 1, last - middle - 1);
  std::string_view number = text.substr(last + 1);
  if (when != "before" && when != "after") return false;
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), order.pass);
  if (error != std::errc{} || end != number.data() + number.size() || order.pass < 1) return false;
  order.site = text.substr(0, middle);
  order.after = when == "after";
  return true;
}

void read_fault_environment() {
  const char* order = std::getenv("MILLRACE_FAULT");
  const char* log = std::getenv("MILLRACE_FAULT_LOG");
  if (order && *order && !parse_fault_order(order, state().order)) {
    std::fprintf(stderr, "MILLRACE_FAULT=%s: expected site:before:n or site:after:n, n from 1\n", order);
    std::exit(2);
  }
  if (log && *log) {
    state().log_path = log;
    std::atexit(write_fault_log);
  }
  faults_enabled = (order && *order) || (log && *log);
}

void FaultPass::enter() {
  FaultState& s = state();
  std::lock_guard lock(s.mutex);
  auto found = s.passes.find(site_);
  if (found == s.passes.end()) found = s.passes.emplace(std::string(site_), 0).first;
  number_ = ++found->second;
  if (number_ == s.order.pass && !s.order.after && site_ == s.order.site) die();
}

void FaultPass::leave() {
  const FaultOrder& order = state().order;
  if (number_ == order.pass && order.after && site_ == order.site) die();
}

}  // namespace millrace
